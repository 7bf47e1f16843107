// SPDX-License-Identifier: GPL-2.0
/* The D-Bus API, on a bus of the test's own. */
#include "dbus_world.h"

/* What a reload would change, before it is done. */
static void test_plan_reload(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	const char *path, *line;
	bool range = false, keeps = false, tunable = false;
	sd_bus_message *m;
	struct world w;
	struct bus b;

	open_all(&w, &b, "[guest a]\nmin = 300M\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 10000, manager_find(w.manager, "a"));
	run_until(&w, 20000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	m = call(&w, &b, "PlanReload", NULL);
	assert_true(sd_bus_message_enter_container(m, 'a', "s") > 0);
	assert_int_equal(sd_bus_message_read(m, "s", &line), 0);
	assert_true(sd_bus_message_exit_container(m) >= 0);
	assert_true(sd_bus_message_read(m, "s", &path) > 0);
	assert_string_equal(path, w.conf);

	config_free(configure(&w, "[guest a]\nmin = 64M\nmax = 64M\n[policy]\ntax = 0.5\n"));
	m = call(&w, &b, "PlanReload", NULL);
	assert_true(sd_bus_message_enter_container(m, 'a', "s") > 0);
	while (sd_bus_message_read(m, "s", &line) > 0) {
		range |= !strncmp(line, "a: range 64 MiB to 64 MiB (was 300 MiB to 1.0 GiB)", 50);
		keeps |= strstr(line, "more than its new max") != NULL;
		tunable |= !strcmp(line, "tax: 0.5 (was 0.75)");
	}
	assert_true(range && keeps && tunable);
	/* It is only a plan. */
	assert_int_equal(manager_find(w.manager, "a")->limits.max, 1024 * MIB);

	write_text(w.conf, "[guest a]\nmaximum = 64M\n");
	m = call(&w, &b, "PlanReload", NULL);
	assert_true(sd_bus_message_is_method_error(m, SD_BUS_ERROR_INVALID_ARGS));
	fake_stop(&a, false);
	close_all(&w, &b);
}

static void test_reading(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	sd_bus_message *m;
	const char *text;
	struct world w;
	struct bus b;
	uint64_t n;
	int on;

	a.reporting = true;
	open_all(&w, &b, "[guest a]\nmin = 300M\nmax = 900M\nshares = 70\ntrust = acme\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 10000, manager_find(w.manager, "a"));
	run_until(&w, 20000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);

	m = call(&w, &b, "GetHost", NULL);
	assert_false(sd_bus_message_is_method_error(m, NULL));
	assert_true(get(m, DYNMEM_HOST_TOTAL, "t", &n));
	assert_int_equal(n, 4096 * MIB);
	assert_true(get(m, DYNMEM_HOST_AVAILABLE, "t", &n));
	assert_int_equal(n, 3500 * MIB);
	assert_true(get(m, DYNMEM_HOST_MODE, "s", &text));
	assert_string_equal(text, "observe");
	assert_true(get(m, DYNMEM_HOST_LEVEL, "s", &text));
	assert_string_equal(text, "none");
	assert_true(get(m, DYNMEM_HOST_GUESTS, "t", &n));
	assert_int_equal(n, 1);
	assert_true(get(m, DYNMEM_HOST_KSM_MODE, "s", &text));
	assert_string_equal(text, "report");
	/* What is not known is not there. */
	assert_false(get(m, DYNMEM_HOST_STALLS, "t", &n));
	assert_false(get(m, DYNMEM_HOST_KSM_SAVED, "t", &n));
	assert_true(get(m, DYNMEM_HOST_KSM_REASON, "s", &text));
	assert_string_equal(text, "this kernel has no KSM");

	m = call(&w, &b, "GetGuest", "a");
	assert_true(get(m, DYNMEM_GUEST_NAME, "s", &text));
	assert_string_equal(text, "a");
	assert_true(get(m, DYNMEM_GUEST_CLASS, "s", &text));
	assert_string_equal(text, "reporting");
	assert_true(get(m, DYNMEM_GUEST_MIN, "t", &n));
	assert_int_equal(n, 300 * MIB);
	assert_true(get(m, DYNMEM_GUEST_MAX, "t", &n));
	assert_int_equal(n, 900 * MIB);
	assert_true(get(m, DYNMEM_GUEST_SHARES, "t", &n));
	assert_int_equal(n, 70);
	assert_true(get(m, DYNMEM_GUEST_ACTUAL, "t", &n));
	assert_int_equal(n, 1024 * MIB);
	assert_true(get(m, DYNMEM_GUEST_USED, "t", &n));
	assert_true(get(m, DYNMEM_GUEST_RSS, "t", &n));
	assert_int_equal(n, 900 * MIB);
	assert_true(get(m, DYNMEM_GUEST_REASON, "s", &text));
	assert_true(get(m, DYNMEM_GUEST_REPORTING, "b", &on));
	assert_true(on);
	assert_true(get(m, DYNMEM_GUEST_DEFLATE, "b", &on));
	assert_false(on);
	assert_true(get(m, DYNMEM_GUEST_TRUST, "s", &text));
	assert_string_equal(text, "acme");
	assert_true(get(m, DYNMEM_GUEST_UNMERGED, "s", &text));
	assert_string_equal(text, "this kernel has no KSM");
	assert_false(get(m, DYNMEM_GUEST_UNMERGEABLE, "s", &text));
	/* It is managed, and nothing pins it. */
	assert_false(get(m, DYNMEM_GUEST_OBSERVED, "s", &text));
	assert_false(get(m, DYNMEM_GUEST_PINNED, "s", &text));

	m = call(&w, &b, "GetGuest", "nobody");
	assert_true(sd_bus_message_is_method_error(m, DYNMEM_BUS_NO_GUEST));

	m = call(&w, &b, "ListGuests", NULL);
	assert_string_equal(sd_bus_message_get_signature(m, true), "aa{sv}");
	fake_stop(&a, false);
	close_all(&w, &b);
}

static sd_bus_message *set_guest(struct world *w, struct bus *b, const char *name, const char *key,
				 const char *value)
{
	b->reply = sd_bus_message_unref(b->reply);
	assert_true(sd_bus_call_method_async(b->client, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					     DYNMEM_BUS_INTERFACE, "SetGuest", on_reply, b, "ssst",
					     name, key, value, (uint64_t)0) >= 0);
	run_until(w, 2000, b->reply != NULL);
	return b->reply;
}

/* One guest with all that is known; what did not happen is not there. */
static void test_detail(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	sd_bus_message *m;
	const char *text;
	char from[128];
	struct world w;
	struct bus b;
	uint64_t n;
	int on;

	open_all(&w, &b, "[guest a]\nmin = 300M\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 10000, manager_find(w.manager, "a"));
	run_until(&w, 20000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	m = call(&w, &b, "GetGuest", "a");
	assert_true(get(m, DYNMEM_DETAIL_MIN_FROM, "s", &text));
	snprintf(from, sizeof(from), "%s:4", w.conf);
	assert_string_equal(text, from);
	assert_true(get(m, DYNMEM_DETAIL_MAX_FROM, "s", &text));
	assert_string_equal(text, "default");
	assert_true(get(m, DYNMEM_GUEST_SAMPLE_AGE, "t", &n));
	assert_in_range(n, 0, 3000000);
	assert_true(get(m, DYNMEM_DETAIL_ACTIVE, "t", &n));
	assert_in_range(n, 60 * MIB, GIB);
	assert_true(get(m, DYNMEM_DETAIL_ROOM, "t", &n));
	assert_true(get(m, DYNMEM_DETAIL_GRANTED, "t", &n));
	assert_int_equal(n, GIB);
	assert_true(get(m, DYNMEM_DETAIL_HARMS, "t", &n));
	assert_int_equal(n, 0);
	assert_false(get(m, DYNMEM_DETAIL_HARM_BY, "s", &text));
	assert_false(get(m, DYNMEM_DETAIL_BACKOFF, "t", &n));
	assert_false(get(m, DYNMEM_GUEST_HELD, "b", &on));
	assert_false(get(m, DYNMEM_DETAIL_MIN_UNTIL, "t", &n));

	m = set_guest(&w, &b, "a", "min", "400M");
	assert_true(sd_bus_message_read(m, "s", &text) > 0);
	assert_string_equal(text, "its min is 400 MiB");
	m = set_guest(&w, &b, "a", "min", "much");
	assert_true(sd_bus_message_is_method_error(m, DYNMEM_BUS_BAD_VALUE));
	m = set_guest(&w, &b, "x", "min", "1G");
	assert_true(sd_bus_message_is_method_error(m, DYNMEM_BUS_NO_GUEST));
	set_guest(&w, &b, "a", "hold", "yes");
	m = call(&w, &b, "GetGuest", "a");
	assert_true(get(m, DYNMEM_DETAIL_MIN_FROM, "s", &text));
	assert_string_equal(text, "run time");
	assert_true(get(m, DYNMEM_GUEST_HELD, "b", &on));
	assert_true(on);
	fake_stop(&a, false);
	close_all(&w, &b);
}

static void test_drain(_unused_ void **state)
{
	sd_bus_message *m;
	const char *text;
	struct world w;
	struct bus b;

	open_all(&w, &b, "");
	m = call(&w, &b, "Drain", NULL);
	assert_true(sd_bus_message_is_method_error(m, DYNMEM_BUS_NOT_MANAGING));

	reload(&w, configure(&w, "[daemon]\nmode = manage\n"));
	m = call(&w, &b, "Drain", NULL);
	assert_false(sd_bus_message_is_method_error(m, NULL));
	m = call(&w, &b, "GetHost", NULL);
	assert_true(get(m, DYNMEM_HOST_MODE, "s", &text));
	assert_string_equal(text, "drain");
	m = call(&w, &b, "Resume", NULL);
	assert_false(sd_bus_message_is_method_error(m, NULL));
	m = call(&w, &b, "GetHost", NULL);
	assert_true(get(m, DYNMEM_HOST_MODE, "s", &text));
	assert_string_equal(text, "manage");
	close_all(&w, &b);
}

static sd_bus_message *reserve(struct world *w, struct bus *b, uint64_t bytes, const char *name,
			       uint64_t seconds)
{
	b->reply = sd_bus_message_unref(b->reply);
	assert_true(sd_bus_call_method_async(b->client, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					     DYNMEM_BUS_INTERFACE, "Reserve", on_reply, b, "tst",
					     bytes, name, seconds) >= 0);
	run_until(w, 2000, b->reply != NULL);
	return b->reply;
}

static sd_bus_message *of_reservation(struct world *w, struct bus *b, const char *member,
				      uint64_t id)
{
	b->reply = sd_bus_message_unref(b->reply);
	assert_true(sd_bus_call_method_async(b->client, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					     DYNMEM_BUS_INTERFACE, member, on_reply, b, "t",
					     id) >= 0);
	run_until(w, 2000, b->reply != NULL);
	return b->reply;
}

static void test_reserve(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), new = idle_guest("new");
	uint64_t id, largest, squeezed, missing;
	sd_bus_message *m;
	const char *text;
	struct world w;
	struct bus b;

	open_all(&w, &b, "[daemon]\nmode = manage\n[policy]\nprofile = cautious\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 10000, manager_find(w.manager, "a"));
	run_until(&w, 20000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	m = call(&w, &b, "GetHost", NULL);
	assert_true(get(m, DYNMEM_HOST_PROFILE, "s", &text));
	assert_string_equal(text, "cautious");
	assert_true(get(m, DYNMEM_HOST_LARGEST, "t", &largest));
	assert_true(get(m, DYNMEM_HOST_LARGEST_SQUEEZED, "t", &squeezed));
	assert_in_range(largest, GIB, 3500 * MIB);
	assert_in_range(squeezed, largest + 300 * MIB, largest + GIB);

	/* More than there is: refused, with what there is. */
	m = reserve(&w, &b, 4 * GIB, "new", 60);
	assert_true(sd_bus_message_is_method_error(m, DYNMEM_BUS_NO_ROOM));
	assert_non_null(strstr(sd_bus_message_get_error(m)->message, "short"));

	/* What is there. */
	m = reserve(&w, &b, 512 * MIB, "", 60);
	assert_true(get(m, DYNMEM_RESERVE_STATE, "s", &text));
	assert_string_equal(text, "ready");
	assert_true(get(m, DYNMEM_RESERVE_ID, "t", &id));
	assert_false(sd_bus_message_is_method_error(of_reservation(&w, &b, "Release", id), NULL));
	m = of_reservation(&w, &b, "GetReservation", id);
	assert_true(sd_bus_message_is_method_error(m, DYNMEM_BUS_NO_RESERVE));
	m = of_reservation(&w, &b, "Release", UINT64_MAX);
	assert_true(sd_bus_message_is_method_error(m, DYNMEM_BUS_NO_RESERVE));
	assert_int_equal(a.balloons, 0);

	/* What a guest has to give: once the new one is found, it is that one's. */
	m = reserve(&w, &b, largest + 200 * MIB, "new", 60);
	assert_true(get(m, DYNMEM_RESERVE_STATE, "s", &text));
	assert_string_equal(text, "freeing");
	assert_true(get(m, DYNMEM_RESERVE_MISSING, "t", &missing));
	assert_true(missing > 0 && missing <= 200 * MIB);
	assert_true(get(m, DYNMEM_RESERVE_ID, "t", &id));
	run_until(&w, 20000, a.balloons > 0);
	run_until(&w, 10000, !strcmp(b.decision_code, "shrink-reserve"));
	start_guest(&w, &new, "new.sock");
	run_until(&w, 10000, manager_find(w.manager, "new"));
	m = of_reservation(&w, &b, "GetReservation", id);
	assert_true(get(m, DYNMEM_RESERVE_STATE, "s", &text));
	assert_string_equal(text, "started");
	m = of_reservation(&w, &b, "Release", id);
	assert_false(sd_bus_message_is_method_error(m, NULL));
	m = reserve(&w, &b, 64 * MIB, "", 60);
	assert_true(get(m, DYNMEM_RESERVE_ID, "t", &missing));
	assert_true(missing > id);
	fake_stop(&a, false);
	fake_stop(&new, false);
	close_all(&w, &b);
}

/* What GetHost() has counted of a decision's reason. */
static uint64_t counted(sd_bus_message *m, const char *want, const char *code)
{
	uint64_t n = 0;
	const char *key;

	assert_true(sd_bus_message_rewind(m, true) >= 0);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "s", &key) > 0);
		if (strcmp(key, want) != 0) {
			sd_bus_message_skip(m, "v");
			sd_bus_message_exit_container(m);
			continue;
		}
		assert_true(sd_bus_message_enter_container(m, 'v', "a{sv}") > 0);
		assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
		while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
			uint64_t one;

			assert_true(sd_bus_message_read(m, "sv", &key, "t", &one) > 0);
			if (!strcmp(key, code))
				n = one;
			sd_bus_message_exit_container(m);
		}
		return n;
	}
	return 0;
}

static void test_signals(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	uint64_t reactions, usec;
	sd_bus_message *m;
	struct world w;
	struct bus b;

	open_all(&w, &b, "[daemon]\nmode = manage\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 10000, b.added == 1);
	run_until(&w, 20000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	assert_int_equal(b.decisions, 0);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 20000, b.decisions > 0 && b.levels > 0);
	assert_string_equal(b.level, "critical");
	assert_string_equal(b.decision_guest, "a");
	assert_string_equal(b.decision_code, "shrink-critical");
	assert_int_equal(b.decision_from, 1024 * MIB);
	assert_true(b.decision_to < 1024 * MIB);
	assert_true(b.decision_applied);
	m = call(&w, &b, "GetHost", NULL);
	assert_int_equal(counted(m, DYNMEM_HOST_DECISIONS, "shrink-critical"), 1);
	assert_int_equal(counted(m, DYNMEM_HOST_DECISIONS_OBSERVED, "shrink-critical"), 0);
	assert_true(get(m, DYNMEM_HOST_REACTIONS, "t", &reactions));
	assert_true(get(m, DYNMEM_HOST_REACTION_TIME, "t", &usec));
	assert_int_equal(reactions, 1);
	/* Microseconds of one event: more than none, less than a second. */
	assert_true(usec > 0 && usec < USEC_PER_SEC);
	fake_stop(&a, false);
	run_until(&w, 20000, b.removed == 1);
	assert_string_equal(b.removed_reason, "closed by the peer");
	close_all(&w, &b);
}

/* Without a bus, and when it goes, the daemon works on. */
static void test_bus_comes_and_goes(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct bus b = { 0 };
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", true);
	assert_int_equal(api_new(&b.api, w.manager, w.event), 0);
	start_guest(&w, &a, "a.sock");
	run_until(&w, 10000, manager_find(w.manager, "a"));
	run_until(&w, 20000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);

	/* It is there at last: the API comes by itself, within 2 or 4 s. */
	start_bus(&w, &b);
	start_client(&w, &b);
	assert_false(sd_bus_message_is_method_error(call(&w, &b, "GetHost", NULL), NULL));

	b.reply = sd_bus_message_unref(b.reply);
	b.client = sd_bus_close_unref(b.client);
	stop_bus(&b);
	run_for(&w, 100);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 20000, a.balloons > 0);

	/* The bus is back, and so is the API. */
	start_bus(&w, &b);
	open_client(&w, &b);
	assert_true(sd_bus_attach_event(b.client, w.event, 0) >= 0);
	run_for(&w, 5000);
	assert_false(sd_bus_message_is_method_error(call(&w, &b, "GetHost", NULL), NULL));
	fake_stop(&a, false);
	close_all(&w, &b);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_detail),
		cmocka_unit_test(test_plan_reload),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_bus_comes_and_goes),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_dbus", tests, NULL, NULL);
}
