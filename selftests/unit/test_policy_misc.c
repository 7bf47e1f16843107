// SPDX-License-Identifier: GPL-2.0
/* Tunables, sentences, harm, and the state that outlives the daemon. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy/engine.h"

static void test_tunables_table(void **state)
{
	struct policy_tunables t;
	const char *why = NULL;

	(void)state;
	policy_tunables_init(&t);
	assert_int_equal(policy_tunables_check(&t, &why), 0);
	/* Every byte of the struct belongs to a row: none was forgotten. */
	assert_int_equal(policy_tunable_count * 8, sizeof(t));
	for (size_t i = 0; i < policy_tunable_count; i++) {
		const struct policy_tunable *row = &policy_tunable_table[i];

		assert_ptr_equal(policy_tunable_find(row->name), row);
		assert_true(row->min <= row->def && row->def <= row->max);
		assert_true(policy_tunable_get(&t, row) == row->def);
		assert_true(strlen(row->reason) > 20);
		assert_true(strlen(policy_unit_name(row->unit)) > 1);
		assert_int_equal(policy_tunable_set(&t, row, row->min), 0);
		assert_int_equal(policy_tunable_set(&t, row, row->max), 0);
		assert_int_equal(policy_tunable_set(&t, row, row->max * 2 + 1), -ERANGE);
		assert_int_equal(policy_tunable_set(&t, row, -1), -ERANGE);
		assert_int_equal(policy_tunable_set(&t, row, NAN), -ERANGE);
		assert_true(policy_tunable_get(&t, row) == row->max);
		assert_int_equal(policy_tunable_set(&t, row, row->def), 0);
	}
	assert_null(policy_tunable_find("nonsense"));
}

static void test_tunables_order(void **state)
{
	struct policy_tunables t;
	struct policy *p = NULL;
	const char *why = NULL;

	(void)state;
	policy_tunables_init(&t);
	t.level_medium = 5;
	assert_int_equal(policy_tunables_check(&t, &why), -ERANGE);
	assert_string_equal(why, "level_medium must not be larger than level_low");
	assert_int_equal(policy_new(&t, &p), -ERANGE);
	assert_null(p);
	policy_tunables_init(&t);
	t.tax = 1;
	assert_int_equal(policy_tunables_check(&t, &why), -ERANGE);
	assert_string_equal(why, "tax");
}

/* The document's table of profiles has each tunable that is another in one of them, and no more. */
static void test_profiles_documented(void **state)
{
	static char text[64 * 1024];
	FILE *f = fopen("Documentation/policy.rst", "r");
	char head[128];

	(void)state;
	assert_non_null(f); /* tests are run from the top */
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	for (size_t i = 0; i < policy_tunable_count; i++) {
		const struct policy_tunable *row = &policy_tunable_table[i];
		bool listed, differs = false;

		for (unsigned int k = 0; k < POLICY_PROFILES; k++)
			differs |= policy_profile_value(k, row) != row->def;
		snprintf(head, sizeof(head), "\n``%s`` ", row->name);
		listed = strstr(text, head);
		if (listed != differs) {
			fprintf(stderr, "# policy.rst: %s: %s\n", row->name,
				differs ? "missing" : "is in no profile");
			fail();
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < POLICY_REASON_COUNT; i++) {
		assert_string_not_equal(policy_reason_name(i), "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(policy_reason_name(i), policy_reason_name(k));
	}
	for (int i = 0; i < POLICY_CLASS_COUNT; i++)
		assert_string_not_equal(policy_class_name(i), "unknown");
	assert_string_equal(policy_reason_name(999), "unknown");
	assert_string_equal(policy_class_name(999), "unknown");
	assert_string_equal(policy_level_name(POLICY_LEVEL_MEDIUM), "medium");
	assert_string_equal(policy_tier_name(POLICY_TIER_PRESSED), "pressed");
	assert_string_equal(policy_plan_class_name(POLICY_PLAN_CACHE), "cache");
}

static void bytes_are(s64 bytes, const char *text)
{
	char buf[32];

	assert_int_equal(policy_bytes_render(bytes, buf, sizeof(buf)), strlen(text));
	assert_string_equal(buf, text);
}

static void test_sentences(void **state)
{
	struct policy_decision d = {
		.class = POLICY_CLASS_REPORTING,
		.reason = POLICY_REASON_GROW_PRESSED,
		.pressed = POLICY_PRESSED_STALL,
		.from = 512 * MIB,
		.target = 640 * MIB,
		.wanted = GIB,
		.entitled = 768 * MIB,
	};
	char buf[256];

	(void)state;
	bytes_are(0, "0 B");
	bytes_are(1023, "1023 B");
	bytes_are(16 * MIB, "16 MiB");
	bytes_are(GIB + GIB / 2, "1.5 GiB");
	bytes_are(-(s64)(3 * GIB), "-3.0 GiB");
	bytes_are(INT64_MIN, "-8192 PiB");

	policy_reason_render(&d, buf, sizeof(buf));
	assert_string_equal(
		buf,
		"grown by 128 MiB to 640 MiB: its allocations stall; demand 1.0 GiB, entitled to 768 MiB");

	d.reason = POLICY_REASON_WAIT_BYTES;
	d.target = d.from;
	d.arg[0] = 256 * MIB;
	d.arg[1] = -5;
	policy_reason_render(&d, buf, sizeof(buf));
	assert_string_equal(
		buf,
		"stays at 512 MiB: it lacks 256 MiB, but no bytes exist for it above the reserve");

	d.arg[1] = 739 * MIB;
	d.arg[2] = 2 * GIB;
	policy_reason_render(&d, buf, sizeof(buf));
	assert_string_equal(
		buf,
		"stays at 512 MiB: it lacks 256 MiB; its part of the 739 MiB above the reserve, for 2.0 GiB that guests like it lack, is not worth a command");

	d.reason = POLICY_REASON_CLASS;
	d.class = POLICY_CLASS_FROZEN;
	policy_reason_render(&d, buf, sizeof(buf));
	assert_string_equal(buf, "left at 512 MiB: it migrates");

	/* A short buffer is filled and ended. */
	assert_true(policy_reason_render(&d, buf, 8) > 8);
	assert_string_equal(buf, "left at");
	for (int r = 0; r < POLICY_REASON_COUNT; r++) {
		d.reason = r;
		for (int k = 0; k < 4; k++)
			d.arg[k] = INT64_MIN;
		assert_true(policy_reason_render(&d, buf, sizeof(buf)) < (int)sizeof(buf));
	}
}

static void test_numbers(void **state)
{
	static const char *const number[] = {
		"0", "0.1", "0.03125", "2", "1000000000", "1e+18", "1.05",
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		policy_number_render(strtod(number[i], NULL), buf, sizeof(buf));
		assert_string_equal(buf, number[i]);
	}
	policy_number_render(1.0 / 3, buf, sizeof(buf));
	assert_true(strtod(buf, NULL) == 1.0 / 3);
	assert_int_equal(policy_number_render(0.125, buf, 3), 3);
	assert_string_equal(buf, "0.");
}

/* One guest on a host that lacks; it is shrunk, hurts, and is given back. */
struct hurt {
	struct policy *p;
	u64 now, update, faults;
	unsigned int g;
	struct host_record h;
	struct policy_result r;
	struct policy_guest_info i;
};

static void hurt_init(struct hurt *x)
{
	struct policy_guest_config c = { .min = GIB, .max = 8 * GIB };

	*x = (struct hurt){
		.now = 1000 * SEC,
		.h = { .present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
		       .total = 16 * GIB,
		       .available = 8 * GIB },
	};
	assert_int_equal(policy_new(NULL, &x->p), 0);
	assert_int_equal(policy_guest_add(x->p, &c, 8 * GIB, x->now, &x->g), 0);
	policy_guest_polling(x->p, x->g, true, x->now);
}

static void hurt_tick(struct hurt *x, u64 faults)
{
	const struct policy_guest *g = guest_get(x->p, x->g);
	struct guest_record s = {
		.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
			   GUEST_HAS_FREE | GUEST_HAS_MAJOR_FAULTS,
		.last_update = ++x->update,
		.stat_actual = g->target,
		.total = g->target,
		/* Where it hurts next to nothing is available. */
		.available = faults ? 64 * MIB : over(g->target, 2 * GIB),
		.free = faults ? 0 : over(g->target, 2 * GIB),
		.major_faults = x->faults += faults,
	};
	struct guest_record c = {
		.present = GUEST_HAS_RSS,
		.rss = g->target,
	};

	x->now += SEC;
	policy_host_update(x->p, &x->h, x->now);
	policy_guest_update(x->p, x->g, &c, x->now);
	policy_guest_update(x->p, x->g, &s, x->now);
	assert_true(policy_decide(x->p, x->now, &x->r) >= 0);
	policy_guest_info(x->p, x->g, x->now, &x->i);
}

static void shrink_to(struct hurt *x, u64 size)
{
	policy_command_sent(x->p, x->g, size, x->now);
	hurt_tick(x, 0);
	hurt_tick(x, 0);
}

static void test_harm_is_undone(void **state)
{
	struct hurt x;

	(void)state;
	hurt_init(&x);
	for (int n = 0; n < 5; n++)
		hurt_tick(&x, 0);
	shrink_to(&x, 4 * GIB);
	assert_int_equal(x.i.backoff, 0);
	hurt_tick(&x, 5000);
	assert_int_equal(x.i.pressed, POLICY_PRESSED_REFAULT);
	assert_int_equal(x.i.harms, 1);
	assert_int_equal(x.i.backoff, 30 * SEC);
	assert_int_equal(x.i.harm_by, POLICY_PRESSED_REFAULT);
	assert_int_equal(x.i.harm_size, 4 * GIB);
	assert_int_equal(x.i.harm_age, 0);
	/* 5 % above 4 GiB, less what the statistics showed: all but 64 MiB. */
	assert_in_range(x.i.learned, 256 * MIB, 280 * MIB);
	/* It may have a step back, not all that it had ... */
	assert_int_equal(guest_get(x.p, x.g)->seen->undo, 5 * GIB);
	/* ... and gets more, for the host has bytes that nobody needs. */
	assert_int_equal(x.r.decision[0].reason, POLICY_REASON_GROW_UNDO);
	assert_in_range(x.r.decision[0].target, 5 * GIB, 8 * GIB);
	policy_free(x.p);
}

/* Each harm doubles the back-off; three in an hour, and it is left alone. */
static void test_harm_adds_up(void **state)
{
	struct hurt x;

	(void)state;
	hurt_init(&x);
	for (int n = 0; n < 5; n++)
		hurt_tick(&x, 0);
	for (unsigned int harm = 1; harm <= 3; harm++) {
		policy_command_sent(x.p, x.g, 8 * GIB, x.now);
		hurt_tick(&x, 0);
		shrink_to(&x, 4 * GIB);
		hurt_tick(&x, 5000);
		assert_int_equal(x.i.harms, harm);
		assert_int_equal(x.i.backoff, (30 * SEC) << (harm - 1));
		for (int n = 0; n < 200; n++)
			hurt_tick(&x, 0);
	}
	/* The host lacks a little: not at this guest's expense. */
	policy_command_sent(x.p, x.g, 8 * GIB, x.now);
	x.h.available = 1600 * MIB;
	for (int n = 0; n < 20; n++)
		hurt_tick(&x, 0);
	assert_int_equal(x.r.level, POLICY_LEVEL_LOW);
	assert_int_equal(x.r.send, 0);
	assert_int_equal(x.r.decision[0].reason, POLICY_REASON_HELD_HARM);
	assert_true(x.r.decision[0].flags & POLICY_ALERT);
	policy_free(x.p);
}

/* A shrink that did no harm for a minute is a good one. */
static void test_no_harm(void **state)
{
	struct hurt x;

	(void)state;
	hurt_init(&x);
	for (int n = 0; n < 5; n++)
		hurt_tick(&x, 0);
	shrink_to(&x, 4 * GIB);
	for (int n = 0; n < 62; n++)
		hurt_tick(&x, 0);
	hurt_tick(&x, 5000);
	assert_int_equal(x.i.harms, 0);
	assert_int_equal(x.i.learned, 0);
	policy_free(x.p);
}

/* The learned margin sinks by 1 % an hour. */
static void test_learned_margin_sinks(void **state)
{
	struct hurt x;
	u64 first;

	(void)state;
	hurt_init(&x);
	for (int n = 0; n < 5; n++)
		hurt_tick(&x, 0);
	shrink_to(&x, 4 * GIB);
	hurt_tick(&x, 5000);
	first = x.i.learned;
	x.now += 3600 * SEC;
	hurt_tick(&x, 0);
	assert_in_range(x.i.learned, first * 98 / 100, first * 992 / 1000);
	x.now += 24 * 3600 * SEC;
	hurt_tick(&x, 0);
	assert_in_range(x.i.learned, first * 76 / 100, first * 79 / 100);
	policy_free(x.p);
}

static void test_state_survives(void **state)
{
	struct policy_guest_config c = { .min = GIB, .max = 8 * GIB };
	struct policy_guest_state a, b;
	struct policy_host_state ha, hb;
	struct policy *q = NULL;
	struct hurt x;
	unsigned int g;

	(void)state;
	hurt_init(&x);
	for (int n = 0; n < 5; n++)
		hurt_tick(&x, 0);
	shrink_to(&x, 4 * GIB);
	hurt_tick(&x, 5000);
	assert_int_equal(policy_guest_export(x.p, x.g, x.now, &a), 0);
	policy_host_export(x.p, &ha);

	/* Another process, another clock. */
	assert_int_equal(policy_new(NULL, &q), 0);
	assert_int_equal(policy_guest_add(q, &c, 4 * GIB, 5 * SEC, &g), 0);
	assert_int_equal(policy_guest_import(q, g, 5 * SEC, &a), 0);
	policy_host_import(q, &ha, 5 * SEC);
	assert_int_equal(policy_guest_export(q, g, 5 * SEC, &b), 0);
	policy_host_export(q, &hb);
	assert_int_equal(b.learned, a.learned);
	assert_int_equal(b.good, a.good);
	assert_true(b.yield == a.yield && b.hot == a.hot && b.lacking == a.lacking);
	assert_int_equal(b.overhead, a.overhead);
	assert_int_equal(b.debt, a.debt);
	assert_int_equal(b.backoff, a.backoff);
	assert_int_equal(b.backoff_left, a.backoff_left);
	assert_int_equal(b.harms, a.harms);
	assert_int_equal(b.harm_by, POLICY_PRESSED_REFAULT);
	assert_int_equal(b.harm_size, a.harm_size);
	assert_int_equal(hb.touch_rate, ha.touch_rate);

	/* Two hours later. */
	a.age = 7200 * SEC;
	a.debt = GIB;
	a.backoff_left = a.backoff;
	assert_int_equal(policy_guest_import(q, g, 5 * SEC, &a), 0);
	assert_int_equal(policy_guest_export(q, g, 5 * SEC, &b), 0);
	assert_in_range(b.learned, (u64)(0.979 * (double)a.learned),
			(u64)(0.982 * (double)a.learned));
	assert_int_equal(b.debt, GIB / 4);
	assert_int_equal(b.backoff, a.backoff);
	assert_int_equal(b.backoff_left, 0);
	assert_int_equal(b.harms, 0);
	assert_true(a.learned && a.backoff && a.harms);
	assert_int_equal(policy_guest_export(q, 9, 0, &b), -ENOENT);
	assert_int_equal(policy_guest_import(q, 9, 0, &b), -ENOENT);
	policy_free(q);
	policy_free(x.p);
}

/* Whatever the file says. */
static void test_state_corrupt(void **state)
{
	struct host_record h = { .present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
				 .total = 16 * GIB,
				 .available = GIB };
	struct policy_guest_config c = { .min = GIB, .max = 8 * GIB };
	struct policy_guest_state s;
	struct policy_host_state host;
	struct policy_result r;
	struct policy *p = NULL;
	unsigned int g;

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		assert_int_equal(policy_new(NULL, &p), 0);
		assert_int_equal(policy_guest_add(p, &c, 4 * GIB, SEC, &g), 0);
		memset(&s, byte, sizeof(s));
		memset(&host, byte, sizeof(host));
		assert_int_equal(policy_guest_import(p, g, SEC, &s), 0);
		policy_host_import(p, &host, SEC);
		policy_host_update(p, &h, SEC);
		assert_true(policy_decide(p, SEC, &r) >= 0);
		assert_true(r.decision[0].target >= GIB);
		assert_true(r.decision[0].target <= 8 * GIB);
		policy_free(p);
	}
	s.yield = NAN;
	s.hot = INFINITY;
	s.kept = UINT64_MAX;
	s.lacking = UINT64_MAX;
	assert_int_equal(policy_new(NULL, &p), 0);
	assert_int_equal(policy_guest_add(p, &c, 4 * GIB, SEC, &g), 0);
	assert_int_equal(policy_guest_import(p, g, SEC, &s), 0);
	assert_int_equal(policy_guest_export(p, g, SEC, &s), 0);
	assert_true(s.yield == 1 && s.hot == 0.5 && s.lacking <= GIB);
	assert_in_range(s.kept, 0, 8 * GIB);
	policy_free(p);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunables_table),
		cmocka_unit_test(test_tunables_order),
		cmocka_unit_test(test_profiles_documented),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_harm_is_undone),
		cmocka_unit_test(test_harm_adds_up),
		cmocka_unit_test(test_no_harm),
		cmocka_unit_test(test_learned_margin_sinks),
		cmocka_unit_test(test_state_survives),
		cmocka_unit_test(test_state_corrupt),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
