// SPDX-License-Identifier: GPL-2.0
/*
 * Scrapes over HTTP, by libmicrohttpd: one thread, many connections, a time
 * limit for each, so that a client that hangs keeps nobody waiting.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <microhttpd.h>
#include <systemd/sd-daemon.h>

#include "common/util.h"
#include "dynmem/cmd.h"
#include "dynmem/metrics/metrics.h"

#define CONNECTIONS_MAX	 64u
#define TIMEOUT_SECONDS	 10u
#define CACHE_SECONDS	 1
#define METHODS_NOT_HERE "only GET and HEAD are answered here\n"

static const char page[] = "dynmem metrics: see /metrics\n";

/* Several scrapers at once, or one that is wild, ask the daemon once a second. */
static struct {
	char *text;
	size_t size;
	time_t at;
} cache[2];

static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool refresh(enum metrics_format format)
{
	char *text;
	size_t size;

	if (cache[format].text && seconds_now() - cache[format].at < CACHE_SECONDS)
		return true;
	if (metrics_text(format, &text, &size) < 0)
		return false;
	free(cache[format].text);
	cache[format].text = text;
	cache[format].size = size;
	cache[format].at = seconds_now();
	return true;
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned int status, const char *type,
			     const char *text, size_t size)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(size, (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	r = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result reply_text(struct MHD_Connection *c, unsigned int status, const char *text)
{
	return reply(c, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result reply_metrics(struct MHD_Connection *c)
{
	const char *accept =
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	enum metrics_format format = accept && strstr(accept, "application/openmetrics-text")
					     ? METRICS_OPENMETRICS
					     : METRICS_PLAIN;

	if (!refresh(format))
		return reply_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
	return reply(c, MHD_HTTP_OK,
		     format == METRICS_OPENMETRICS ? METRICS_TYPE_OPENMETRICS : METRICS_TYPE_PLAIN,
		     cache[format].text, cache[format].size);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *body,
				  size_t *body_size, void **request)
{
	static char seen;

	(void)data;
	(void)version;
	(void)body;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		/* What it sends is not read: it is answered once. */
		*body_size = 0;
		return reply_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, METHODS_NOT_HERE);
	}
	/* Headers come first, an answer is due with the second call. */
	if (!*request) {
		*request = &seen;
		return MHD_YES;
	}
	if (!strcmp(url, "/metrics"))
		return reply_metrics(c);
	return reply_text(c, strcmp(url, "/") != 0 ? MHD_HTTP_NOT_FOUND : MHD_HTTP_OK, page);
}

/* "HOST:PORT", "[HOST]:PORT", "PORT" */
static bool split(const char *address, char host[static 256], char port[static 16])
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;
	unsigned long number;

	snprintf(port, 16, "%s", colon ? colon + 1 : address);
	if (!cmd_whole(port, 1, 65535, &number))
		return false;
	if (!colon) {
		snprintf(host, 256, "%s", METRICS_ADDRESS);
		return true;
	}
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	} else if (memchr(address, ':', n)) {
		return false;
	}
	if (!n || n >= 256)
		return false;
	memcpy(host, address, n);
	host[n] = '\0';
	return true;
}

static int bind_one(const struct addrinfo *a)
{
	int one = 1, fd, error;

	fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, CONNECTIONS_MAX) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* Prints what is wrong; the exit status goes to @status. */
static int open_socket(const char *address, int *status)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	char host[256], port[16];
	int fd, r;

	if (!split(address, host, port)) {
		*status = cmd_usage_error(
			"metrics",
			"--listen takes HOST:PORT, [IPv6]:PORT or PORT, a port from 1 to 65535, not '%s'",
			address);
		return -1;
	}
	*status = EXIT_FAILURE;
	r = getaddrinfo(host, port, &hints, &all);
	if (r != 0) {
		fprintf(stderr, "dynmem metrics: '%s' is no address of this host: %s\n", host,
			gai_strerror(r));
		return -1;
	}
	fd = bind_one(all);
	freeaddrinfo(all);
	if (fd == -EADDRINUSE)
		fprintf(stderr,
			"dynmem metrics: port %s of %s is in use: give another to --listen, or find its owner with 'ss -ltnp'\n",
			port, host);
	else if (fd < 0)
		fprintf(stderr, "dynmem metrics: cannot listen on %s: %s\n", address,
			strerror(-fd));
	return fd;
}

int metrics_serve(const char *address)
{
	struct MHD_Daemon *daemon;
	sigset_t signals;
	int fd, status, signal_number;

	fd = open_socket(address, &status);
	if (fd < 0)
		return status;
	/* Before there is a thread, so that it inherits this. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL,
				  on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				  MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_SECONDS, MHD_OPTION_END);
	if (!daemon) {
		fprintf(stderr, "dynmem metrics: the server cannot be started: %s\n",
			strerror(errno));
		close(fd);
		return EXIT_FAILURE;
	}
	fprintf(stderr, "dynmem metrics: listening on %s\n", address);
	sd_notify(0, "READY=1");
	sigwait(&signals, &signal_number);
	MHD_stop_daemon(daemon);
	for (size_t i = 0; i < ARRAY_SIZE(cache); i++)
		free(cache[i].text);
	return EXIT_SUCCESS;
}
