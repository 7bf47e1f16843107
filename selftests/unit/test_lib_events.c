// SPDX-License-Identifier: GPL-2.0
/*
 * libdynmem's events, against a kernel that this program plays: the module
 * coming and going, gaps, overruns, and what may hide in one.
 */
#include "lib_fake_kernel.h"
#include "malloc_watch.h"

#define BOTH (DYNMEM_GROUP_PRESSURE | DYNMEM_GROUP_KSM)

static struct dynmem *d;

static int next(struct dynmem_event *ev)
{
	int r;

	/* It allocates nothing. */
	allocations.on = true;
	r = dynmem_next_event(d, ev);
	allocations.on = false;
	assert_int_equal(allocations.count, 0);
	return r;
}

static void expect(uint32_t type, struct dynmem_event *ev)
{
	assert_int_equal(next(ev), 1);
	assert_int_equal(ev->type, type);
}

static void expect_none(void)
{
	struct dynmem_event ev, before;

	memset(&ev, 0x5a, sizeof(ev));
	before = ev;
	assert_int_equal(next(&ev), 0);
	assert_memory_equal(&ev, &before, sizeof(ev));
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	d = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dynmem_close(d);
	return 0;
}

/* A handle with the module loaded, subscribed to both, and no event unread. */
static void open_subscribed(void)
{
	struct dynmem_event ev;

	fake_load(30, false);
	assert_int_equal(dynmem_open(&d, 0), 0);
	assert_int_equal(dynmem_subscribe(d, BOTH), 0);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	expect(DYNMEM_EVENT_KSM, &ev);
	expect_none();
}

static void test_absent_then_appears(void **state)
{
	struct dynmem_event ev;

	(void)state;
	assert_int_equal(dynmem_open(&d, 0), 0);
	assert_false(dynmem_present(d));
	expect_none();
	assert_int_equal(dynmem_subscribe(d, DYNMEM_GROUP_PRESSURE), 0);
	expect_none();

	/* Other families are none of our business. */
	fake_family(queue_add(&fake.events), CTRL_CMD_NEWFAMILY, "dynmem2", 31, 0, 0);
	expect_none();

	fake_load(30, true);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	assert_true(dynmem_present(d));
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.pressure.event, 0);
	assert_int_equal(ev.pressure.level, DYNMEM_LEVEL_LOW);
	assert_true(fake.in_pressure);
	assert_false(fake.in_ksm);
	expect_none();
	assert_int_equal(fake.by_name, 1);
}

static void test_present(void **state)
{
	struct dynmem_event ev;

	(void)state;
	fake_load(30, false);
	assert_int_equal(dynmem_open(&d, DYNMEM_OPEN_NO_LOAD), 0);
	assert_int_equal(fake.by_name, 0);
	assert_true(dynmem_present(d));
	/* Its event came between subscribing and asking: reported once. */
	fake_family(queue_add(&fake.events), CTRL_CMD_NEWFAMILY, DYNMEM_FAMILY_NAME, 30, 0, 0);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect_none();

	/* And nothing is heard of a group that was not subscribed to. */
	fake.in_pressure = true;
	fake_notify_pressure(false);
	expect_none();
	fake.in_pressure = false;

	assert_int_equal(dynmem_subscribe(d, DYNMEM_GROUP_KSM), 0);
	assert_true(fake.in_ksm);
	expect(DYNMEM_EVENT_KSM, &ev);
	assert_int_equal(ev.ksm.event, 0);
	expect_none();
	/* A module without this group. */
	assert_int_equal(dynmem_subscribe(d, DYNMEM_GROUP_KSM | DYNMEM_GROUP_OOM), -EOPNOTSUPP);
	assert_string_equal(dynmem_last_error(d), "this module has no such multicast group");
	assert_int_equal(dynmem_subscribe(d, 8), -EINVAL);
	assert_string_equal(dynmem_last_error(d), "unknown group");
	assert_int_equal(dynmem_subscribe(d, 0), 0);
	assert_false(fake.in_ksm);
	expect_none();
	assert_int_equal(dynmem_open(&d, 2), -EINVAL);
}

static void test_notifications(void **state)
{
	struct dynmem_event ev;

	(void)state;
	open_subscribed();
	fake_notify_pressure(false);
	fake_notify_ksm(false);
	fake_notify_pressure(false);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.pressure.event, DYNMEM_PRESSURE_EVENT_STALL);
	assert_int_equal(ev.pressure.head.seq, 1);
	assert_int_equal(ev.lost, 0);
	expect(DYNMEM_EVENT_KSM, &ev);
	assert_int_equal(ev.ksm.event, DYNMEM_KSM_EVENT_SCAN);
	assert_int_equal(ev.lost, 0);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.pressure.stalls, 20);
	assert_int_equal(ev.lost, 0);
	expect_none();
}

static void test_several_in_a_datagram(void **state)
{
	struct dynmem_event ev;
	struct datagram *dg;

	(void)state;
	open_subscribed();
	dg = queue_add(&fake.events);
	for (int i = 0; i < 3; i++) {
		struct nlmsghdr *nlh;

		fake.pressure_seq++;
		nlh = fake_begin(dg, fake.family, 0, 0, DYNMEM_CMD_PRESSURE_NTF);
		fake_pressure(nlh, DYNMEM_PRESSURE_EVENT_LEVEL);
		fake_end(dg, nlh);
	}
	for (uint64_t i = 1; i <= 3; i++) {
		expect(DYNMEM_EVENT_PRESSURE, &ev);
		assert_int_equal(ev.pressure.head.seq, i);
	}
	expect_none();
}

static void test_gap(void **state)
{
	struct dynmem_event ev;
	struct dynmem_stats stats;

	(void)state;
	open_subscribed();
	fake_notify_pressure(false);
	for (int i = 0; i < 5; i++)
		fake_notify_pressure(true);
	fake_notify_pressure(false);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.lost, 0);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.lost, 5);
	assert_int_equal(ev.pressure.head.seq, 7);
	expect_none();
	dynmem_get_stats(d, &stats);
	assert_int_equal(stats.lost, 5);
	assert_int_equal(stats.overruns, 0);
	/* Two states, two notifications. */
	assert_int_equal(stats.events, 4);
}

static void test_overrun(void **state)
{
	struct dynmem_event ev;
	struct dynmem_stats stats;

	(void)state;
	open_subscribed();
	fake_notify_pressure(false);
	expect(DYNMEM_EVENT_PRESSURE, &ev);

	/* 2 is in the buffer still, behind the error; 3 to 5 are lost. */
	fake_overrun();
	fake_notify_pressure(false);
	for (int i = 0; i < 3; i++)
		fake_notify_pressure(true);
	fake_notify_ksm(true);

	expect(DYNMEM_EVENT_OVERRUN, &ev);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.pressure.event, 0);
	assert_int_equal(ev.pressure.stalls, 50);
	assert_int_equal(ev.lost, 4);
	expect(DYNMEM_EVENT_KSM, &ev);
	assert_int_equal(ev.ksm.full_scans, 2);
	assert_int_equal(ev.lost, 1);
	/* 2 would be a step back. */
	expect_none();

	fake_notify_pressure(false);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.pressure.head.seq, 6);
	assert_int_equal(ev.lost, 0);
	dynmem_get_stats(d, &stats);
	assert_int_equal(stats.overruns, 1);
	assert_int_equal(stats.lost, 5);
}

static void test_overrun_hides_reload(void **state)
{
	struct dynmem_event ev;

	(void)state;
	open_subscribed();
	fake_notify_pressure(false);
	fake_unload(false);
	fake_load(31, false);
	fake_overrun();
	/* What was in the buffer before comes after the error. */
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	expect(DYNMEM_EVENT_OVERRUN, &ev);
	expect(DYNMEM_EVENT_VANISHED, &ev);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.lost, 0);
	expect(DYNMEM_EVENT_KSM, &ev);
	expect_none();
	assert_true(fake.in_pressure && fake.in_ksm);
	/* Listed, not asked for by name: nothing may be loaded by that. */
	assert_int_equal(fake.by_name, 1);
}

static void test_overrun_hides_unload(void **state)
{
	struct dynmem_event ev;

	(void)state;
	open_subscribed();
	fake_unload(false);
	fake_overrun();
	expect(DYNMEM_EVENT_OVERRUN, &ev);
	expect(DYNMEM_EVENT_VANISHED, &ev);
	assert_false(dynmem_present(d));
	expect_none();
}

static void test_overrun_hides_load(void **state)
{
	struct dynmem_event ev;

	(void)state;
	assert_int_equal(dynmem_open(&d, 0), 0);
	assert_int_equal(dynmem_subscribe(d, BOTH), 0);
	fake_overrun();
	expect(DYNMEM_EVENT_OVERRUN, &ev);
	expect_none();
	fake_load(30, false);
	fake_overrun();
	expect(DYNMEM_EVENT_OVERRUN, &ev);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	expect(DYNMEM_EVENT_KSM, &ev);
	expect_none();
}

static void test_unload_and_reload(void **state)
{
	struct dynmem_event ev;

	(void)state;
	open_subscribed();
	for (uint16_t id = 31; id < 41; id++) {
		fake_notify_pressure(false);
		fake_unload(true);
		expect(DYNMEM_EVENT_PRESSURE, &ev);
		expect(DYNMEM_EVENT_VANISHED, &ev);
		assert_false(dynmem_present(d));
		expect_none();
		fake_load(id, true);
		expect(DYNMEM_EVENT_APPEARED, &ev);
		expect(DYNMEM_EVENT_PRESSURE, &ev);
		assert_int_equal(ev.lost, 0);
		expect(DYNMEM_EVENT_KSM, &ev);
		expect_none();
		assert_true(fake.in_pressure && fake.in_ksm);
	}
	assert_int_equal(fake.by_name, 1);
}

static void test_reload_in_one_go(void **state)
{
	struct dynmem_event ev;

	(void)state;
	/* Gone and back before a word was read; old messages in between. */
	open_subscribed();
	fake_notify_pressure(false);
	fake_unload(true);
	fake_load(31, true);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	expect(DYNMEM_EVENT_VANISHED, &ev);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	expect(DYNMEM_EVENT_KSM, &ev);
	expect_none();

	/* And come and gone: the state cannot be asked for any more. */
	fake_unload(true);
	fake_load(32, true);
	fake_unload(true);
	expect(DYNMEM_EVENT_VANISHED, &ev);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect(DYNMEM_EVENT_VANISHED, &ev);
	expect_none();
}

static void test_get_notices_reload(void **state)
{
	struct dynmem_pressure p;
	struct dynmem_event ev;

	(void)state;
	open_subscribed();
	fake_unload(true);
	assert_int_equal(dynmem_get_pressure(d, &p), -ENODEV);
	fake_load(31, true);
	assert_int_equal(dynmem_get_pressure(d, &p), 0);
	/* Reported once each, though the messages are unread. */
	expect(DYNMEM_EVENT_VANISHED, &ev);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	expect(DYNMEM_EVENT_KSM, &ev);
	expect_none();

	/* Back under another number before the request: it is sent again. */
	fake_unload(true);
	fake_load(32, true);
	assert_int_equal(dynmem_get_pressure(d, &p), 0);
	expect(DYNMEM_EVENT_VANISHED, &ev);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	expect(DYNMEM_EVENT_KSM, &ev);
	expect_none();
	assert_int_equal(fake.by_name, 1);
}

static void test_state_fails(void **state)
{
	struct dynmem_event ev;

	(void)state;
	fake_load(30, false);
	assert_int_equal(dynmem_open(&d, 0), 0);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	assert_int_equal(dynmem_subscribe(d, DYNMEM_GROUP_PRESSURE), 0);
	fake.refuse = ENOMEM;
	assert_int_equal(next(&ev), -ENOMEM);
	/* Notifications are more use than an error: they come first. */
	fake_notify_pressure(false);
	fake.refuse = ENOMEM;
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.pressure.event, DYNMEM_PRESSURE_EVENT_STALL);
	assert_int_equal(next(&ev), -ENOMEM);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.pressure.event, 0);
	assert_int_equal(ev.lost, 0);
	expect_none();

	/* The same for the look-up after an overrun. */
	fake_overrun();
	expect(DYNMEM_EVENT_OVERRUN, &ev);
	fake.done_error = -ENOMEM;
	assert_int_equal(next(&ev), -ENOMEM);
	fake.done_error = 0;
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	expect_none();
}

static void test_unsubscribe_drops_state(void **state)
{
	struct dynmem_event ev;

	(void)state;
	fake_load(30, false);
	assert_int_equal(dynmem_open(&d, 0), 0);
	assert_int_equal(dynmem_subscribe(d, BOTH), 0);
	assert_int_equal(dynmem_subscribe(d, DYNMEM_GROUP_KSM), 0);
	expect(DYNMEM_EVENT_APPEARED, &ev);
	expect(DYNMEM_EVENT_KSM, &ev);
	expect_none();
	/* Again: the counters moved on, and nothing of that is a loss. */
	for (int i = 0; i < 3; i++)
		fake_notify_pressure(true);
	assert_int_equal(dynmem_subscribe(d, BOTH), 0);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.lost, 0);
	assert_int_equal(ev.pressure.head.seq, 3);
	expect_none();
}

static void test_malformed(void **state)
{
	struct dynmem_event ev;
	struct dynmem_stats stats;
	struct datagram *dg;
	struct nlmsghdr *nlh;

	(void)state;
	open_subscribed();
	/* A wrong length; then no room for the generic header. */
	dg = queue_add(&fake.events);
	nlh = fake_begin(dg, fake.family, 0, 0, DYNMEM_CMD_PRESSURE_NTF);
	fake_string(nlh, DYNMEM_A_PRESSURE_LEVEL, "x");
	fake_end(dg, nlh);
	dg = queue_add(&fake.events);
	nlh = (struct nlmsghdr *)dg->data;
	nlh->nlmsg_type = fake.family;
	nlh->nlmsg_len = dg->len = NLMSG_HDRLEN;
	/* No number: it could be any. */
	dg = queue_add(&fake.events);
	nlh = fake_begin(dg, fake.family, 0, 0, DYNMEM_CMD_PRESSURE_NTF);
	fake_u32(nlh, DYNMEM_A_PRESSURE_LEVEL, 1);
	fake_end(dg, nlh);
	/* A family without a name. */
	dg = queue_add(&fake.events);
	fake_end(dg, fake_begin(dg, GENL_ID_CTRL, 0, 0, CTRL_CMD_NEWFAMILY));
	/* A command that we do not know is no error. */
	dg = queue_add(&fake.events);
	fake_end(dg, fake_begin(dg, fake.family, 0, 0, 200));
	/* A user's message. */
	fake_notify_pressure(false);
	fake.events.items[(fake.events.tail - 1) % QUEUE_MAX].from = 4711;
	expect_none();
	dynmem_get_stats(d, &stats);
	assert_int_equal(stats.malformed, 4);

	fake_notify_pressure(false);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(ev.lost, 1);
}

static void test_eintr_and_errors(void **state)
{
	struct dynmem_event ev;

	(void)state;
	open_subscribed();
	fake.eintr = 2;
	fake_notify_pressure(false);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
	assert_int_equal(fake.eintr_seen, 2);
	queue_add(&fake.events)->error = EIO;
	assert_int_equal(next(&ev), -EIO);
	expect_none();
}

/* Anything at all on the event socket; the last word has the sanitizer. */
static void test_random(void **state)
{
	unsigned int seed = 1;
	struct dynmem_event ev;
	struct dynmem_stats stats;

	(void)state;
	open_subscribed();
	for (int i = 0; i < 50000; i++) {
		struct datagram *dg;

		if (fake.family && rand_r(&seed) % 2)
			fake_notify_pressure(rand_r(&seed) % 4 == 0);
		else if (fake.family && rand_r(&seed) % 16 == 0)
			fake_unload(rand_r(&seed) % 2);
		else if (!fake.family)
			fake_load((uint16_t)(32 + rand_r(&seed) % 1000), rand_r(&seed) % 2);
		else
			fake_family(queue_add(&fake.events), rand_r(&seed) % 4, "dynmem",
				    (uint16_t)(30 + rand_r(&seed) % 4), 0, 0);
		if (fake.events.tail > fake.events.head) {
			dg = &fake.events.items[(fake.events.tail - 1) % QUEUE_MAX];
			for (int n = rand_r(&seed) % 4; n > 0 && dg->len; n--)
				dg->data[rand_r(&seed) % dg->len] = (char)rand_r(&seed);
			if (rand_r(&seed) % 8 == 0 && dg->len)
				dg->len = rand_r(&seed) % dg->len;
		}
		for (int n = 0; next(&ev) == 1; n++)
			assert_true(n < 16);
	}
	dynmem_get_stats(d, &stats);
	assert_true(stats.events > 1000 && stats.malformed > 1000);

	/* And it works as before. */
	if (fake.family)
		fake_unload(true);
	fake_load(29, true);
	fake_overrun();
	while (next(&ev) != 0)
		;
	assert_true(dynmem_present(d));
	fake_notify_pressure(false);
	expect(DYNMEM_EVENT_PRESSURE, &ev);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		TEST(test_absent_then_appears),
		TEST(test_present),
		TEST(test_notifications),
		TEST(test_several_in_a_datagram),
		TEST(test_gap),
		TEST(test_overrun),
		TEST(test_overrun_hides_reload),
		TEST(test_overrun_hides_unload),
		TEST(test_overrun_hides_load),
		TEST(test_unload_and_reload),
		TEST(test_reload_in_one_go),
		TEST(test_get_notices_reload),
		TEST(test_state_fails),
		TEST(test_unsubscribe_drops_state),
		TEST(test_malformed),
		TEST(test_eintr_and_errors),
		TEST(test_random),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("lib_events", tests, NULL, NULL);
}
