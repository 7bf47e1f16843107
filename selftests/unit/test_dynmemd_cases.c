// SPDX-License-Identifier: GPL-2.0
/* Machines from public reports on Proxmox VE, with the figures that those have. */
#include "pve_world.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A host without swap, in MiB; its level follows. */
static void host_is(struct world *w, unsigned int total, unsigned int available)
{
	struct source_pressure p = { .available = available * MIB, .news = true };

	host_swaps(w, total, available, 0);
	manager_pressure(w->manager, &p);
}

static void uses(struct fake_qemu *a, unsigned int used, unsigned int cache)
{
	a->total = a->actual - 52 * MIB;
	a->caches = cache * MIB;
	a->available = a->total - used * MIB;
	a->free = a->available - a->caches;
	a->last_update++;
}

static void write_size(struct world *w, unsigned int size)
{
	char text[256];

	snprintf(
		text, sizeof(text),
		"agent: 1\nballoon: 512\nhotplug: disk,network,usb,memory,cpu\nmemory: %u\nname: web\nnuma: 1\nostype: l26\nshares: 0\nsockets: 1\n",
		size);
	pve_write(w, 101, text);
}

static void has_size(struct fake_qemu *a, unsigned int size)
{
	a->dimms = (size - 1024) * MIB;
	a->actual = size * MIB;
}

/*
 * 'qm set --memory' on a guest that runs: its file and its DIMMs grow by 512 MiB each
 * time. What was bought stays; what is taken out again is no stuck balloon.
 */
static void test_memory_hotplug(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("web");
	const struct guest *g;
	struct world w;

	pve_open(&w, "[daemon]\nmode = manage\n[guest 101]\nmin = 512M\nshares = 1000\n");
	host_is(&w, 16384, 6000);
	write_size(&w, 2048);
	has_size(&a, 2048);
	uses(&a, 1300, 100);
	guest_cost(&w, getpid(), 1500);
	start_guest(&w, &a, "101.qmp");
	until_known(&w, "web");
	g = find_guest(&w, "web");
	assert_int_equal(g->limits.max, 2048 * MIB);
	for (unsigned int size = 2560; size <= 4096; size += 512) {
		has_size(&a, size);
		uses(&a, 1300, 100);
		write_size(&w, size);
		run_for(&w, 300);
	}
	uses(&a, 3000, 100);
	guest_cost(&w, getpid(), 3200);
	run_until(&w, 5000, g->limits.max == 4096 * MIB && g->actual == 4096 * MIB);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);
	assert_int_equal(g->limits.min, 512 * MIB);

	/* The host is short: what it uses stays. */
	for (int n = 0; n < 6; n++) {
		uses(&a, 3000, 100);
		host_is(&w, 16384, 400);
		run_for(&w, 500);
		assert_true(g->target >= (3000 + 52) * MIB);
	}
	host_is(&w, 16384, 6000);
	has_size(&a, 3584);
	uses(&a, 3000, 100);
	write_size(&w, 3584);
	run_until(&w, 12000, g->limits.max == 3584 * MIB);
	run_for(&w, 1000);
	assert_int_not_equal(info_of(&w, "web").class, POLICY_CLASS_STUCK);
	fake_stop(&a, false);
	close_world(&w);
}

/* Monitors that answer after 15 and 60 ms, and one that only greets late, on a short host. */
static void test_slow_monitors(_unused_ void **state)
{
	static const unsigned int delay[] = { 15, 60, 60 };
	struct fake_qemu a[ARRAY_SIZE(delay)];
	struct world w;
	char name[16];

	pve_open(&w, "[daemon]\nmode = manage\n[guest 10?]\nmin = 256M\n");
	host_is(&w, 8192, 300);
	for (unsigned int i = 0; i < ARRAY_SIZE(delay); i++) {
		char text[128];

		snprintf(text, sizeof(text), "balloon: 256\nmemory: 1024\nname: vm%u\nshares: 0\n",
			 101 + i);
		pve_write(&w, 101 + i, text);
		a[i] = idle_guest("vm");
		a[i].actual = 1024 * MIB;
		uses(&a[i], 300, 500);
		a[i].delay = delay[i];
		snprintf(name, sizeof(name), "%u.qmp", 101 + i);
		start_guest(&w, &a[i], name);
	}
	run_until(&w, 3000, a[2].commands > 0);
	a[2].delay = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(delay); i++) {
		snprintf(name, sizeof(name), "vm%u", 101 + i);
		run_until(&w, 8000, manager_find(w.manager, name));
		run_until(&w, 8000, a[i].balloons > 0);
		assert_in_range(a[i].target, 352 * MIB, 1024 * MIB - 1);
	}

	/* Squeezed, and late from then on: it has its memory again from a host that is rich. */
	a[0].delay = 60;
	for (int n = 0; n < 400 && a[0].target < 1024 * MIB; n++) {
		uses(&a[0], 300, 0);
		host_is(&w, 8192, 5000);
		run_for(&w, 100);
	}
	assert_int_equal(a[0].target, 1024 * MIB);
	for (unsigned int i = 0; i < ARRAY_SIZE(delay); i++)
		fake_stop(&a[i], false);
	close_world(&w);
}

/* 'allow-ksm: 0' takes a guest out of KSM, by its file and in QEMU: status says so. */
static void test_allow_ksm(_unused_ void **state)
{
	static const char *const memdev[] = { "[{\"merge\": false}]", "[{\"merge\": true}]" };

	for (unsigned int i = 0; i < ARRAY_SIZE(memdev); i++) {
		struct fake_qemu a = idle_guest("secret");
		const struct guest *g;
		struct world w;

		pve_open(&w, "[daemon]\nmode = manage\n[guest 130]\nmin = 512M\n");
		pve_write(
			&w, 130,
			"allow-ksm: 0\nballoon: 1024\nmemory: current=4096\nname: secret\nshares: 0\n");
		a.memory = a.actual = 4096 * MIB;
		a.memdev = memdev[i];
		uses(&a, 300, 100);
		start_guest(&w, &a, "130.qmp");
		g = find_guest(&w, "secret");
		assert_non_null(g->unmergeable);
		assert_non_null(strstr(g->unmergeable, i ? "allow-ksm: 0" : "merge=off"));
		fake_stop(&a, false);
		close_world(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_hotplug),
		cmocka_unit_test(test_slow_monitors),
		cmocka_unit_test(test_allow_ksm),
	};

	return cmocka_run_group_tests_name("dynmemd_cases", tests, NULL, NULL);
}
