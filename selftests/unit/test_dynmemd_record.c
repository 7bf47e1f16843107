// SPDX-License-Identifier: GPL-2.0
/* What the daemon records of itself, an engine decides again. */
#include <signal.h>
#include <sys/resource.h>

#include "common/recording.h"
#include "dynmemd/core/recorder.h"
#include "dynmemd_world.h"

static struct replay_sums play(const char *path)
{
	char why[RECORD_WHY_MAX] = "", *line = NULL;
	FILE *f = fopen(path, "re");
	struct replay_sums sums;
	struct replay *r;
	size_t room = 0;

	assert_non_null(f);
	assert_int_equal(replay_new(&r, NULL, NULL), 0);
	while (getline(&line, &room, f) > 0) {
		struct json_object *obj = json_tokener_parse(line);

		if (replay_line(r, obj, why) < 0)
			fail_msg("%s: %s", line, why);
		json_object_put(obj);
	}
	sums = *replay_sums(r);
	replay_free(r);
	free(line);
	fclose(f);
	return sums;
}

static void start_recorded(struct world *w)
{
	open_world(w, "[daemon]\nmode = manage\n");
	daemon_stop(w);
	snprintf(w->record, sizeof(w->record), "%s/recording", w->folder);
	guest_cost(w, getpid(), 700);
	daemon_start(w, false);
}

static void count_line(void *userdata, const char *line)
{
	assert_non_null(line);
	++*(unsigned int *)userdata;
}

/* Guests, shortage, an emergency, a reservation, a drain, a reload: all of a life. */
static void live(struct world *w, struct fake_qemu *a, struct fake_qemu *b)
{
	struct policy_reserve_status status;
	uint64_t now, squeezed;
	unsigned int id;

	start_guest(w, a, "a.sock");
	start_guest(w, b, "b.sock");
	run_until(w, 3000, manager_guest_count(w->manager) == 2);
	run_until(w, 4000, info_of(w, "a").class == POLICY_CLASS_REPORTING);
	pressure(w, POLICY_LEVEL_CRITICAL, 150);
	run_for(w, 1500);
	/* Readers change nothing. */
	manager_largest(w->manager, &now, &squeezed);
	info_of(w, "b");
	a->last_update++;
	run_for(w, 1200);
	manager_reserve(w->manager, 64 * MIB, "new", 60, &id, &status);
	manager_reservation(w->manager, id, &status);
	fake_resize(a, a->target);
	fake_resize(b, b->target);
	pressure(w, POLICY_LEVEL_MEDIUM, 400);
	run_for(w, 1200);
	manager_drain(w->manager, true);
	pressure(w, POLICY_LEVEL_NONE, 3000);
	run_for(w, 1200);
	manager_drain(w->manager, false);
	assert_int_equal(manager_reload(w->manager, w->config), 0);
	run_for(w, 300);
}

static void test_replayed(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	unsigned int lines = 0;
	struct replay_sums s;
	struct world w;

	start_recorded(&w);
	assert_int_equal(recorder_add(manager_recorder(w.manager), count_line, &lines), 0);
	live(&w, &a, &b);
	recorder_remove(manager_recorder(w.manager), &lines);
	fake_stop(&a, false);
	run_until(&w, 2000, manager_guest_count(w.manager) == 1);
	fake_stop(&b, false);
	daemon_stop(&w);
	s = play(w.record);
	assert_true(s.exact);
	assert_int_equal(s.differ, 0);
	assert_true(s.decisions > 5);
	assert_true(s.sent > 0);
	assert_true(s.steps > 0);
	assert_true(lines > 20);
	w.record[0] = 0;
	daemon_start(&w, false);
	close_world(&w);
}

/* What was recorded is not written over. */
static void test_no_overwriting(_unused_ void **state)
{
	struct recorder *r;
	struct policy *p;
	struct world w;

	start_recorded(&w);
	assert_int_equal(policy_new(NULL, &p), 0);
	assert_int_equal(recorder_new(&r, p), 0);
	assert_int_equal(recorder_open(r, w.record), -EEXIST);
	recorder_free(r);
	policy_free(p);
	close_world(&w);
}

/* So many at a time, and no more. */
static void test_sinks(_unused_ void **state)
{
	unsigned int lines[RECORDER_SINKS + 1] = { 0 };
	struct recorder *r;
	struct policy *p;

	assert_int_equal(policy_new(NULL, &p), 0);
	assert_int_equal(recorder_new(&r, p), 0);
	for (unsigned int i = 0; i < RECORDER_SINKS; i++)
		assert_int_equal(recorder_add(r, count_line, &lines[i]), 0);
	assert_int_equal(recorder_add(r, count_line, &lines[RECORDER_SINKS]), -EBUSY);
	assert_int_equal(lines[RECORDER_SINKS], 0);
	/* Each got its own beginning, not those of the others. */
	assert_int_equal(lines[0], lines[RECORDER_SINKS - 1]);
	recorder_remove(r, &lines[0]);
	assert_int_equal(recorder_add(r, count_line, &lines[RECORDER_SINKS]), 0);
	assert_int_equal(lines[RECORDER_SINKS], lines[1]);
	recorder_free(r);
	policy_free(p);
}

/* One whose file cannot be written ends, and nobody listens for it any more. */
static void test_ends(_unused_ void **state)
{
	struct host_record host = { .present = HOST_HAS_MEMORY, .total = 16 * GIB };
	struct rlimit before, none;
	unsigned int lines = 0, sinks = 0;
	char path[64];
	struct recorder *r;
	struct policy *p;

	snprintf(path, sizeof(path), "/tmp/record-ends-%d", getpid());
	signal(SIGXFSZ, SIG_IGN);
	assert_return_code(getrlimit(RLIMIT_FSIZE, &before), errno);
	none = (struct rlimit){ .rlim_max = before.rlim_max };
	assert_int_equal(policy_new(NULL, &p), 0);
	assert_int_equal(recorder_new(&r, p), 0);
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_equal(recorder_open(r, path), 0);
	while (recorder_add(r, count_line, &lines) == 0)
		sinks++;
	for (uint64_t i = 1; sinks < RECORDER_SINKS && i < 500; i++) {
		usleep(10000);
		policy_host_update(p, &host, i * NSEC_PER_SEC);
		if (recorder_add(r, count_line, &lines) == 0)
			sinks++;
	}
	setrlimit(RLIMIT_FSIZE, &before);
	unlink(path);
	assert_int_equal(sinks, RECORDER_SINKS);
	recorder_free(r);
	policy_free(p);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replayed),
		cmocka_unit_test(test_no_overwriting),
		cmocka_unit_test(test_sinks),
		cmocka_unit_test(test_ends),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
