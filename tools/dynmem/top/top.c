// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem top: the loop, and what comes in from the bus, the keys and signals.
 * Nothing here blocks: a daemon that hangs is one that does not answer.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmem/bus.h"
#include "dynmem/cmd.h"
#include "dynmem/out.h"
#include "dynmem/top/top.h"

#define EVERY_MAX_SECONDS 3600
#define ANSWER_USEC	  (3 * USEC_PER_SEC)

struct top {
	sd_event *event;
	sd_bus *bus;
	bool asking;		  /* a call is under way */
	struct json_object *host; /* of this round, until its guests are there */
	unsigned long every;
	struct top_data data;
	struct top_view view;
	struct top_row *rows;
};

static void draw(struct top *t)
{
	time_t now = time(NULL);
	struct top_row *rows;
	struct tm tm;

	strftime(t->data.clock, sizeof(t->data.clock), "%H:%M:%S", localtime_r(&now, &tm));
	top_screen_size(&t->view.columns, &t->view.rows);
	rows = reallocarray(t->rows, t->view.rows, sizeof(*rows));
	if (!rows)
		return;
	t->rows = rows;
	top_layout(&t->data, &t->view, rows);
	top_screen_draw(rows, t->view.rows);
}

static void failed(struct top *t, int error)
{
	t->asking = false;
	json_object_put(t->host);
	t->host = NULL;
	snprintf(t->data.problem, sizeof(t->data.problem), "%s%s",
		 t->data.host ? "old figures: " : "", bus_error(error));
	draw(t);
}

/* The error of an answer: 0 if it is none. */
static int error_of(sd_bus_message *m)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);

	if (!e)
		return 0;
	if (sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return -ESRCH;
	return sd_bus_message_get_errno(m) ? -sd_bus_message_get_errno(m) : -EIO;
}

static int ask(struct top *t, const char *method, sd_bus_message_handler_t answer)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(t->bus, &m, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					       DYNMEM_BUS_INTERFACE, method);

	if (r >= 0) {
		/* The bus must not start a daemon that the operator has stopped. */
		sd_bus_message_set_auto_start(m, 0);
		r = sd_bus_call_async(t->bus, NULL, m, answer, t, ANSWER_USEC);
	}
	sd_bus_message_unref(m);
	return r;
}

static int on_guests(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct json_object *guests = NULL;
	struct top *t = userdata;
	int r = error_of(m);

	(void)error;
	if (r == 0 && bus_read_value(m, sd_bus_message_get_signature(m, 1), &guests) <= 0)
		r = -EBADMSG;
	if (r < 0) {
		failed(t, r);
		return 0;
	}
	json_object_put(t->data.host);
	json_object_put(t->data.guests);
	t->data.host = t->host;
	t->data.guests = guests;
	t->host = NULL;
	t->asking = false;
	t->data.problem[0] = '\0';
	draw(t);
	return 0;
}

static int on_host(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct top *t = userdata;
	int r = error_of(m);

	(void)error;
	if (r == 0 && bus_read_value(m, sd_bus_message_get_signature(m, 1), &t->host) <= 0)
		r = -EBADMSG;
	if (r == 0)
		r = ask(t, "ListGuests", on_guests);
	if (r < 0)
		failed(t, r);
	return 0;
}

static int on_decision(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *guest, *code, *reason;
	char a[OUT_BYTES_MAX], text[512];
	struct top *t = userdata;
	uint64_t from, to;

	(void)error;
	if (sd_bus_message_read(m, "sttss", &guest, &from, &to, &code, &reason) < 0)
		return 0;
	snprintf(text, sizeof(text), "%s %s to %s: %s", t->data.clock, guest, out_bytes(to, a),
		 reason);
	top_decision(&t->data, text);
	draw(t);
	return 0;
}

static int open_bus(struct top *t)
{
	int r = bus_open(&t->bus);

	if (r >= 0)
		r = sd_bus_match_signal_async(t->bus, NULL, NULL, DYNMEM_BUS_PATH,
					      DYNMEM_BUS_INTERFACE, "Decision", on_decision, NULL,
					      t);
	if (r >= 0)
		r = sd_bus_attach_event(t->bus, t->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		t->bus = sd_bus_close_unref(t->bus);
	return r;
}

/* The bus, too, may go and come back. */
static void refresh_now(struct top *t)
{
	int r = 0;

	if (t->bus && sd_bus_is_open(t->bus) <= 0) {
		t->bus = sd_bus_close_unref(t->bus);
		t->asking = false;
	}
	if (!t->bus)
		r = open_bus(t);
	if (r >= 0 && !t->asking)
		r = ask(t, "GetHost", on_host);
	if (r < 0)
		failed(t, r);
	else
		t->asking = true;
}

static int on_every(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct top *t = userdata;

	refresh_now(t);
	draw(t);
	sd_event_source_set_time(s, usec + t->every * USEC_PER_SEC);
	return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int on_input(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct top *t = userdata;
	int key;

	(void)s;
	(void)fd;
	while ((key = top_screen_key()) >= 0)
		if (!top_key(&t->view, key))
			return sd_event_exit(t->event, 0);
	if (key == -2 || revents & (EPOLLHUP | EPOLLERR))
		return sd_event_exit(t->event, EXIT_FAILURE);
	draw(t);
	return 0;
}

static int on_resize(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void)s;
	(void)si;
	draw(userdata);
	return 0;
}

static int set_up(struct top *t)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaddset(&signals, ends[i]);
	sigaddset(&signals, SIGWINCH);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	r = sd_event_default(&t->event);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ends); i++)
		r = sd_event_add_signal(t->event, NULL, ends[i], NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(t->event, NULL, SIGWINCH, on_resize, t);
	if (r >= 0)
		r = sd_event_add_io(t->event, NULL, STDIN_FILENO, EPOLLIN, on_input, t);
	if (r >= 0)
		r = sd_event_add_time_relative(t->event, NULL, CLOCK_MONOTONIC, 0, 0, on_every, t);
	return r;
}

static int run(struct top *t, bool color)
{
	int r;

	if (!top_screen_open(color))
		return EXIT_FAILURE;
	r = set_up(t);
	if (r >= 0)
		r = sd_event_loop(t->event);
	top_screen_close();
	if (r < 0)
		fprintf(stderr, "dynmem top: %s\n", strerror(-r));
	sd_bus_close_unref(t->bus);
	sd_event_unref(t->event);
	json_object_put(t->host);
	json_object_put(t->data.host);
	json_object_put(t->data.guests);
	free(t->rows);
	return r < 0 ? EXIT_FAILURE : r;
}

static void help(void)
{
	printf("Usage: dynmem top [--every SECONDS] [--sort KEY] [--filter TEXT] [--no-color]\n\n"
	       "Host and guests on a terminal, live. A guest's bar: '#' used, '=' free, '.' lent to\n"
	       "others; '|' its min, '>' the target that its balloon is on its way to. The host's:\n"
	       "'#' used, 'R' the reserve, 'h' held for what guests can call in.\n\n"
	       "Options:\n"
	       "  -e, --every SECONDS  how often it is asked (1 to %d; default 1)\n"
	       "  -s, --sort KEY       name, used, actual, max or rss\n"
	       "  -f, --filter TEXT    only guests with that in their names\n"
	       "  -n, --no-color       as with NO_COLOR in the environment\n"
	       "  -h, --help           this text\n\n"
	       "Keys: q quit, s sort by another key, r reverse, / filter, Esc all guests, arrows,\n"
	       "Page Up, Page Down, Home.\n",
	       EVERY_MAX_SECONDS);
}

static bool find_sort(const char *name, enum top_sort *ret)
{
	for (int i = 0; i < TOP_SORTS; i++)
		if (!strcmp(name, top_sort_name(i))) {
			*ret = i;
			return true;
		}
	return false;
}

int cmd_top(int argc, char **argv)
{
	static const struct option options[] = { { "every", required_argument, NULL, 'e' },
						 { "sort", required_argument, NULL, 's' },
						 { "filter", required_argument, NULL, 'f' },
						 { "no-color", no_argument, NULL, 'n' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "top", ":e:s:f:nh", options, help, false, 0 };
	const char *no_color = getenv("NO_COLOR");
	bool color = !no_color || !*no_color;
	struct top t = { .every = 1 };
	int opt;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		switch (opt) {
		case 'e':
			if (!cmd_whole(optarg, 1, EVERY_MAX_SECONDS, &t.every))
				return cmd_usage_error(
					"top", "--every takes whole seconds, 1 to %d, not '%s'",
					EVERY_MAX_SECONDS, optarg);
			break;
		case 's':
			if (!find_sort(optarg, &t.view.sort))
				return cmd_usage_error(
					"top",
					"--sort takes name, used, actual, max or rss, not '%s'",
					optarg);
			break;
		case 'f':
			snprintf(t.view.filter, sizeof(t.view.filter), "%s", optarg);
			break;
		case 'n':
			color = false;
			break;
		default:
			return line.status;
		}
	}
	if (cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;
	return run(&t, color);
}
