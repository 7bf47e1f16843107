// SPDX-License-Identifier: GPL-2.0
/*
 * From a pressure event to the last byte of the last command nothing is
 * allocated: when the host is out of memory, there is none to be had.
 */
#include <sys/syscall.h>

#include "dynmemd/api/fill.h"
#include "dynmemd/core/recorder.h"
#include "pve_world.h"
#include "malloc_watch.h"

#if !MALLOC_WATCHED

int main(void)
{
	/* The sanitizer's allocator cannot be counted. */
	puts("1..0 # SKIP allocations are counted without AddressSanitizer");
	return 0;
}

#else

static unsigned int sends, allocations_at_send;

ssize_t send(int fd, const void *p, size_t size, int flags)
{
	if (allocations.on) {
		sends++;
		allocations_at_send = allocations.count;
	}
	return syscall(SYS_sendto, fd, p, size, flags, NULL, 0);
}

static void count(void (*run)(struct world *w), struct world *w)
{
	allocations.count = sends = allocations_at_send = 0;
	allocations.on = true;
	run(w);
	allocations.on = false;
}

static void to_critical(struct world *w)
{
	struct source_pressure p = {
		.level = POLICY_LEVEL_CRITICAL,
		.available = 100 * MIB,
		.news = true,
		.stall = true,
	};

	manager_pressure(w->manager, &p);
}

static void to_medium(struct world *w)
{
	struct source_pressure p = {
		.level = POLICY_LEVEL_MEDIUM,
		.available = 400 * MIB,
		.news = true,
	};

	manager_pressure(w->manager, &p);
}

static void five_guests(struct world *w, struct fake_qemu *guests)
{
	static char names[5][8];
	char file[16];

	for (int i = 0; i < 5; i++) {
		snprintf(names[i], sizeof(names[i]), "g%d", i);
		guests[i] = idle_guest(names[i]);
		snprintf(file, sizeof(file), "10%d.qmp", i);
		start_guest(w, &guests[i], file);
	}
	for (int i = 0; i < 5; i++)
		run_until(w, 4000,
			  manager_find(w->manager, names[i]) &&
				  info_of(w, names[i]).class == POLICY_CLASS_REPORTING);
}

static void test_event(void (*event)(struct world *w), bool pve)
{
	static const char manage[] = "[daemon]\nmode = manage\n[guest g?]\nmin = 25%\n";
	struct fake_qemu guests[5];
	struct world w;
	char conf[64];

	if (pve)
		pve_open(&w, manage);
	else
		open_world(&w, manage);
	for (int i = 0; pve && i < 5; i++) {
		snprintf(conf, sizeof(conf), "memory: 1024\nname: g%d\nshares: 0\n", i);
		pve_write(&w, 100 + i, conf);
	}
	host_memory(&w, 6144, 5500);
	five_guests(&w, guests);
	run_for(&w, 200);
	host_memory(&w, 6144, 100);
	count(event, &w);
	/* It was an event that made commands, or this says nothing. */
	assert_true(sends > 0);
	assert_int_equal(allocations_at_send, 0);
	for (int i = 0; i < 5; i++)
		fake_stop(&guests[i], false);
	close_world(&w);
}

static void test_critical(_unused_ void **state)
{
	test_event(to_critical, false);
}

static void test_medium(_unused_ void **state)
{
	test_event(to_medium, false);
}

/* Where each command takes a connection of its own. */
static void test_pve(_unused_ void **state)
{
	test_event(to_critical, true);
}

static void on_line(void *userdata, const char *line)
{
	unsigned int *lost = userdata;

	*lost += !line;
}

static void record_and_list(struct world *w, struct sd_bus *bus)
{
	sd_bus_message *m = NULL;

	to_critical(w);
	if (sd_bus_message_new_signal(bus, &m, "/x", "x.y", "Z") >= 0)
		api_fill_records(m, w->manager);
	sd_bus_message_unref(m);
}

/* Wherever memory ends: what is recorded lacks a line, and the daemon goes on. */
static void test_records(_unused_ void **state)
{
	unsigned int lost = 0, all;
	struct fake_qemu guests[5];
	sd_bus *bus = NULL;
	struct world w;
	int fds[2];

	open_world(&w, "[daemon]\nmode = manage\n[guest g?]\nmin = 25%\n");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_true(sd_bus_new(&bus) >= 0);
	assert_true(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
	assert_true(sd_bus_start(bus) >= 0);
	five_guests(&w, guests);
	assert_int_equal(recorder_add(manager_recorder(w.manager), on_line, &lost), 0);
	allocations.first = 0;
	allocations.count = 0;
	allocations.on = true;
	record_and_list(&w, bus);
	allocations.on = false;
	all = allocations.count;
	assert_true(all > 100);
	assert_int_equal(lost, 0);
	for (unsigned int first = 1; first < all; first += 1 + all / 300) {
		allocations.count = 0;
		allocations.first = first;
		allocations.last = first + first % 3;
		allocations.on = true;
		record_and_list(&w, bus);
		allocations.on = false;
	}
	allocations.first = 0;
	assert_true(lost > 0);
	recorder_remove(manager_recorder(w.manager), &lost);
	sd_bus_close_unref(bus);
	close(fds[1]);
	for (int i = 0; i < 5; i++)
		fake_stop(&guests[i], false);
	close_world(&w);
}

/* The counter counts. */
static void allocate(_unused_ struct world *w)
{
	free(allocate_something());
	send(-1, "", 0, 0);
}

static void test_counter(_unused_ void **state)
{
	count(allocate, NULL);
	assert_int_equal(sends, 1);
	assert_int_equal(allocations_at_send, 1);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counter),
		cmocka_unit_test(test_medium),
		cmocka_unit_test(test_critical),
		cmocka_unit_test(test_pve),
		cmocka_unit_test(test_records),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_alloc", tests, NULL, NULL);
}

#endif
