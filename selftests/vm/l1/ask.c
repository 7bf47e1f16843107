// SPDX-License-Identifier: GPL-2.0
/*
 * ask - sends a line to a guest's agent and prints its answer
 *
 *   ask [-t SECONDS] SOCKET COMMAND...
 *
 * Exit status 0 for "ok" (what follows it is printed), 1 for "error" (the text
 * goes to stderr), 2 when no answer came.
 *
 * Each question carries an id, since the answer to an earlier one that nobody
 * waited for any more may still come.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unix_line.h"

#define DEFAULT_TIMEOUT_S 60

static struct unix_line line;

static int no_answer(const char *socket, int ret)
{
	fprintf(stderr, "ask: %s: %s\n", socket,
		ret == -EPIPE ? "the guest is gone" : strerror(-ret));
	return 2;
}

int main(int argc, char **argv)
{
	char id[32], text[4096], *answer;
	int timeout_s = DEFAULT_TIMEOUT_S;
	struct timespec ts;
	size_t used;
	int opt, ret;

	while ((opt = getopt(argc, argv, "+t:")) != -1) {
		timeout_s = opt == 't' ? atoi(optarg) : 0;
		if (timeout_s <= 0)
			argc = 0;
	}
	if (argc - optind < 2) {
		fprintf(stderr, "usage: ask [-t SECONDS] SOCKET COMMAND [ARGUMENT...]\n");
		return 2;
	}

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(id, sizeof(id), "%d.%lld.%ld ", getpid(), (long long)ts.tv_sec, ts.tv_nsec);
	used = snprintf(text, sizeof(text), "%s", id);
	for (int i = optind + 1; i < argc && used < sizeof(text); i++)
		used += snprintf(text + used, sizeof(text) - used, "%s%s",
				 i > optind + 1 ? " " : "", argv[i]);
	if (used + 1 >= sizeof(text)) {
		fprintf(stderr, "ask: the command is too long\n");
		return 2;
	}
	strcat(text, "\n");

	ret = unix_line_open(&line, argv[optind], timeout_s);
	if (!ret)
		ret = unix_line_write(&line, text);
	if (ret)
		return no_answer(argv[optind], ret);
	do {
		ret = unix_line_read(&line, text, sizeof(text));
		if (ret)
			return no_answer(argv[optind], ret);
	} while (strncmp(text, id, strlen(id)));

	answer = text + strlen(id);
	if (!strncmp(answer, "error ", 6)) {
		fprintf(stderr, "%s\n", answer + 6);
		return 1;
	}
	answer += 2;
	if (*answer == ' ')
		puts(answer + 1);
	return 0;
}
