// SPDX-License-Identifier: GPL-2.0
/* Answers that do not come from a guest that always answered. */
#include "policy_one.h"

#define READ (64 * MIB)

/* Squeezed to half of its max, and half of that is available. */
static void squeezed(struct one *o)
{
	one_init(o, 256 * MIB, 2 * GIB, GIB);
	o->h.available = 4 * GIB;
	o->c.present |= GUEST_HAS_DISK_READ;
	policy_guest_polling(o->p, o->g, true, o->now);
}

/* A second without an answer, in which its disks read that much. */
static void unanswered(struct one *o, u64 bytes)
{
	o->c.disk_read += bytes;
	tick(o, false);
}

/* It reads its swap: it may have filled what it has, and gets room beyond that at once. */
static void test_missed_and_reads(void **state)
{
	struct one o;

	(void)state;
	squeezed(&o);
	ticks(&o, 40);
	assert_int_equal(o.i.pressed, 0);
	assert_true(o.i.demand < GIB);
	unanswered(&o, READ);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_LATE);
	assert_int_equal(o.i.demand, GIB + o.i.room);
	assert_true(o.r.decision[0].flags & POLICY_SEND);
	assert_true(o.r.decision[0].target > GIB + 200 * MIB);
	/* It answers again, and has what it had. */
	tick(&o, true);
	assert_int_equal(o.i.pressed, 0);
	assert_true(o.i.demand < GIB);
	policy_free(o.p);
}

/* What it is given then counts only as it touches it. */
static void test_given_is_not_used(void **state)
{
	struct one o;

	(void)state;
	squeezed(&o);
	ticks(&o, 40);
	for (int n = 0; n < 20; n++) {
		unanswered(&o, READ);
		policy_guest_actual(o.p, o.g, GIB + 256 * MIB, o.now);
		assert_int_equal(o.i.demand, GIB + o.i.room);
	}
	o.c.rss += 256 * MIB;
	unanswered(&o, READ);
	assert_int_equal(o.i.demand, GIB + 256 * MIB + o.i.room);
	policy_free(o.p);
}

/* A large guest cannot have filled all that it has within a second. */
static void test_as_fast_as_memory(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, GIB, 64 * GIB, 32 * GIB);
	o.h.available = 4 * GIB;
	o.c.present |= GUEST_HAS_DISK_READ;
	policy_guest_polling(o.p, o.g, true, o.now);
	ticks(&o, 40);
	unanswered(&o, READ);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_LATE);
	assert_true(o.i.demand < 32 * GIB);
	policy_free(o.p);
}

static void test_missed_and_idle(void **state)
{
	struct one o;

	(void)state;
	squeezed(&o);
	ticks(&o, 40);
	unanswered(&o, 0);
	assert_int_equal(o.i.pressed, 0);
	assert_true(o.i.demand < GIB);
	policy_free(o.p);
}

/* One that misses an answer now and then says nothing by it. */
static void test_often_missed(void **state)
{
	struct one o;

	(void)state;
	squeezed(&o);
	for (int n = 0; n < 100; n++) {
		if (n % 20 < 19)
			tick(&o, true);
		else
			unanswered(&o, READ);
		assert_int_equal(o.i.pressed, 0);
	}
	policy_free(o.p);
}

/* Asked twice within a period, as after a level's event. */
static void test_asked_between(void **state)
{
	struct one o;

	(void)state;
	squeezed(&o);
	ticks(&o, 40);
	o.c.disk_read += READ;
	policy_guest_update(o.p, o.g, &o.c, o.now + SEC / 2);
	policy_guest_update(o.p, o.g, &o.s, o.now + SEC / 2);
	assert_true(policy_decide(o.p, o.now + SEC / 2, &o.r) >= 0);
	assert_int_equal(o.r.decision[0].pressed, 0);
	policy_free(o.p);
}

/* It was not asked for a while, or is another machine: its first answer is not late. */
static void test_not_asked(void **state)
{
	struct one o;

	(void)state;
	for (int restarts = 0; restarts < 2; restarts++) {
		squeezed(&o);
		ticks(&o, 40);
		policy_guest_polling(o.p, o.g, false, o.now);
		if (restarts)
			policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
		o.now += 60 * SEC;
		policy_guest_polling(o.p, o.g, true, o.now);
		unanswered(&o, 60 * READ);
		unanswered(&o, READ);
		assert_int_equal(o.i.pressed, 0);
		policy_free(o.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missed_and_reads),  cmocka_unit_test(test_given_is_not_used),
		cmocka_unit_test(test_as_fast_as_memory), cmocka_unit_test(test_missed_and_idle),
		cmocka_unit_test(test_often_missed),	  cmocka_unit_test(test_asked_between),
		cmocka_unit_test(test_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
