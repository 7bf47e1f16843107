// SPDX-License-Identifier: GPL-2.0
/* The source procfs, on a /proc that this file writes. */
#include "dynmemd/sources/source.h"
#include "dynmemd_world.h"

struct heard {
	unsigned int events;
	struct source_pressure last;
};

static void on_pressure(void *userdata, const struct source_pressure *p)
{
	struct heard *h = userdata;

	h->events++;
	h->last = *p;
}

static void vmstat(struct world *w, unsigned int oom_kill, unsigned int stalls)
{
	char path[96], text[256];

	snprintf(path, sizeof(path), "%s/vmstat", w->folder);
	snprintf(text, sizeof(text),
		 "nr_free_pages 1\nallocstall_dma32 %u\nallocstall_normal %u\noom_kill %u\n",
		 stalls / 2, stalls - stalls / 2, oom_kill);
	write_text(path, text);
}

static struct source *open_source(struct world *w, struct heard *h)
{
	const struct host_record host = { .total = 4096 * MIB };
	uint64_t threshold[POLICY_LEVELS];
	struct policy_tunables t;
	struct source *s = NULL;

	policy_tunables_init(&t);
	policy_thresholds(&t, &host, threshold);
	assert_int_equal(source_procfs_new(&s, w->event, w->folder), 0);
	source_listen(s, on_pressure, h);
	assert_int_equal(s->ops->watch(s, threshold), 0);
	return s;
}

/* minfree of 4 GiB is 246 MiB: low below 983, medium below 492. */
static void test_levels(_unused_ void **state)
{
	static const struct {
		unsigned int available;
		enum policy_level level;
	} steps[] = {
		{ 900, POLICY_LEVEL_LOW },	{ 480, POLICY_LEVEL_MEDIUM },
		{ 200, POLICY_LEVEL_CRITICAL }, { 600, POLICY_LEVEL_LOW },
		{ 3000, POLICY_LEVEL_NONE },
	};
	struct heard h = { 0 };
	struct source *s;
	struct world w;

	open_world(&w, "");
	vmstat(&w, 0, 0);
	s = open_source(&w, &h);
	run_for(&w, 100);
	assert_int_equal(h.events, 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		host_memory(&w, 4096, steps[i].available);
		run_until(&w, 1500, h.events == i + 1);
		assert_int_equal(h.last.level, steps[i].level);
		assert_int_equal(h.last.available, steps[i].available * MIB);
		assert_false(h.last.stall);
	}
	source_free(s);
	close_world(&w);
}

/* Once it cannot be read, half of a file, or for want of memory: it is read on. */
static void test_unreadable_once(_unused_ void **state)
{
	struct heard h = { 0 };
	struct source *s;
	struct world w;

	open_world(&w, "");
	vmstat(&w, 0, 0);
	host_memory(&w, 4096, 1100);
	s = open_source(&w, &h);
	write_text(w.meminfo, "MemTotal: 4194304 kB\nMemF");
	run_for(&w, 200);
	assert_int_equal(h.events, 0);
	host_memory(&w, 4096, 200);
	run_until(&w, 2000, h.events == 1);
	assert_int_equal(h.last.level, POLICY_LEVEL_CRITICAL);
	source_free(s);
	close_world(&w);
}

/* Near a threshold it is sampled more often: 40 MiB are 10 ms away. */
static void test_samples_more_often(_unused_ void **state)
{
	struct heard h = { 0 };
	struct source *s;
	struct world w;

	open_world(&w, "");
	vmstat(&w, 0, 0);
	host_memory(&w, 4096, 1023);
	s = open_source(&w, &h);
	run_for(&w, 50);
	host_memory(&w, 4096, 900);
	run_until(&w, 60, h.events == 1);
	source_free(s);
	close_world(&w);
}

/*
 * Whose kill it was /proc does not say: it is reported, once, at the level that
 * memory has.
 */
static void test_oom_kill(_unused_ void **state)
{
	struct heard h = { 0 };
	struct source *s;
	struct world w;

	open_world(&w, "");
	vmstat(&w, 7, 4);
	s = open_source(&w, &h);
	run_for(&w, 100);
	assert_int_equal(h.events, 0);
	vmstat(&w, 8, 9);
	run_until(&w, 1500, h.events == 1);
	assert_true(h.last.oom);
	assert_int_equal(h.last.level, POLICY_LEVEL_NONE);
	assert_int_equal(h.last.oom_kills, 8);
	assert_int_equal(h.last.stalls, 9);
	run_for(&w, 300);
	assert_int_equal(h.events, 1);
	source_free(s);
	close_world(&w);
}

static void test_no_proc(_unused_ void **state)
{
	struct source *s = NULL;
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(source_procfs_new(&s, event, "/nonexistent"), -ENOENT);
	assert_null(s);
	sd_event_unref(event);
}

/* Where the kernel has PSI, a real trigger can be set. */
static void test_psi_trigger(_unused_ void **state)
{
	struct heard h = { 0 };
	struct source *s = NULL;
	sd_event *event;

	if (access("/proc/pressure/memory", R_OK | W_OK) < 0)
		skip();
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(source_procfs_new(&s, event, "/proc"), 0);
	source_listen(s, on_pressure, &h);
	assert_true(source_procfs_hears_stalls(s));
	source_free(s);
	sd_event_unref(event);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_unreadable_once),
		cmocka_unit_test(test_samples_more_often),
		cmocka_unit_test(test_oom_kill),
		cmocka_unit_test(test_no_proc),
		cmocka_unit_test(test_psi_trigger),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_procfs", tests, NULL, NULL);
}
