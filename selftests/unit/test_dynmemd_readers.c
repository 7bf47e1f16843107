// SPDX-License-Identifier: GPL-2.0
/* Whoever reads changes nothing, however often, and keeps nothing waiting. */
#include "dbus_world.h"
#include "dynmemd/api/fill.h"
#include "dynmemd/core/recorder.h"

#define GUESTS 3
#define READS  50

static const char config[] = "[daemon]\nmode = manage\n[guest a]\nmin = 100M\nshares = 5\n"
			     "[guest b]\nmax = 900M\n[guest *]\ntrust = acme\n";

/* All methods of the API: what only reads, and what does not. */
static const char *const readers[] = {
	"GetHost",    "ListGuests",	"GetGuest",	    "GetRecords",
	"PlanReload", "GetReservation", "ListReservations", NULL,
};
static const char *const writers[] = {
	"Drain", "Resume", "Reserve", "Release", "SetGuest", "Record", NULL,
};

static bool is_in(const char *const *list, const char *name, size_t len)
{
	for (; *list; list++)
		if (strlen(*list) == len && !strncmp(*list, name, len))
			return true;
	return false;
}

static int on_text(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	struct bus *b = userdata;

	b->reply = sd_bus_message_ref(m);
	return 0;
}

/* A method that is new is a reader, and belongs into read_all(), or it is not. */
static void test_all_methods(_unused_ void **state)
{
	static const char tag[] = "<method name=\"";
	unsigned int n = 0;
	const char *xml;
	struct world w;
	struct bus b;

	open_all(&w, &b, config);
	assert_true(sd_bus_call_method_async(b.client, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					     "org.freedesktop.DBus.Introspectable", "Introspect",
					     on_text, &b, "") >= 0);
	run_until(&w, 2000, b.reply != NULL);
	assert_true(sd_bus_message_read(b.reply, "s", &xml) > 0);
	xml = strstr(xml, "<interface name=\"" DYNMEM_BUS_INTERFACE "\"");
	assert_non_null(xml);
	while ((xml = strstr(xml, tag))) {
		size_t len;

		xml += strlen(tag);
		len = strcspn(xml, "\"");
		if (!is_in(readers, xml, len) && !is_in(writers, xml, len))
			fail_msg("neither reader nor writer: %.*s", (int)len, xml);
		n++;
	}
	assert_int_equal(n, ARRAY_SIZE(readers) + ARRAY_SIZE(writers) - 2);
	close_all(&w, &b);
}

/*
 * The same decisions
 */

struct outcome {
	enum policy_level level;
	struct policy_result sums;
	uint64_t taken;
	struct {
		uint64_t from, target, wanted, entitled, sent;
		int reason;
		unsigned int flags;
	} guest[GUESTS];
};

static void ignore_line(_unused_ void *userdata, _unused_ const char *text)
{
}

/* What each reader of the API is made of. */
static void read_all(struct world *w, struct bus *b, unsigned int reservation)
{
	struct manager *m = w->manager;
	struct policy_reserve_status s;
	sd_bus_message *msg = NULL;
	const char *path;

	assert_true(sd_bus_message_new_method_call(b->client, &msg, DYNMEM_BUS_NAME,
						   DYNMEM_BUS_PATH, DYNMEM_BUS_INTERFACE,
						   "None") >= 0);
	assert_true(api_fill_host(msg, m) >= 0);
	for (size_t i = 0; i < manager_guest_count(m); i++) {
		assert_true(api_fill_guest(msg, m, manager_guest(m, i), false) >= 0);
		assert_true(api_fill_guest(msg, m, manager_guest(m, i), true) >= 0);
	}
	assert_true(api_fill_records(msg, m) >= 0);
	assert_true(api_fill_reservations(msg, m) >= 0);
	assert_int_equal(manager_reservation(m, reservation, &s), 0);
	assert_true(api_fill_reservation(msg, reservation, &s) >= 0);
	assert_int_equal(manager_plan_reload(m, ignore_line, NULL, &path), 0);
	assert_true(manager_mode_name(m) && manager_source_name(m));
	sd_bus_message_unref(msg);
}

static void on_line(_unused_ void *userdata, _unused_ const char *line)
{
}

static void decide(struct world *w, enum policy_level level, unsigned int available,
		   struct outcome *o)
{
	struct manager_gate gate;

	memset(o, 0, sizeof(*o));
	pressure(w, level, available);
	manager_gate(w->manager, &gate);
	o->level = manager_level(w->manager);
	o->sums = *manager_result(w->manager);
	o->sums.decision = NULL;
	o->taken = gate.taken;
	for (size_t i = 0; i < GUESTS; i++) {
		const struct guest *g = manager_guest(w->manager, i);

		o->guest[i].from = g->decision.from;
		o->guest[i].target = g->decision.target;
		o->guest[i].wanted = g->decision.wanted;
		o->guest[i].entitled = g->decision.entitled;
		o->guest[i].reason = g->decision.reason;
		o->guest[i].flags = g->decision.flags;
		o->guest[i].sent = g->target;
	}
}

static int send_nothing(_unused_ struct guest *g, _unused_ uint64_t bytes)
{
	return 0;
}

static int poll_nothing(_unused_ struct guest *g)
{
	return -EBUSY;
}

static int watch_nothing(_unused_ struct guest *g, _unused_ unsigned int seconds)
{
	return 0;
}

static const struct guest_ops no_ops = {
	.backend = "none",
	.set_target = send_nothing,
	.poll = poll_nothing,
	.watch = watch_nothing,
};

/*
 * In a process of its own, at the same point in time as another such one. Not by fork(),
 * from where on libsystemd works no more; nothing is sent from there.
 */
static void outcome_of(struct world *w, struct bus *b, unsigned int reservation, unsigned int reads,
		       enum policy_level level, unsigned int available, struct outcome *ret)
{
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = _Fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < GUESTS; i++)
			manager_guest(w->manager, i)->ops = &no_ops;
		if (reads)
			recorder_add(manager_recorder(w->manager), on_line, w);
		for (unsigned int i = 0; i < reads; i++)
			read_all(w, b, reservation);
		decide(w, level, available, ret);
		_exit(write(fds[1], ret, sizeof(*ret)) != sizeof(*ret));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(read(fds[0], ret, sizeof(*ret)), sizeof(*ret));
	close(fds[0]);
	close(fds[1]);
}

/* Any number of reads between two decisions: the same decisions. */
static void test_same_decisions(_unused_ void **state)
{
	static const unsigned int available[] = { 3500, 900, 480, 200, 60 };
	struct fake_qemu f[GUESTS] = { idle_guest("a"), idle_guest("b"), idle_guest("c") };
	struct policy_reserve_status s;
	char done[MANAGER_SENTENCE_MAX];
	struct bus b = { 0 };
	unsigned int id, moved = 0;
	struct world w;

	open_world(&w, config);
	start_bus(&w, &b);
	open_client(&w, &b);
	f[1].available = f[1].free = 500 * MIB;
	f[2].available = 300 * MIB;
	f[2].free = f[2].caches = 100 * MIB;
	for (int i = 0; i < GUESTS; i++) {
		char file[16];

		snprintf(file, sizeof(file), "%s.sock", f[i].name);
		start_guest(&w, &f[i], file);
		until_known(&w, f[i].name);
	}
	assert_int_equal(manager_reserve(w.manager, 64 * MIB, "d", 600, &id, &s), 0);
	assert_int_equal(manager_set(w.manager, "c", "min", "70M", 0, done), 0);
	for (size_t i = 0; i < ARRAY_SIZE(available); i++) {
		struct outcome without, with;

		/* From here on no event is handled. */
		run_for(&w, 300);
		outcome_of(&w, &b, id, 0, POLICY_LEVEL_MEDIUM, available[i], &without);
		outcome_of(&w, &b, id, READS, POLICY_LEVEL_MEDIUM, available[i], &with);
		assert_memory_equal(&with, &without, sizeof(with));
		for (int g = 0; g < GUESTS; g++)
			moved += without.guest[g].sent != GIB;
	}
	/* Else they would be equal for nothing. */
	assert_true(moved > 3);
	for (int i = 0; i < GUESTS; i++)
		fake_stop(&f[i], false);
	sd_bus_flush_close_unref(b.client);
	stop_bus(&b);
	close_world(&w);
}

/*
 * A client that asks as fast as it can and reads no answer, and one that sends what no
 * method takes, keep an emergency waiting no longer than anybody else does.
 */
static void test_flood(_unused_ void **state)
{
	static char huge[100000];
	struct fake_qemu a = idle_guest("a");
	uint64_t before, took;
	sd_bus *deaf = NULL;
	sd_bus_message *m;
	struct world w;
	struct bus b;

	open_all(&w, &b, config);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	assert_true(sd_bus_open_system(&deaf) >= 0);
	memset(huge, '[', sizeof(huge) - 1);
	for (int i = 0; i < 1000; i++) {
		const char *method = readers[i % 4];

		assert_true(sd_bus_call_method_async(deaf, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
						     DYNMEM_BUS_INTERFACE, method, NULL, NULL,
						     i % 4 == 2 ? "s" : "", "a") >= 0);
		if (i % 10)
			continue;
		assert_true(sd_bus_call_method_async(deaf, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
						     DYNMEM_BUS_INTERFACE, "GetGuest", NULL, NULL,
						     "t", (uint64_t)i) >= 0);
		assert_true(sd_bus_call_method_async(deaf, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
						     DYNMEM_BUS_INTERFACE, "Reserve", NULL, NULL,
						     "tst", UINT64_MAX, huge, UINT64_MAX) >= 0);
		assert_true(sd_bus_call_method_async(deaf, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
						     DYNMEM_BUS_INTERFACE, "SetGuest", NULL, NULL,
						     "ssst", huge, huge, huge, UINT64_MAX) >= 0);
	}
	assert_true(sd_bus_flush(deaf) >= 0);
	run_for(&w, 20);
	sd_event_now(w.event, CLOCK_MONOTONIC, &before);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 2000, a.balloons > 0);
	sd_event_now(w.event, CLOCK_MONOTONIC, &took);
	assert_true(took - before < USEC_PER_SEC);
	/* Whoever reads gets an answer all the same. */
	m = call(&w, &b, "GetHost", NULL);
	assert_false(sd_bus_message_is_method_error(m, NULL));
	sd_bus_close_unref(deaf);
	fake_stop(&a, false);
	close_all(&w, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_methods),
		cmocka_unit_test(test_same_decisions),
		cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests_name("dynmemd_readers", tests, NULL, NULL);
}
