// SPDX-License-Identifier: GPL-2.0
/* Records as JSON, and recordings: what is replayed is decided again. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/recording.h"
#include "policy_random.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define _unused_      __attribute__((unused))

/* Each bit has a field, each field its own bit and name. */
static void check_fields(const struct record_field *fields, uint64_t all)
{
	uint64_t seen = 0;

	for (const struct record_field *f = fields; f->name; f++) {
		assert_int_equal(f->bit & (f->bit - 1), 0);
		assert_int_equal(seen & f->bit, 0);
		seen |= f->bit;
		for (const struct record_field *o = fields; o < f; o++)
			assert_string_not_equal(o->name, f->name);
	}
	assert_int_equal(seen, all);
}

#define GUEST_HAS_MACHINE                                                          \
	(GUEST_HAS_MEMORY | GUEST_HAS_DIMMS | GUEST_HAS_DEVICES | GUEST_HAS_PINS | \
	 GUEST_HAS_CAPS | GUEST_HAS_ACTUAL)
#define HOST_HAS_ALL                                                                               \
	(HOST_HAS_MEMORY | HOST_HAS_FREE | HOST_HAS_ARC | HOST_HAS_SWAP | HOST_HAS_POOL_TOTAL |    \
	 HOST_HAS_NODES | HOST_HAS_LEVEL | HOST_HAS_CAUSE | HOST_HAS_STALLS | HOST_HAS_OOM_KILLS | \
	 HOST_HAS_ALL_KSM)

static void test_every_bit_has_a_field(_unused_ void **state)
{
	check_fields(guest_record_fields,
		     GUEST_HAS_MACHINE | GUEST_HAS_ALL_STATS | GUEST_HAS_COSTS);
	check_fields(host_record_fields, HOST_HAS_ALL);
}

/* A value of its own in each field. */
static void fill(const struct record_field *f, void *record)
{
	for (uint64_t n = 1; f->name; f++, n++) {
		char *at = (char *)record + f->offset;

		switch (f->type) {
		case RECORD_BOOL:
			*(bool *)at = true;
			break;
		case RECORD_LEVEL:
			*(enum policy_level *)at = POLICY_LEVEL_MEDIUM;
			break;
		case RECORD_BITS:
			*(uint32_t *)at = 5;
			break;
		case RECORD_U32:
			*(uint32_t *)at = n;
			break;
		case RECORD_HOST_NODES:
			*(uint32_t *)((char *)record + f->count) = 2;
			memset(at, (int)n, 2 * f->item);
			break;
		default:
			*(uint64_t *)at = UINT64_MAX - n;
		}
	}
}

static void round_trip(const struct record_field *fields, const void *in, void *out, size_t size,
		       uint64_t present)
{
	struct json_object *obj = record_to_json(fields, in, present), *again;
	char why[RECORD_WHY_MAX];
	uint64_t got = 0;

	again = json_tokener_parse(json_object_to_json_string(obj));
	assert_int_equal(record_from_json(fields, again, out, &got, why), 0);
	assert_int_equal(got, present);
	assert_memory_equal(in, out, size);
	json_object_put(obj);
	json_object_put(again);
}

static void test_round_trip(_unused_ void **state)
{
	struct guest_record g = { 0 }, g2 = { 0 };
	struct host_record h = { 0 }, h2 = { 0 };

	fill(guest_record_fields, &g);
	fill(host_record_fields, &h);
	round_trip(guest_record_fields, &g, &g2, sizeof(g),
		   GUEST_HAS_MACHINE | GUEST_HAS_ALL_STATS | GUEST_HAS_COSTS);
	round_trip(host_record_fields, &h, &h2, sizeof(h), HOST_HAS_ALL);
	/* Nothing is nothing. */
	g = g2 = (struct guest_record){ 0 };
	round_trip(guest_record_fields, &g, &g2, sizeof(g), 0);
}

static void test_merge(_unused_ void **state)
{
	struct guest_record into = { .present = GUEST_HAS_RSS | GUEST_HAS_FREE,
				     .rss = 1,
				     .free = 2 };
	struct guest_record from = {
		.present = GUEST_HAS_FREE | GUEST_HAS_CPU,
		.rss = 9,
		.free = 3,
		.cpu_ns = 5,
	};

	guest_record_merge(&into, &from);
	assert_int_equal(into.present, GUEST_HAS_RSS | GUEST_HAS_FREE | GUEST_HAS_CPU);
	assert_int_equal(into.rss, 1);
	assert_int_equal(into.free, 3);
	assert_int_equal(into.cpu_ns, 5);
}

static void test_refused_records(_unused_ void **state)
{
	static const char *const texts[] = {
		"[]", "5", "{\"rss\": -1}", "{\"rss\": \"1\"}", "{\"rss\": 1.5}", "{\"pins\": 3}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct json_object *obj = json_tokener_parse(texts[i]);
		struct guest_record g = { 0 };
		char why[RECORD_WHY_MAX] = "";

		assert_int_equal(record_from_json(guest_record_fields, obj, &g, &g.present, why),
				 -EBADMSG);
		assert_true(why[0]);
		json_object_put(obj);
	}
}

/* A recording in memory. */
struct recorded_lines {
	char **line;
	size_t n, room;
};

static void add_line(struct recorded_lines *r, struct json_object *obj)
{
	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 64;
		r->line = reallocarray(r->line, r->room, sizeof(*r->line));
		assert_non_null(r->line);
	}
	r->line[r->n++] = strdup(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN));
	json_object_put(obj);
}

static void on_input(void *userdata, const struct policy_input *in)
{
	add_line(userdata, recording_line(in, "guest"));
}

static void clear(struct recorded_lines *r)
{
	while (r->n)
		free(r->line[--r->n]);
	free(r->line);
	*r = (struct recorded_lines){ 0 };
}

static struct replay_sums play(const struct recorded_lines *r)
{
	char why[RECORD_WHY_MAX] = "";
	struct replay_sums sums;
	struct replay *replay;

	assert_int_equal(replay_new(&replay, NULL, NULL), 0);
	for (size_t i = 0; i < r->n; i++) {
		struct json_object *obj = json_tokener_parse(r->line[i]);

		if (replay_line(replay, obj, why) != 0)
			fail_msg("%s: %s", r->line[i], why);
		json_object_put(obj);
	}
	sums = *replay_sums(replay);
	replay_free(replay);
	return sums;
}

/* As a manager does it, emergencies and reservations too. */
static void live(struct policy *p, const struct random_snapshot *x, const unsigned int *map)
{
	struct policy_reserve_status status;
	const struct policy_plan_step *step;
	struct policy_result r;
	unsigned int n, id;

	for (unsigned int t = 0; t < RANDOM_TICKS; t++) {
		uint64_t now = x->start + t * x->step;

		random_feed(p, x, map, t);
		if (policy_emergency_begin(p, now, &step, &n) == 0)
			for (unsigned int i = 0; i < n; i++)
				policy_command_sent(p, step[i].guest, step[i].target, now);
		policy_emergency_next(p, now + 250 * MSEC, &step, &n);
		if (t == 1 && policy_reserve(p, GIB, 2 * x->step + 1, now, &id, &status) == 0 &&
		    x->seed % 2)
			policy_reserve_release(p, id);
		policy_set_drain(p, x->seed % 7 == t);
		if (policy_decide(p, now + 300 * MSEC, &r) < 0)
			continue;
		for (unsigned int i = 0; i < r.count; i++)
			if (r.decision[i].flags & POLICY_SEND)
				policy_command_sent(p, r.decision[i].guest, r.decision[i].target,
						    now + 300 * MSEC);
	}
}

/* From the beginning it is the same to the byte, whatever guests send. */
static void test_replay_is_exact(_unused_ void **state)
{
	static struct random_snapshot x;
	unsigned long decisions = 0, sent = 0, steps = 0;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		unsigned int map[RANDOM_GUESTS];
		struct recorded_lines rec = { 0 };
		struct policy *p = NULL;
		struct replay_sums s;

		random_snapshot(&x, seed, seed % 3 == 0);
		assert_int_equal(policy_new(NULL, &p), 0);
		assert_true(policy_is_new(p));
		add_line(&rec, recording_header("test", true));
		policy_listen(p, on_input, &rec);
		for (unsigned int i = 0; i < x.n; i++)
			assert_int_equal(policy_guest_add(p, &x.g[i].config, x.g[i].actual, x.start,
							  &map[i]),
					 0);
		live(p, &x, map);
		policy_free(p);
		s = play(&rec);
		assert_true(s.exact);
		assert_int_equal(s.differ, 0);
		decisions += s.decisions;
		sent += s.sent;
		steps += s.steps;
		clear(&rec);
	}
	assert_true(decisions > 5000);
	assert_true(sent > 300);
	assert_true(steps > 100);
}

/* The comparison does compare. */
static void test_a_difference_is_seen(_unused_ void **state)
{
	static struct random_snapshot x;
	unsigned int map[RANDOM_GUESTS], changed = 0;
	struct recorded_lines rec = { 0 };
	struct policy *p = NULL;

	random_snapshot(&x, 4, false);
	assert_int_equal(policy_new(NULL, &p), 0);
	add_line(&rec, recording_header("test", true));
	policy_listen(p, on_input, &rec);
	for (unsigned int i = 0; i < x.n; i++)
		policy_guest_add(p, &x.g[i].config, x.g[i].actual, x.start, &map[i]);
	live(p, &x, map);
	policy_free(p);
	for (size_t i = 0; i < rec.n; i++) {
		char *at = strstr(rec.line[i], "\"target\":");

		if (!at || !strstr(rec.line[i], "\"decide\""))
			continue;
		at += strlen("\"target\":");
		*at = *at == '9' ? '8' : (char)(*at + 1);
		changed++;
	}
	assert_true(changed > 0);
	assert_true(play(&rec).differ >= changed);
	clear(&rec);
}

/* Begun later, it knows the guests, their sizes and what was learned. */
static void test_begun_later(_unused_ void **state)
{
	static struct random_snapshot x;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		unsigned int map[RANDOM_GUESTS];
		struct recorded_lines rec = { 0 };
		struct policy_result r;
		struct policy *p;
		struct replay_sums s;

		random_snapshot(&x, seed, false);
		p = random_engine(&x, NULL, false, map);
		assert_non_null(p);
		live(p, &x, map);
		assert_false(policy_is_new(p));
		add_line(&rec, recording_header("test", false));
		policy_listen(p, on_input, &rec);
		assert_true(policy_decide(p, x.start + 60 * SEC, &r) >= 0);
		policy_listen(p, NULL, NULL);
		policy_free(p);
		s = play(&rec);
		assert_false(s.exact);
		assert_int_equal(s.decisions, x.n);
		clear(&rec);
	}
}

static void test_refused_lines(_unused_ void **state)
{
	static const char *const header =
		"{\"type\": \"recording\", \"schema\": 1, \"exact\": true}";
	static const struct {
		const char *line, *why;
		bool bare; /* without the header before it */
	} bad[] = {
		{ "{}", "type", true },
		{ "{\"type\": \"state\"}", "dynmem record", true },
		{ "{\"type\": \"recording\"}", "schema", true },
		{ "{\"type\": \"recording\", \"schema\": 99}", "schema 99", true },
		{ "{\"type\": \"nonsense\", \"now\": 1}", "not known", false },
		{ "{\"type\": \"host\"}", "now", false },
		{ "{\"type\": \"host\", \"now\": 1}", "record", false },
		{ "{\"type\": \"host\", \"now\": 1, \"record\": {\"total\": \"x\"}}", "total",
		  false },
		{ "{\"type\": \"guest\", \"now\": 1, \"guest\": 0, \"record\": {}}", "added",
		  false },
		{ "{\"type\": \"guest-add\", \"now\": 1, \"guest\": 4000000000, \"bytes\": 1}",
		  "handle", false },
		{ "{\"type\": \"guest-add\", \"now\": 1, \"guest\": 0, \"bytes\": 1, \"record\": {\"min\": 1}}",
		  "max", false },
		{ "{\"type\": \"guest-add\", \"now\": 1, \"guest\": 0, \"bytes\": 1, \"record\": {\"min\": 9, \"max\": 1, \"shares\": 1, \"unmanaged\": false}}",
		  "range", false },
		{ "{\"type\": \"decide\", \"now\": 1, \"decisions\": []}", "host", false },
		{ "{\"type\": \"decide\", \"now\": 1}", "decisions", false },
		{ "{\"type\": \"tunables\", \"now\": 1, \"record\": {\"poll\": -5}}", "range",
		  false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_object *obj = json_tokener_parse(header);
		char why[RECORD_WHY_MAX] = "";
		struct replay *r;

		assert_int_equal(replay_new(&r, NULL, NULL), 0);
		if (!bad[i].bare)
			assert_int_equal(replay_line(r, obj, why), 0);
		json_object_put(obj);
		obj = json_tokener_parse(bad[i].line);
		assert_non_null(obj);
		assert_int_equal(replay_line(r, obj, why), -EBADMSG);
		if (!strstr(why, bad[i].why))
			fail_msg("%s: '%s' says nothing of %s", bad[i].line, why, bad[i].why);
		json_object_put(obj);
		replay_free(r);
	}
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bit_has_a_field),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_refused_records),
		cmocka_unit_test(test_replay_is_exact),
		cmocka_unit_test(test_a_difference_is_seen),
		cmocka_unit_test(test_begun_later),
		cmocka_unit_test(test_refused_lines),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
