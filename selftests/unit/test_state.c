// SPDX-License-Identifier: GPL-2.0
/* What outlives the daemon: its text, its file, and whatever may befall it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "dynmemd/base/log.h"
#include "dynmemd/state/state_file.h"
#include "common/util.h"

static char folder[64], path[80];

static int setup(_unused_ void **state)
{
	log_open(LOG_EMERG - 1);
	strcpy(folder, "/tmp/dynmem-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/state", folder);
	return 0;
}

static int teardown(_unused_ void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* No value is its default, nor another one's. */
static void fill(struct state *s, unsigned int guests)
{
	char name[32];

	*s = (struct state){
		.time = 1700000000,
		.boot = "6d4ee6b0-0b6a-4a59-a9b0-95ac0e47e3a1",
		.drain = 1,
		.host = { .touch_rate = 5 * GIB, .outside_growth = 7 * MIB },
		.next_reservation = 1000,
		.n_reserved = guests ? 2 : 0,
	};
	if (guests) {
		s->reserved[0] = (struct reservation){ 998, 5 * GIB, 1700000600, "new one" };
		s->reserved[1] = (struct reservation){ 999, GIB, UINT64_MAX, "" };
	}
	for (unsigned int i = 0; i < guests / 2; i++) {
		struct settings *set;

		snprintf(name, sizeof(name), "Büro-%u", i);
		set = state_add_settings(s, name);
		assert_non_null(set);
		set->of[SETTING_MIN] = (struct setting){ 12500, 1, 1700000000, 0 };
		set->of[i % SETTING_COUNT] = (struct setting){ 1 + i, 0, 1700000000, 1800000000 };
	}
	for (unsigned int i = 0; i < guests; i++) {
		struct record *r;

		snprintf(name, sizeof(name), "a guest = %u name=x", i);
		r = state_add(s, name);
		assert_non_null(r);
		snprintf(r->from, sizeof(r->from), "%u.qmp", i);
		r->pid = 4711 + i;
		r->start = 123456789;
		r->actual = GIB + i;
		r->target = UINT64_MAX;
		r->gone = i % 2 ? 1690000000 : 0;
		r->learned = (struct policy_guest_state){
			.learned = 11,
			.good = 12,
			.yield = 0.1 + 0.2,
			.hot = 1.0 / 3,
			.kept = 18,
			.lacking = 77,
			.overhead = 13,
			.room = 14,
			.debt = 15,
			.backoff = 16,
			.backoff_left = 17,
			.harms = 3,
			.harms_left = 20,
			.harm_by = 5,
			.harm_size = 19,
			.total_follows = -1,
		};
	}
}

static char *render(const struct state *s, size_t *len)
{
	uint64_t sum;
	char *text = state_render(s, len, &sum);

	assert_non_null(text);
	assert_int_equal(strlen(text), *len);
	return text;
}

static void assert_same(const struct state *a, const struct state *b)
{
	assert_int_equal(a->time, b->time);
	assert_string_equal(a->boot, b->boot);
	assert_int_equal(a->drain, b->drain);
	assert_memory_equal(&a->host, &b->host, sizeof(a->host));
	assert_int_equal(a->next_reservation, b->next_reservation);
	assert_int_equal(a->n_reserved, b->n_reserved);
	assert_memory_equal(a->reserved, b->reserved, sizeof(a->reserved));
	assert_int_equal(a->n_set, b->n_set);
	if (a->n_set)
		assert_memory_equal(a->set, b->set, a->n_set * sizeof(*a->set));
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_memory_equal(a->records[i], b->records[i], sizeof(struct record));
}

static void test_round_trip(_unused_ void **state)
{
	for (unsigned int guests = 0; guests < 40; guests += 13) {
		struct state a, b = { 0 };
		size_t len;
		char *text;

		fill(&a, guests);
		text = render(&a, &len);
		assert_int_equal(state_parse(&b, text, len), 0);
		assert_same(&a, &b);
		free(text);
		state_clear(&a);
		state_clear(&b);
	}
}

/* The same content has the same sum, whenever it is written. */
static void test_sum(_unused_ void **state)
{
	uint64_t sums[3];
	struct state s;
	size_t len;

	fill(&s, 2);
	free(state_render(&s, &len, &sums[0]));
	s.time++;
	free(state_render(&s, &len, &sums[1]));
	s.records[1]->learned.yield += 1e-12;
	free(state_render(&s, &len, &sums[2]));
	assert_true(sums[0] == sums[1]);
	assert_true(sums[0] != sums[2]);
	state_clear(&s);
}

static void assert_refused(const char *text, size_t len, int error)
{
	static const struct state none;
	struct state s = { 0 };

	assert_int_equal(state_parse(&s, text, len), error);
	assert_memory_equal(&s, &none, sizeof(s));
}

static void test_truncated(_unused_ void **state)
{
	struct state s;
	size_t len;
	char *text;

	fill(&s, 3);
	text = render(&s, &len);
	for (size_t n = 0; n < len; n++) {
		/* A copy of just that size, for the sanitizer. */
		char *cut = malloc(n ? n : 1);

		assert_non_null(cut);
		memcpy(cut, text, n);
		assert_refused(cut, n, -EBADMSG);
		free(cut);
	}
	free(text);
	state_clear(&s);
}

/* No byte can be another one, but the version's. */
static void test_damaged(_unused_ void **state)
{
	struct state s;
	size_t len, version = strlen("{\"dynmem-state\":");
	char *text;

	fill(&s, 3);
	text = render(&s, &len);
	srand(1);
	for (size_t i = 0; i < len; i++) {
		char was = text[i];

		do
			text[i] = (char)rand();
		while (text[i] == was);
		if (i == version && text[i] >= '1' && text[i] <= '9')
			assert_refused(text, len, -EPROTONOSUPPORT);
		else
			assert_refused(text, len, -EBADMSG);
		text[i] = was;
	}
	for (int n = 0; n < 2000; n++) {
		char noise[200];

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (char)rand();
		assert_refused(noise, rand() % sizeof(noise), -EBADMSG);
	}
	free(text);
	state_clear(&s);
}

/* Adds the checksum to a line that a daemon did not write. */
static int parse(struct state *s, const char *format, ...)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	char text[2048];
	va_list ap;
	size_t len;

	va_start(ap, format);
	len = (size_t)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "{\"fnv1a\":\"%016" PRIx64 "\"}\n",
				sum);
	return state_parse(s, text, len);
}

#define GUEST(members) "{\"dynmem-state\":2,\"time\":5,\"boot\":\"b\",\"guests\":[{" members "}]}\n"

#define SETTING(members) \
	"{\"dynmem-state\":2,\"time\":5,\"settings\":[{" members "}],\"guests\":[]}\n"

static void test_values(_unused_ void **state)
{
	static const char *const wrong[] = {
		"{\"dynmem-state\":2,",
		"{\"dynmem-state\":2,}\n",
		"{\"dynmem-state\":2,\"time\":5}\n",
		"{\"dynmem-state\":2,\"guests\":[]}\n",
		"{\"dynmem-state\":2,\"time\":5,\"guests\":{}}\n",
		"{\"dynmem-state\":2,\"time\":5,\"guests\":[3]}\n",
		"{\"dynmem-state\":2,\"time\":5,\"guests\":[[[[[[]]]]]]}\n",
		"{\"dynmem-state\":2,\"time\":\"5\",\"guests\":[]}\n",
		"{\"dynmem-state\":2,\"time\":5,\"boot\":\"0123456789012345678901234567890123456789\",\"guests\":[]}\n",
		GUEST("\"pid\":1"),
		GUEST("\"name\":\"\""),
		GUEST("\"name\":7"),
		GUEST("\"name\":\"a\\u001b[2J\""),
		GUEST("\"name\":\"a\\u0000b\""),
		GUEST("\"name\":\"a\xc3\""),
		GUEST("\"name\":\"a\",\"pid\":-1"),
		GUEST("\"name\":\"a\",\"pid\":\"1\""),
		GUEST("\"name\":\"a\",\"pid\":1.5"),
		GUEST("\"name\":\"a\",\"harms\":4294967296"),
		GUEST("\"name\":\"a\",\"total-follows\":-3000000000"),
		GUEST("\"name\":\"a\",\"yield\":\"much\""),
		GUEST("\"name\":\"a\",\"yield\":null"),
		SETTING("\"name\":\"\""),
		SETTING("\"name\":\"a\",\"min\":-1"),
		SETTING("\"name\":\"a\",\"min\":4503599627370497"),
		SETTING("\"name\":\"a\",\"max-relative\":2"),
		SETTING("\"name\":\"a\"},{\"name\":\"a\""),
	};
	char longer[GUEST_NAME_MAX + 1];
	struct state s = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(parse(&s, "%s", wrong[i]), -EBADMSG);
		assert_null(s.records);
	}
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(parse(&s, GUEST("\"name\":\"%s\""), longer), -EBADMSG);

	/* Names are in any script. */
	assert_int_equal(parse(&s, "%s", GUEST("\"name\":\"b\xc3\xa4\xe6\x9c\x8d\"")), 0);
	assert_non_null(state_find(&s, "b\xc3\xa4\xe6\x9c\x8d"));
	state_clear(&s);

	/* Keys may be missing, and more may come. */
	assert_int_equal(parse(&s, "%s", GUEST("\"pid\":7,\"colour\":\"red\",\"name\":\"a b\"")),
			 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.records[0]->name, "a b");
	assert_int_equal(s.records[0]->pid, 7);
	assert_true(s.records[0]->learned.yield == 1);
	assert_true(s.records[0]->learned.overhead == UINT64_MAX);
	state_clear(&s);

	assert_int_equal(parse(&s, "{\"dynmem-state\":3,\"whatever\":1}\n"), -EPROTONOSUPPORT);
}

static void test_expire(_unused_ void **state)
{
	const uint64_t now = 1700000000, day = 86400;
	struct state s;
	struct record *r;
	char name[16];

	fill(&s, 0);
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "%d", i);
		r = state_add(&s, name);
		assert_non_null(r);
		/* Every third is there, the others are gone since long. */
		r->gone = i % 3 == 0 ? 0 : now - i * 60;
	}
	state_find(&s, "1")->gone = now - 31 * day;
	state_find(&s, "2")->gone = now - 29 * day;
	state_expire(&s, now);
	assert_int_equal(s.n, 500 + 999);
	assert_null(state_find(&s, "1"));
	assert_non_null(state_find(&s, "2"));
	assert_non_null(state_find(&s, "0"));

	r = state_add(&s, "latest");
	r->gone = now;
	r = state_add(&s, "late");
	r->gone = now - 1;
	state_expire(&s, now);
	assert_int_equal(s.n, 500 + 1000);
	assert_non_null(state_find(&s, "latest"));
	assert_non_null(state_find(&s, "late"));
	assert_null(state_find(&s, "2"));
	state_clear(&s);
}

/*
 * The file
 */

static void put_file(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static bool there(const char *suffix)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return access(name, F_OK) == 0;
}

static void assert_nothing_read(void)
{
	struct state s = { 0 };

	assert_int_equal(state_file_read(&s, path), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.time, 0);
}

static void test_set_aside(_unused_ void **state)
{
	static const char newer[] = "{\"dynmem-state\":3,\"all\":\"new\"}\n";
	struct stat st;

	assert_nothing_read();
	assert_false(there(".damaged"));

	put_file("", 0);
	assert_nothing_read();
	assert_false(there(""));
	assert_true(there(".damaged"));

	put_file(newer, strlen(newer));
	assert_nothing_read();
	assert_false(there(""));
	assert_true(there(".version-3"));

	/* As large as none can be, and a hole: it is not even read. */
	put_file("{\"dynmem-state\":2,", 18);
	assert_int_equal(truncate(path, (off_t)STATE_SIZE_MAX + 1), 0);
	assert_nothing_read();
	assert_false(there(""));
	assert_int_equal(stat(path, &st), -1);

	/* What is no file at all. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_nothing_read();
	assert_false(there(""));
}

static void wait_for_file(void)
{
	for (int i = 0; i < 500 && !there(""); i++)
		usleep(10000);
	assert_true(there(""));
}

static void test_writer(_unused_ void **state)
{
	struct state_file *f, *other;
	struct state s, b = { 0 };
	pid_t owner = 0;

	fill(&s, 100);
	/* The folder is made. */
	snprintf(path, sizeof(path), "%s/lib/state", folder);
	assert_int_equal(state_file_new(&f, path, &owner), 0);
	assert_int_equal(state_file_write(f, &s), 0);
	wait_for_file();
	/* It is another one's, and that can be named. */
	assert_int_equal(state_file_new(&other, path, &owner), -EBUSY);
	assert_int_equal(owner, getpid());
	assert_int_equal(state_file_read(&b, path), 0);
	assert_same(&s, &b);
	state_clear(&b);

	/* What has not changed is not written. */
	assert_int_equal(unlink(path), 0);
	s.time++;
	assert_int_equal(state_file_write(f, &s), 0);
	usleep(200000);
	assert_false(there(""));

	/* The last one counts, and the end waits for it. */
	for (int i = 0; i < 50; i++) {
		s.host.touch_rate = i;
		assert_int_equal(state_file_write(f, &s), 0);
	}
	assert_null(state_file_free(f));
	assert_int_equal(state_file_read(&b, path), 0);
	assert_int_equal(b.host.touch_rate, 49);
	assert_false(there(".new"));
	state_clear(&b);
	state_clear(&s);
}

/* A disk that is full leaves the file as it was. */
static void test_full(_unused_ void **state)
{
	struct rlimit before, limit;
	struct state s, b = { 0 };
	size_t len, more;
	char *text, *longer;

	fill(&s, 3);
	text = render(&s, &len);
	assert_int_equal(state_file_store(path, text, len), 0);
	for (int i = 0; i < 20; i++)
		state_add(&s, "another");
	longer = render(&s, &more);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = len + 1;
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(state_file_store(path, longer, more), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(state_file_read(&b, path), 0);
	assert_int_equal(b.n, 3);
	assert_false(there(".new"));
	free(text);
	free(longer);
	state_clear(&b);
	state_clear(&s);
}

/* Killed at any moment: one of the files is there, and whole. */
static void test_killed(_unused_ void **state)
{
	char *text[2];
	size_t len[2];
	struct state s;

	for (int i = 0; i < 2; i++) {
		fill(&s, 40 + 200 * i);
		text[i] = render(&s, &len[i]);
		state_clear(&s);
	}
	assert_int_equal(state_file_store(path, text[0], len[0]), 0);
	srand(2);
	for (int round = 0; round < 60; round++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			for (int i = 0;; i++)
				state_file_store(path, text[i % 2], len[i % 2]);
		usleep(rand() % 5000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		s = (struct state){ 0 };
		assert_int_equal(state_file_read(&s, path), 0);
		assert_true(s.n == 40 || s.n == 240);
		state_clear(&s);
	}
	free(text[0]);
	free(text[1]);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_expire),
		cmocka_unit_test_setup_teardown(test_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
