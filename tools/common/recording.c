// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <time.h>

#include "common/json_build.h"
#include "common/recording.h"
#include "common/recording_fields.h"

#define FIELD(name, TYPE, type, member)                                           \
	{                                                                         \
		name, 0, RECORD_##TYPE, offsetof(struct type, member), 0, 0, NULL \
	}
#define CONFIG(name, TYPE, member) FIELD(name, TYPE, policy_guest_config, member)
#define GUEST(name, TYPE, member)  FIELD(name, TYPE, policy_guest_state, member)
#define HOST(name, TYPE, member)   FIELD(name, TYPE, policy_host_state, member)

const struct record_field config_fields[] = {
	CONFIG("min", U64, min),
	CONFIG("max", U64, max),
	CONFIG("shares", U32, shares),
	CONFIG("unmanaged", BOOL, unmanaged),
	{ 0 },
};

const struct record_field guest_state_fields[] = {
	GUEST("learned", U64, learned),
	GUEST("good", U64, good),
	GUEST("yield", DOUBLE, yield),
	GUEST("hot", DOUBLE, hot),
	GUEST("lacking", U64, lacking),
	GUEST("overhead", U64, overhead),
	GUEST("room", U64, room),
	GUEST("debt", U64, debt),
	GUEST("backoff", U64, backoff),
	GUEST("backoff-left", U64, backoff_left),
	GUEST("harms", U32, harms),
	GUEST("harm-by", U32, harm_by),
	GUEST("harm-size", U64, harm_size),
	GUEST("kept", U64, kept),
	GUEST("total-follows", S32, total_follows),
	GUEST("harms-left", U64, harms_left),
	GUEST("age", U64, age),
	{ 0 },
};

const struct record_field host_state_fields[] = {
	HOST("touch-rate", U64, touch_rate),
	HOST("outside-growth", U64, outside_growth),
	{ 0 },
};

static void put_u64(struct json_object **obj, const char *key, uint64_t value)
{
	json_build_add(obj, key, json_object_new_uint64(value));
}

static void put_text(struct json_object **obj, const char *key, const char *value)
{
	json_build_add(obj, key, json_object_new_string(value));
}

static struct json_object *tunables_of(const struct policy_tunables *t)
{
	struct json_object *obj = json_object_new_object();
	char text[40];

	for (size_t i = 0; i < policy_tunable_count; i++) {
		double x = policy_tunable_get(t, &policy_tunable_table[i]);

		policy_number_render(x, text, sizeof(text));
		json_build_add(&obj, policy_tunable_table[i].name,
			       json_object_new_double_s(x, text));
	}
	return obj;
}

static struct json_object *decisions_of(const struct policy_result *r)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < r->count; i++) {
		const struct policy_decision *d = &r->decision[i];
		struct json_object *item = json_object_new_object();

		put_u64(&item, "guest", d->guest);
		put_u64(&item, "target", d->target);
		put_text(&item, "reason", policy_reason_name(d->reason));
		json_build_append(&array, item);
	}
	return array;
}

static struct json_object *steps_of(const struct policy_input *in)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < in->steps; i++) {
		struct json_object *item = json_object_new_object();

		put_u64(&item, "guest", in->step[i].guest);
		put_u64(&item, "target", in->step[i].target);
		json_build_append(&array, item);
	}
	return array;
}

static void put_content(struct json_object **obj, const struct policy_input *in)
{
	struct json_object *more = NULL;

	switch (in->type) {
	case POLICY_INPUT_TUNABLES:
		more = tunables_of(in->tunables);
		break;
	case POLICY_INPUT_DRAIN:
	case POLICY_INPUT_POLLING:
		json_build_add(obj, "on", json_object_new_boolean(in->on));
		return;
	case POLICY_INPUT_HOST:
		more = record_to_json(host_record_fields, in->host, in->host->present);
		break;
	case POLICY_INPUT_HOST_STATE:
		more = record_to_json(host_state_fields, in->host_state, 0);
		break;
	case POLICY_INPUT_GUEST_ADD:
		put_u64(obj, "bytes", in->bytes);
		more = record_to_json(config_fields, in->config, 0);
		break;
	case POLICY_INPUT_GUEST_CONFIGURE:
		more = record_to_json(config_fields, in->config, 0);
		break;
	case POLICY_INPUT_GUEST:
		more = record_to_json(guest_record_fields, in->record, in->record->present);
		break;
	case POLICY_INPUT_GUEST_STATE:
		more = record_to_json(guest_state_fields, in->state, 0);
		break;
	case POLICY_INPUT_GUEST_EVENT:
		put_text(obj, "event", policy_guest_event_name(in->event));
		return;
	case POLICY_INPUT_COMMAND:
		put_u64(obj, "bytes", in->bytes);
		return;
	case POLICY_INPUT_RESERVE_STARTED:
		put_u64(obj, "reservation", in->bytes);
		return;
	case POLICY_INPUT_RESERVE:
	case POLICY_INPUT_RESERVE_RESTORE:
		put_u64(obj, "bytes", in->bytes);
		put_u64(obj, "ttl", in->ttl);
		return;
	case POLICY_INPUT_DECIDE:
		put_text(obj, "level", policy_level_name(in->result->level));
		json_build_add(obj, "decisions", decisions_of(in->result));
		return;
	case POLICY_INPUT_EMERGENCY:
	case POLICY_INPUT_EMERGENCY_NEXT:
		json_build_add(obj, "steps", steps_of(in));
		return;
	case POLICY_INPUT_GUEST_REMOVE:
	case POLICY_INPUT_RELEASE:
	case POLICY_INPUT_COUNT:
		return;
	}
	json_build_add(obj, "record", more);
}

static bool about_guest(enum policy_input_type type)
{
	switch (type) {
	case POLICY_INPUT_GUEST_ADD:
	case POLICY_INPUT_GUEST_REMOVE:
	case POLICY_INPUT_GUEST_CONFIGURE:
	case POLICY_INPUT_GUEST:
	case POLICY_INPUT_GUEST_STATE:
	case POLICY_INPUT_GUEST_EVENT:
	case POLICY_INPUT_POLLING:
	case POLICY_INPUT_COMMAND:
	case POLICY_INPUT_RESERVE:
	case POLICY_INPUT_RESERVE_RESTORE:
	case POLICY_INPUT_RESERVE_STARTED:
	case POLICY_INPUT_RELEASE:
		return true;
	default:
		return false;
	}
}

struct json_object *recording_line(const struct policy_input *in, const char *name)
{
	struct json_object *obj = json_object_new_object();

	put_text(&obj, "type", policy_input_name(in->type));
	put_u64(&obj, "now", in->now);
	if (about_guest(in->type))
		put_u64(&obj, "guest", in->guest);
	if (name)
		put_text(&obj, "name", name);
	put_content(&obj, in);
	return obj;
}

struct json_object *recording_header(const char *version, bool exact)
{
	struct json_object *obj = json_object_new_object();
	struct timespec now;
	struct tm tm;
	char day[32], text[64];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%06ldZ", day, now.tv_nsec / 1000);
	put_text(&obj, "type", RECORDING_TYPE);
	put_u64(&obj, "schema", RECORD_SCHEMA);
	put_text(&obj, "version", version);
	put_text(&obj, "time", text);
	json_build_add(&obj, "exact", json_object_new_boolean(exact));
	return obj;
}
