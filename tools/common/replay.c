// SPDX-License-Identifier: GPL-2.0
/* A recording's lines, given to an engine by the calls that they came from. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/recording.h"
#include "common/recording_fields.h"

/* A recorded handle's guest here. */
struct known_guest {
	bool exists;
	unsigned int handle;
	char *name;
};

struct replay {
	struct policy *policy;
	replay_decision_t f;
	void *userdata;
	bool begun; /* the header was seen */
	struct known_guest *known;
	unsigned int room;
	struct replay_sums sums;
};

/* One line, taken apart. */
struct replay_line {
	struct json_object *obj;
	enum policy_input_type type;
	uint64_t now;
	struct known_guest *guest; /* NULL: none, or it is not there */
	unsigned int number;	   /* as recorded */
	char *why;
};

static int bad(const struct replay_line *l, const char *what)
{
	snprintf(l->why, RECORD_WHY_MAX, "%s", what);
	return -EBADMSG;
}

static bool get(struct json_object *obj, const char *key, json_type type, struct json_object **ret)
{
	return json_object_object_get_ex(obj, key, ret) && json_object_is_type(*ret, type);
}

static bool get_u64(struct json_object *obj, const char *key, uint64_t *ret)
{
	struct json_object *v;

	if (!get(obj, key, json_type_int, &v) || json_object_get_int64(v) < 0)
		return false;
	*ret = json_object_get_uint64(v);
	return true;
}

static int read_record(const struct replay_line *l, const struct record_field *fields, void *ret,
		       uint64_t *ret_present)
{
	struct json_object *v;

	if (!json_object_object_get_ex(l->obj, "record", &v))
		return bad(l, "expected a \"record\"");
	return record_from_json(fields, v, ret, ret_present, l->why);
}

/* The recorded number leads to a place; those are small and dense. */
static int make_place(struct replay *r, unsigned int number)
{
	unsigned int room = r->room ? r->room : 16;
	struct known_guest *k;

	if (number >= POLICY_GUESTS_MAX)
		return -EBADMSG;
	while (room <= number)
		room *= 2;
	if (room == r->room)
		return 0;
	k = reallocarray(r->known, room, sizeof(*k));
	if (!k)
		return -ENOMEM;
	memset(k + r->room, 0, (room - r->room) * sizeof(*k));
	r->known = k;
	r->room = room;
	return 0;
}

static int on_tunables(struct replay *r, const struct replay_line *l)
{
	struct policy_tunables t;
	struct json_object *all, *v;

	if (!get(l->obj, "record", json_type_object, &all))
		return bad(l, "expected a \"record\" of tunables");
	policy_tunables_init(&t);
	for (size_t i = 0; i < policy_tunable_count; i++) {
		const struct policy_tunable *row = &policy_tunable_table[i];

		if (json_object_object_get_ex(all, row->name, &v) &&
		    policy_tunable_set(&t, row, json_object_get_double(v)) < 0)
			return bad(l, "a tunable is out of its range");
	}
	return policy_set_tunables(r->policy, &t) < 0 ? bad(l, "tunables contradict each other")
						      : 0;
}

static int on_drain(struct replay *r, const struct replay_line *l)
{
	struct json_object *on;

	if (!get(l->obj, "on", json_type_boolean, &on))
		return bad(l, "expected \"on\"");
	policy_set_drain(r->policy, json_object_get_boolean(on));
	return 0;
}

static int on_host(struct replay *r, const struct replay_line *l)
{
	struct host_record h = { 0 };
	int err = read_record(l, host_record_fields, &h, &h.present);

	if (!err)
		policy_host_update(r->policy, &h, l->now);
	return err;
}

static int on_host_state(struct replay *r, const struct replay_line *l)
{
	struct policy_host_state s = { 0 };
	uint64_t present;
	int err = read_record(l, host_state_fields, &s, &present);

	if (!err)
		policy_host_import(r->policy, &s, l->now);
	return err;
}

static int on_add(struct replay *r, const struct replay_line *l)
{
	struct policy_guest_config c = { 0 };
	struct json_object *name;
	struct known_guest *k;
	uint64_t present, actual;
	int err = make_place(r, l->number);

	if (err)
		return err == -ENOMEM ? err : bad(l, "\"guest\" is no handle");
	k = &r->known[l->number];
	if (k->exists)
		return bad(l, "this guest is there already");
	err = read_record(l, config_fields, &c, &present);
	if (err)
		return err;
	if (!get_u64(l->obj, "bytes", &actual))
		return bad(l, "expected \"bytes\", the size of its balloon");
	err = policy_guest_add(r->policy, &c, actual, l->now, &k->handle);
	if (err)
		return err == -ENOMEM ? err : bad(l, "the engine refuses this guest's range");
	free(k->name);
	k->name = strdup(get(l->obj, "name", json_type_string, &name) ? json_object_get_string(name)
								      : "?");
	k->exists = true;
	return k->name ? 0 : -ENOMEM;
}

static int on_remove(struct replay *r, const struct replay_line *l)
{
	policy_guest_remove(r->policy, l->guest->handle);
	l->guest->exists = false;
	return 0;
}

static int on_configure(struct replay *r, const struct replay_line *l)
{
	struct policy_guest_config c = { 0 };
	uint64_t present;
	int err = read_record(l, config_fields, &c, &present);

	if (!err && policy_guest_configure(r->policy, l->guest->handle, &c) < 0)
		return bad(l, "the engine refuses this guest's range");
	return err;
}

static int on_guest(struct replay *r, const struct replay_line *l)
{
	struct guest_record g = { 0 };
	int err = read_record(l, guest_record_fields, &g, &g.present);

	if (!err)
		policy_guest_update(r->policy, l->guest->handle, &g, l->now);
	return err;
}

static int on_guest_state(struct replay *r, const struct replay_line *l)
{
	struct policy_guest_state s = { 0 };
	uint64_t present;
	int err = read_record(l, guest_state_fields, &s, &present);

	if (!err)
		policy_guest_import(r->policy, l->guest->handle, l->now, &s);
	return err;
}

static int on_event(struct replay *r, const struct replay_line *l)
{
	struct json_object *v;
	const char *name;

	if (!get(l->obj, "event", json_type_string, &v))
		return bad(l, "expected an \"event\"");
	for (int e = 0; (name = policy_guest_event_name(e)); e++)
		if (!strcmp(name, json_object_get_string(v)))
			return policy_guest_event(r->policy, l->guest->handle, e, l->now);
	return bad(l, "no such \"event\"");
}

static int on_polling(struct replay *r, const struct replay_line *l)
{
	struct json_object *on;

	if (!get(l->obj, "on", json_type_boolean, &on))
		return bad(l, "expected \"on\"");
	return policy_guest_polling(r->policy, l->guest->handle, json_object_get_boolean(on),
				    l->now);
}

static int on_command(struct replay *r, const struct replay_line *l)
{
	uint64_t bytes;

	if (!get_u64(l->obj, "bytes", &bytes))
		return bad(l, "expected \"bytes\", the target");
	return policy_command_sent(r->policy, l->guest->handle, bytes, l->now);
}

static int on_reserve(struct replay *r, const struct replay_line *l)
{
	struct policy_reserve_status status;
	uint64_t bytes, ttl;
	unsigned int id;

	if (!get_u64(l->obj, "bytes", &bytes) || !get_u64(l->obj, "ttl", &ttl))
		return bad(l, "expected \"bytes\" and \"ttl\"");
	/* Of the same number, and refused here as there. */
	policy_reserve_next(r->policy, l->number);
	policy_reserve(r->policy, bytes, ttl, l->now, &id, &status);
	return 0;
}

static int on_reserve_restore(struct replay *r, const struct replay_line *l)
{
	uint64_t bytes, ttl;

	if (!get_u64(l->obj, "bytes", &bytes) || !get_u64(l->obj, "ttl", &ttl))
		return bad(l, "expected \"bytes\" and \"ttl\"");
	return policy_reserve_restore(r->policy, l->number, bytes, ttl, l->now) < 0
		       ? bad(l, "expected a reservation that is not there yet")
		       : 0;
}

static int on_reserve_started(struct replay *r, const struct replay_line *l)
{
	uint64_t id;

	if (!get_u64(l->obj, "reservation", &id) || id > UINT32_MAX)
		return bad(l, "expected \"reservation\", its number");
	if (policy_reserve_started(r->policy, (unsigned int)id, l->guest->handle, l->now) < 0)
		r->sums.differ++;
	return 0;
}

static int on_release(struct replay *r, const struct replay_line *l)
{
	if (policy_reserve_release(r->policy, l->number) < 0)
		r->sums.differ++;
	return 0;
}

/* The item of @array that is about @handle, or NULL. */
static struct json_object *item_of(const struct replay *r, struct json_object *array, size_t hint,
				   unsigned int handle)
{
	size_t n = json_object_array_length(array);

	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(array, (hint + i) % n);
		uint64_t number;

		if (get_u64(item, "guest", &number) && number < r->room &&
		    r->known[number].exists && r->known[number].handle == handle)
			return item;
	}
	return NULL;
}

static const char *name_of(const struct replay *r, unsigned int handle)
{
	for (unsigned int i = 0; i < r->room; i++)
		if (r->known[i].exists && r->known[i].handle == handle)
			return r->known[i].name;
	return "?";
}

static void compare(struct replay *r, const struct replay_line *l, const struct policy_decision *d,
		    struct json_object *item)
{
	struct replay_decision out = { .now = l->now, .d = d };
	struct json_object *reason;

	r->sums.decisions++;
	r->sums.sent += (d->flags & POLICY_SEND) != 0;
	if (item && get_u64(item, "target", &out.target) &&
	    get(item, "reason", json_type_string, &reason)) {
		out.recorded = true;
		out.reason = json_object_get_string(reason);
	}
	if (!out.recorded || out.target != d->target ||
	    strcmp(out.reason, policy_reason_name(d->reason)) != 0)
		r->sums.differ++;
	out.name = name_of(r, d->guest);
	if (r->f)
		r->f(r->userdata, &out);
}

static int on_decide(struct replay *r, const struct replay_line *l)
{
	struct policy_result result;
	struct json_object *array;

	if (!get(l->obj, "decisions", json_type_array, &array))
		return bad(l, "expected \"decisions\"");
	if (policy_decide(r->policy, l->now, &result) < 0)
		return bad(l, "a decision before anything is known of the host");
	r->sums.decides++;
	if (result.count != json_object_array_length(array))
		r->sums.differ++;
	for (unsigned int i = 0; i < result.count; i++)
		compare(r, l, &result.decision[i], item_of(r, array, i, result.decision[i].guest));
	return 0;
}

static int compare_steps(struct replay *r, const struct replay_line *l,
			 const struct policy_plan_step *step, unsigned int count)
{
	struct json_object *array, *item;
	uint64_t target;

	if (!get(l->obj, "steps", json_type_array, &array))
		return bad(l, "expected \"steps\"");
	if (count != json_object_array_length(array))
		r->sums.differ++;
	for (unsigned int i = 0; i < count; i++) {
		item = item_of(r, array, i, step[i].guest);
		r->sums.steps++;
		if (!item || !get_u64(item, "target", &target) || target != step[i].target)
			r->sums.differ++;
	}
	return 0;
}

static int on_emergency(struct replay *r, const struct replay_line *l)
{
	const struct policy_plan_step *step = NULL;
	unsigned int count = 0;

	if (policy_emergency_begin(r->policy, l->now, &step, &count) < 0)
		r->sums.differ++;
	return compare_steps(r, l, step, count);
}

static int on_emergency_next(struct replay *r, const struct replay_line *l)
{
	const struct policy_plan_step *step = NULL;
	unsigned int count = 0;

	policy_emergency_next(r->policy, l->now, &step, &count);
	return compare_steps(r, l, step, count);
}

static const struct {
	int (*take)(struct replay *r, const struct replay_line *l);
	bool guest; /* of one that is there */
} kinds[POLICY_INPUT_COUNT] = {
	[POLICY_INPUT_TUNABLES] = { on_tunables, false },
	[POLICY_INPUT_DRAIN] = { on_drain, false },
	[POLICY_INPUT_HOST] = { on_host, false },
	[POLICY_INPUT_HOST_STATE] = { on_host_state, false },
	[POLICY_INPUT_GUEST_ADD] = { on_add, false },
	[POLICY_INPUT_GUEST_REMOVE] = { on_remove, true },
	[POLICY_INPUT_GUEST_CONFIGURE] = { on_configure, true },
	[POLICY_INPUT_GUEST] = { on_guest, true },
	[POLICY_INPUT_GUEST_STATE] = { on_guest_state, true },
	[POLICY_INPUT_GUEST_EVENT] = { on_event, true },
	[POLICY_INPUT_POLLING] = { on_polling, true },
	[POLICY_INPUT_COMMAND] = { on_command, true },
	[POLICY_INPUT_RESERVE] = { on_reserve, false },
	[POLICY_INPUT_RESERVE_RESTORE] = { on_reserve_restore, false },
	[POLICY_INPUT_RESERVE_STARTED] = { on_reserve_started, true },
	[POLICY_INPUT_RELEASE] = { on_release, false },
	[POLICY_INPUT_DECIDE] = { on_decide, false },
	[POLICY_INPUT_EMERGENCY] = { on_emergency, false },
	[POLICY_INPUT_EMERGENCY_NEXT] = { on_emergency_next, false },
};

static int on_header(struct replay *r, const struct replay_line *l)
{
	struct json_object *exact;
	uint64_t schema;

	if (!get_u64(l->obj, "schema", &schema))
		return bad(l, "expected the first line of a recording, with its \"schema\"");
	if (schema != RECORD_SCHEMA) {
		snprintf(l->why, RECORD_WHY_MAX,
			 "schema %llu is not known, only %d: use the dynmem that recorded it",
			 (unsigned long long)schema, RECORD_SCHEMA);
		return -EBADMSG;
	}
	r->sums.exact =
		get(l->obj, "exact", json_type_boolean, &exact) && json_object_get_boolean(exact);
	r->begun = true;
	return 0;
}

static int find_guest(const struct replay *r, struct replay_line *l)
{
	uint64_t number = 0;

	if (get_u64(l->obj, "guest", &number) && number < UINT32_MAX)
		l->number = number;
	if (!kinds[l->type].guest)
		return 0;
	if (number >= r->room || !r->known[number].exists)
		return bad(l, "\"guest\" is none that was added");
	l->guest = &r->known[number];
	return 0;
}

int replay_line(struct replay *r, struct json_object *obj, char why[RECORD_WHY_MAX])
{
	struct replay_line l = { .obj = obj, .why = why };
	struct json_object *v;
	const char *type;
	int err;

	if (!json_object_is_type(obj, json_type_object) || !get(obj, "type", json_type_string, &v))
		return bad(&l, "expected a JSON object with a \"type\"");
	r->sums.lines++;
	type = json_object_get_string(v);
	if (!r->begun)
		return strcmp(type, RECORDING_TYPE) != 0
			       ? bad(&l, "expected a recording: what \"dynmem record\" writes")
			       : on_header(r, &l);
	for (l.type = 0; l.type < POLICY_INPUT_COUNT; l.type++)
		if (!strcmp(type, policy_input_name(l.type)))
			break;
	if (l.type == POLICY_INPUT_COUNT)
		return bad(&l, "this \"type\" of line is not known");
	if (!get_u64(obj, "now", &l.now))
		return bad(&l, "expected \"now\", nanoseconds");
	err = find_guest(r, &l);
	return err ? err : kinds[l.type].take(r, &l);
}

int replay_new(struct replay **ret, replay_decision_t f, void *userdata)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->f = f;
	r->userdata = userdata;
	if (policy_new(NULL, &r->policy) < 0) {
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

const struct replay_sums *replay_sums(const struct replay *r)
{
	return &r->sums;
}

struct replay *replay_free(struct replay *r)
{
	if (!r)
		return NULL;
	policy_free(r->policy);
	for (unsigned int i = 0; i < r->room; i++)
		free(r->known[i].name);
	free(r->known);
	free(r);
	return NULL;
}
