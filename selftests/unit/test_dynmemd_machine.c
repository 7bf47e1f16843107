// SPDX-License-Identifier: GPL-2.0
/* The machine changes under a running guest. */
#include "dynmemd_world.h"

static const char manage[] = "[daemon]\nmode = manage\n";

#define EVENT(name) \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"" name "\"}\r\n"

/* A guest of 4 GiB that uses most of it, on a host with plenty. */
static struct fake_qemu busy_guest(const char *name)
{
	return (struct fake_qemu){
		.name = name,
		.memory = 4096 * MIB,
		.total = 4000 * MIB,
		.available = 800 * MIB,
		.free = 800 * MIB,
		.last_update = 1000,
	};
}

static const struct guest *found(struct world *w, struct fake_qemu *a)
{
	const struct guest *g;

	open_world(w, manage);
	guest_cost(w, getpid(), 3500);
	host_memory(w, 65536, 50000);
	start_guest(w, a, "a.sock");
	g = find_guest(w, "a");
	run_until(w, 4000, info_of(w, "a").class == POLICY_CLASS_REPORTING);
	return g;
}

static void done(struct world *w, struct fake_qemu *a)
{
	fake_stop(a, false);
	close_world(w);
}

/* Reported by an event, or seen by a balloon that is larger than all there is. */
static void plugged(bool event)
{
	struct fake_qemu a = busy_guest("a");
	const struct guest *g;
	struct world w;

	g = found(&w, &a);
	a.dimms = 12288 * MIB;
	a.total += 12288 * MIB;
	a.available += 2000 * MIB;
	a.free = a.available;
	if (event) {
		a.actual = 16384 * MIB;
		fake_say(&a, EVENT("ACPI_DEVICE_OST"));
	} else {
		fake_move(&a, 16384 * MIB);
	}
	run_until(&w, 1000, g->memory == 16384 * MIB);
	assert_int_equal(g->actual, 16384 * MIB);
	assert_int_equal(g->limits.max, 16384 * MIB);
	assert_int_equal(info_of(&w, "a").target, 16384 * MIB);
	run_for(&w, 3000);
	assert_int_equal(a.balloons, 0);
	assert_int_not_equal(info_of(&w, "a").class, POLICY_CLASS_RIVAL);

	/* Unplugged again: what is left is no other range to be moved into. */
	a.dimms = 0;
	a.total -= 12288 * MIB;
	a.available = a.free = 800 * MIB;
	a.actual = 4096 * MIB;
	fake_say(&a, EVENT("DEVICE_DELETED"));
	run_until(&w, 1000, g->memory == 4096 * MIB);
	assert_int_equal(g->actual, 4096 * MIB);
	run_for(&w, 2500);
	assert_int_equal(a.balloons, 0);
	assert_int_equal(info_of(&w, "a").max, 4096 * MIB);
	assert_int_not_equal(info_of(&w, "a").class, POLICY_CLASS_STUCK);
	done(&w, &a);
}

static void test_dimm_event(_unused_ void **state)
{
	plugged(true);
}

static void test_dimm_seen(_unused_ void **state)
{
	plugged(false);
}

/* While it is squeezed: what the balloon holds stays, size and target follow. */
static void dimm_while_squeezed(bool listed)
{
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	struct world w;
	uint64_t before;

	a.no_list = !listed;
	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	g = find_guest(&w, "a");
	run_until(&w, 4000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 3000, a.balloons > 0);
	run_for(&w, 300);
	host_memory(&w, 4096, 800);
	before = a.target;
	a.total = a.available = a.free = before - 64 * MIB;
	fake_move(&a, before);
	run_for(&w, 100);
	before = g->actual;
	a.dimms = 1024 * MIB;
	a.actual = before + 1024 * MIB;
	a.total += 1024 * MIB;
	fake_say(&a, EVENT("ACPI_DEVICE_OST"));
	run_until(&w, 1000, g->memory > 1024 * MIB);
	assert_int_equal(g->actual, before + 1024 * MIB);
	assert_true(info_of(&w, "a").target >= 1024 * MIB);
	assert_int_not_equal(info_of(&w, "a").class, POLICY_CLASS_RIVAL);
	done(&w, &a);
}

static void test_dimm_while_squeezed(_unused_ void **state)
{
	dimm_while_squeezed(true);
	dimm_while_squeezed(false);
}

/* What its kernel does not bring online cannot be taken, however short the host is then. */
static void dimm_stays_offline(bool listed)
{
	struct fake_qemu a = idle_guest("a");
	const uint64_t needs = (1024 + 64 + 200) * MIB;
	const struct guest *g;
	struct world w;

	a.no_list = !listed;
	a.available = a.free = a.total - 200 * MIB;
	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	g = find_guest(&w, "a");
	until_known(&w, "a");
	run_for(&w, 3000);
	a.dimms = 1024 * MIB;
	fake_move(&a, 2048 * MIB);
	fake_say(&a, EVENT("ACPI_DEVICE_OST"));
	run_until(&w, 1000, g->memory == 2048 * MIB);
	/* All of it is behind the gate. */
	assert_int_equal(g->books.size, 2048 * MIB);
	for (int n = 0; n < 20; n++) {
		pressure(&w, POLICY_LEVEL_CRITICAL, 150);
		run_for(&w, 150);
		assert_true(g->target >= needs);
		assert_true(!a.balloons || a.target >= needs);
	}
	run_until(&w, 5000, a.balloons > 0);
	done(&w, &a);
}

static void test_dimm_stays_offline(_unused_ void **state)
{
	dimm_stays_offline(true);
	dimm_stays_offline(false);
}

/* As long as the size is not known, nothing is moved: not in an emergency either. */
static void test_size_unknown(_unused_ void **state)
{
	struct fake_qemu a = busy_guest("a");
	const struct guest *g;
	struct world w;

	g = found(&w, &a);
	a.mute = true;
	a.dimms = 4096 * MIB;
	fake_move(&a, 8192 * MIB);
	run_for(&w, 100);
	assert_int_equal(g->memory, 4096 * MIB);
	host_memory(&w, 65536, 100);
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 1000);
	a.mute = false;
	assert_int_equal(a.balloons, 0);
	/* It has read what it was asked, and answers nothing of that: asked anew. */
	run_until(&w, 8000, g->memory == 8192 * MIB);
	done(&w, &a);
}

/* Other devices' memory is not what a balloon counts from. */
static void test_other_memory(_unused_ void **state)
{
	struct fake_qemu a = busy_guest("a");
	const struct guest *g;
	struct world w;

	a.nvdimm = 256 * MIB;
	a.virtio_mem = 12288 * MIB;
	a.total = 16000 * MIB;
	a.available = a.free = 3000 * MIB;
	g = found(&w, &a);
	assert_int_equal(g->memory, 4096 * MIB);
	assert_int_equal(g->other, 12288 * MIB);
	assert_int_equal(g->actual, 4096 * MIB);
	run_for(&w, 3000);
	assert_int_equal(a.balloons, 0);
	/* 16000 - 12288 in all, 3000 of that available. */
	assert_in_range(info_of(&w, "a").used, 700 * MIB, 720 * MIB);

	/* The guest is given more of it. */
	a.virtio_mem = 14336 * MIB;
	a.total = 18048 * MIB;
	fake_say(&a, EVENT("MEMORY_DEVICE_SIZE_CHANGE"));
	run_until(&w, 1000, g->other == 14336 * MIB);
	assert_int_equal(g->memory, 4096 * MIB);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);
	done(&w, &a);
}

/* What is plugged is not listed: the balloon shows how much of it counts. */
static void test_unlisted_memory(_unused_ void **state)
{
	struct fake_qemu a = busy_guest("a"), b = busy_guest("a");
	const struct guest *g;
	struct world w;

	a.no_list = b.no_list = true;
	a.dimms = 4096 * MIB;
	a.actual = 8192 * MIB;
	a.total += 4096 * MIB;
	g = found(&w, &a);
	assert_int_equal(g->memory, 8192 * MIB);
	a.dimms = 8192 * MIB;
	a.total += 4096 * MIB;
	fake_move(&a, 12288 * MIB);
	run_until(&w, 1000, g->memory == 12288 * MIB);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);

	/* Moved by somebody, which has its size read: less memory it has not. */
	fake_resize(&a, 10240 * MIB);
	run_until(&w, 1000, g->actual == 10240 * MIB);
	assert_int_equal(g->memory, 12288 * MIB);
	fake_say(&a, EVENT("ACPI_DEVICE_OST"));
	run_for(&w, 1500);
	assert_int_equal(g->memory, 12288 * MIB);
	assert_int_equal(info_of(&w, "a").max, 12288 * MIB);
	/* Unplugged, it has. */
	a.dimms = 4096 * MIB;
	fake_resize(&a, 8192 * MIB);
	run_until(&w, 1000, g->memory == 8192 * MIB);
	done(&w, &a);

	b.virtio_mem = 12288 * MIB;
	g = found(&w, &b);
	assert_int_equal(g->memory, 4096 * MIB);
	done(&w, &b);
}

/* When its QEMU was started, as /proc would say. */
static void start_time(struct world *w, unsigned int ticks)
{
	char path[128], text[128];

	snprintf(path, sizeof(path), "%s/%d/stat", w->folder, (int)getpid());
	snprintf(text, sizeof(text), "%d (qemu) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 4 0 %u 1 1\n",
		 (int)getpid(), ticks);
	write_text(path, text);
}

static const struct guest *restarted(struct world *w)
{
	daemon_stop(w);
	daemon_start(w, false);
	run_until(w, 2000, manager_find(w->manager, "a"));
	return find_guest(w, "a");
}

/*
 * The daemon is restarted while such a guest is squeezed: its balloon is below what is
 * listed, and yet it gets all of its memory back.
 */
static void test_unlisted_over_restart(_unused_ void **state)
{
	struct fake_qemu a = busy_guest("a");
	const struct guest *g;
	struct world w;
	char path[96];

	a.no_list = true;
	a.dimms = 4096 * MIB;
	a.actual = 8192 * MIB;
	a.total += 4096 * MIB;
	a.available = a.free = 6000 * MIB;
	open_world(&w, manage);
	daemon_stop(&w);
	snprintf(path, sizeof(path), "%s/state", w.folder);
	w.state = path;
	start_time(&w, 1000);
	guest_cost(&w, getpid(), 3500);
	host_memory(&w, 65536, 50000);
	daemon_start(&w, false);
	start_guest(&w, &a, "a.sock");
	g = find_guest(&w, "a");
	run_until(&w, 4000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	assert_int_equal(g->memory, 8192 * MIB);
	fake_resize(&a, 3000 * MIB);
	run_until(&w, 2000, g->actual == 3000 * MIB);

	g = restarted(&w);
	assert_int_equal(g->memory, 8192 * MIB);
	assert_int_equal(g->limits.max, 8192 * MIB);
	fake_say(&a, EVENT("ACPI_DEVICE_OST"));
	run_until(&w, 9000, a.target == 8192 * MIB);
	assert_int_equal(g->memory, 8192 * MIB);
	fake_resize(&a, 3000 * MIB);
	run_until(&w, 2000, g->actual == 3000 * MIB);

	/* Unplugged while there was no daemon; another QEMU. */
	daemon_stop(&w);
	a.dimms = 1024 * MIB;
	daemon_start(&w, false);
	assert_int_equal(find_guest(&w, "a")->memory, 5120 * MIB);
	start_time(&w, 2000);
	g = restarted(&w);
	assert_int_equal(g->memory, 4096 * MIB);
	done(&w, &a);
}

/* A state is what QEMU says, whichever event there was. */
static void test_run_states(_unused_ void **state)
{
	static const struct {
		const char *status, *event;
	} all[] = {
		{ "suspended", EVENT("SUSPEND") },
		{ "running", EVENT("WAKEUP") },
		{ "io-error", EVENT("STOP") },
		{ "running", EVENT("RESUME") },
		{ "guest-panicked", EVENT("GUEST_PANICKED") },
		{ "running", EVENT("RESUME") },
		{ "save-vm", EVENT("STOP") },
		{ "running", EVENT("RESUME") },
		{ "watchdog", EVENT("WATCHDOG") },
		{ "running", EVENT("SOMETHING_OF_QEMU_42") },
	};
	struct fake_qemu a = busy_guest("a");
	struct world w;

	/* Adopted while it sleeps. */
	a.status = "suspended";
	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	find_guest(&w, "a");
	run_until(&w, 1000, info_of(&w, "a").class == POLICY_CLASS_PAUSED);
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 700);
	assert_int_equal(a.balloons, 0);
	host_memory(&w, 4096, 3500);
	a.status = "running";
	fake_say(&a, EVENT("WAKEUP"));
	run_until(&w, 1000, info_of(&w, "a").class != POLICY_CLASS_PAUSED);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		bool runs = !strcmp(all[i].status, "running");

		a.status = all[i].status;
		fake_say(&a, all[i].event);
		run_until(&w, 1000, (info_of(&w, "a").class == POLICY_CLASS_PAUSED) != runs);
	}
	done(&w, &a);
}

/* A snapshot brings its own balloon: taken for what it is. */
static void test_snapshot(_unused_ void **state)
{
	struct fake_qemu a = busy_guest("a");
	const struct guest *g;
	struct world w;

	g = found(&w, &a);
	a.status = "restore-vm";
	fake_say(&a, EVENT("STOP"));
	run_until(&w, 1000, info_of(&w, "a").class == POLICY_CLASS_PAUSED);
	a.actual = 3000 * MIB;
	a.total = 2900 * MIB;
	a.status = "running";
	fake_say(&a, EVENT("RESUME"));
	run_until(&w, 1000, g->actual == 3000 * MIB);
	assert_int_equal(g->memory, 4096 * MIB);
	done(&w, &a);
}

/* A proxy listens: its own size is not taken for the guest's. */
static void test_wrong_process(_unused_ void **state)
{
	struct fake_qemu a = busy_guest("a");
	struct world w;

	open_world(&w, manage);
	guest_cost(&w, getpid(), 14);
	start_guest(&w, &a, "a.sock");
	find_guest(&w, "a");
	run_for(&w, 1200);
	assert_int_equal(info_of(&w, "a").rss, 0);
	fake_stop(&a, false);
	run_until(&w, 1000, !manager_guest_count(w.manager));
	guest_cost(&w, getpid(), 2000);
	start_guest(&w, &a, "a.sock");
	find_guest(&w, "a");
	run_until(&w, 2000, info_of(&w, "a").rss == 2000 * MIB);
	done(&w, &a);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dimm_event),
		cmocka_unit_test(test_dimm_seen),
		cmocka_unit_test(test_dimm_while_squeezed),
		cmocka_unit_test(test_dimm_stays_offline),
		cmocka_unit_test(test_size_unknown),
		cmocka_unit_test(test_other_memory),
		cmocka_unit_test(test_unlisted_memory),
		cmocka_unit_test(test_unlisted_over_restart),
		cmocka_unit_test(test_run_states),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_wrong_process),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_machine", tests, NULL, NULL);
}
