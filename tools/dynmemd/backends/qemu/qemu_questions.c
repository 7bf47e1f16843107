// SPDX-License-Identifier: GPL-2.0
/* What QEMU is asked, and what its answers mean. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/escape.h"
#include "common/util.h"
#include "dynmemd/backends/qemu/qemu_private.h"
#include "dynmemd/base/log.h"
#include "dynmemd/host/pinned_memory.h"
#include "dynmemd/qmp/guest_stats.h"
#include "dynmemd/qmp/qmp_answers.h"

static void take_name(struct qemu_guest *g, struct json_object *ret)
{
	const char *name = answer_text(ret, "name");

	if (name)
		escape_text(g->guest.name, sizeof(g->guest.name), name);
}

static void take_state(struct qemu_guest *g, struct json_object *ret)
{
	answer_status(ret, &g->running, &g->incoming);
}

static void take_migration(struct qemu_guest *g, struct json_object *ret)
{
	answer_migrating(ret, &g->outgoing);
}

static void take_events(struct qemu_guest *g, struct json_object *ret)
{
	g->migration_events = ret != NULL;
}

/*
 * Memory
 */

static void take_memory(struct qemu_guest *g, struct json_object *ret)
{
	uint64_t plugged = 0;

	if (!answer_bytes(ret, "base-memory", &g->base))
		return;
	answer_bytes(ret, "plugged-memory", &plugged);
	g->base = MIN(g->base, POLICY_GUEST_BYTES_MAX);
	g->plugged = MIN(plugged, POLICY_GUEST_BYTES_MAX);
}

/*
 * QEMU's balloon counts from the memory of the start and all DIMMs: what else
 * may be plugged is not its. QEMUs before 2.2 know nothing but DIMMs.
 */
static void take_dimms(struct qemu_guest *g, struct json_object *ret)
{
	size_t n;

	g->dimms = g->other = g->listed = 0;
	g->dimms_known = json_object_is_type(ret, json_type_array);
	n = g->dimms_known ? json_object_array_length(ret) : 0;
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(ret, i), *data;
		const char *type = answer_text(o, "type");
		uint64_t size;

		if (!type || !json_object_object_get_ex(o, "data", &data) ||
		    !answer_bytes(data, "size", &size))
			continue;
		size = MIN(size, POLICY_GUEST_BYTES_MAX);
		g->listed = MIN(g->listed + size, POLICY_GUEST_BYTES_MAX);
		if (!strcmp(type, "dimm"))
			g->dimms = MIN(g->dimms + size, POLICY_GUEST_BYTES_MAX);
		else if (!strcmp(type, "virtio-mem"))
			g->other = MIN(g->other + size, POLICY_GUEST_BYTES_MAX);
	}
}

static void read_actual(struct qemu_guest *g, struct json_cursor *c)
{
	uint64_t actual;

	if (c && json_member_number(c, "actual", &actual))
		qemu_see_actual(g, actual);
}

/*
 * What becomes of its memory
 */

/* Guests may have several backends: the first with a reason counts. */
static void take_backends(struct qemu_guest *g, struct json_object *ret)
{
	size_t n = json_object_is_type(ret, json_type_array) ? json_object_array_length(ret) : 0;
	struct json_object *o, *v;

	for (size_t i = 0; i < n && !g->guest.unmergeable; i++) {
		o = json_object_array_get_idx(ret, i);
		if (json_object_object_get_ex(o, "share", &v) && json_object_get_boolean(v))
			g->guest.unmergeable = "it is shared memory (share=on)";
		else if (json_object_object_get_ex(o, "merge", &v) && !json_object_get_boolean(v))
			g->guest.unmergeable = "it is turned off in QEMU (merge=off)";
	}
}

/* The type of a child, without "child<"; NULL: it is none. */
static const char *child_type(struct json_object *entry)
{
	static const char prefix[] = "child<";
	const char *type = answer_text(entry, "type");

	return type && !strncmp(type, prefix, strlen(prefix)) ? type + strlen(prefix) : NULL;
}

static void take_objects(struct qemu_guest *g, struct json_object *ret)
{
	size_t n = json_object_is_type(ret, json_type_array) ? json_object_array_length(ret) : 0;

	for (size_t i = 0; i < n && !g->pinned_object; i++) {
		const char *type = child_type(json_object_array_get_idx(ret, i));

		if (type)
			g->pinned_object = pinned_by_type(type);
	}
}

static void take_sev(struct qemu_guest *g, struct json_object *ret)
{
	struct json_object *v;

	if (json_object_object_get_ex(ret, "enabled", &v) && json_object_get_boolean(v))
		g->pinned_sev = PINNED_ENCRYPTED;
}

/*
 * The walk through QOM: first where devices of the command line are, then, if
 * there is no balloon, all containers of the machine.
 */

/* A path as JSON text; NULL: no memory. */
static char *quote(const char *path)
{
	struct json_object *o = json_object_new_string(path);
	const char *text = NULL;
	char *copy;

	if (o)
		text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE);
	copy = text ? strdup(text) : NULL;
	json_object_put(o);
	return copy;
}

static void add_walk(struct qemu_guest *g, const char *parent, const char *name)
{
	char *path;

	if (g->walk_len == WALK_MAX)
		return;
	if (asprintf(&path, "%s/%s", parent, name) < 0) {
		g->starved = true;
		return;
	}
	for (unsigned int i = 0; i < g->walk_len; i++)
		if (!strcmp(g->walk[i], path)) {
			free(path);
			return;
		}
	g->walk[g->walk_len++] = path;
}

static void found_balloon(struct qemu_guest *g, const char *parent, const char *name)
{
	char path[256];
	int n = snprintf(path, sizeof(path), "%s/%s", parent, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return;
	g->balloon = quote(path);
	g->starved |= !g->balloon;
	if (g->balloon)
		g->todo |= ASK(PERIOD) | ASK(REPORTING) | ASK(DEFLATE);
}

static void take_container(struct qemu_guest *g, struct json_object *ret)
{
	size_t n = json_object_is_type(ret, json_type_array) ? json_object_array_length(ret) : 0;
	const char *parent = g->walk[g->walked];

	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(ret, i);
		const char *type = child_type(entry), *name = answer_text(entry, "name");

		if (!type || !name)
			continue;
		if (pinned_by_type(type))
			g->walk_pinned = pinned_by_type(type);
		if (!strncmp(type, "container>", 10))
			add_walk(g, parent, name);
		if (!g->added && !g->balloon && !strncmp(type, "virtio-balloon", 14))
			found_balloon(g, parent, name);
	}
	g->walked++;
	if (g->walked < g->walk_len && (g->walked < 2 || !g->balloon)) {
		g->todo |= ASK(QOM);
		return;
	}
	g->walked = 0;
	g->pinned_device = g->walk_pinned;
	g->walk_pinned = NULL;
}

/* Returns NULL when memory is out. */
static char *next_container(struct qemu_guest *g)
{
	if (!g->walk_len) {
		add_walk(g, "/machine", "peripheral");
		add_walk(g, "/machine", "peripheral-anon");
		add_walk(g, "", "machine");
	}
	return g->walked < g->walk_len ? quote(g->walk[g->walked]) : NULL;
}

/*
 * The balloon
 */

static void take_period(struct qemu_guest *g, struct json_object *ret)
{
	int64_t seconds = json_object_get_int64(ret);

	if (seconds > 0 && seconds <= 3600)
		g->found_period = g->wanted_period = g->period = seconds;
}

static void take_period_set(struct qemu_guest *g, struct json_object *ret)
{
	if (!ret && !g->period_refused)
		log_guest(LOG_WARNING, g->guest.name, "QEMU refuses to set its statistics period");
	g->period_refused = !ret;
	g->period = g->sent_period;
	if (g->period != g->wanted_period)
		g->todo |= ASK(SET_PERIOD);
}

/* Whatever became of it, what follows sets the right one. */
static void take_period_left(_unused_ struct qemu_guest *g, _unused_ struct json_object *ret)
{
}

static void take_reporting(struct qemu_guest *g, struct json_object *ret)
{
	guest_trait(&g->guest, GUEST_FREE_PAGE_REPORTING, ret);
}

static void take_deflate(struct qemu_guest *g, struct json_object *ret)
{
	guest_trait(&g->guest, GUEST_DEFLATE_ON_OOM, ret);
}

/* A disk's part of query-blockstats. Its files below have such figures, too, and they are not meant. */
static uint64_t read_disk(struct json_cursor *c)
{
	uint64_t bytes = 0;
	struct json_span key;

	if (!json_enter(c, '{'))
		return 0;
	while (json_key(c, &key)) {
		if (!span_is(key, "stats"))
			json_skip(c);
		else if (!json_member_number(c, "rd_bytes", &bytes))
			bytes = 0;
	}
	return bytes;
}

/* What all its disks have read since its start; each has its own file below. */
static void read_disks(struct qemu_guest *g, struct json_cursor *c)
{
	uint64_t sum = 0;

	g->disks_known = c && json_enter(c, '[');
	while (g->disks_known && json_more(c))
		sum += read_disk(c);
	g->disk_read = sum;
}

/*
 * Memory of other devices is in the guest's total, and not in what its balloon
 * counts from. A total of more than there is means that there is more.
 */
static void read_stats(struct qemu_guest *g, struct json_cursor *c)
{
	struct guest_record *s = &g->sample;

	g->has_sample = c != NULL;
	if (!c)
		return;
	stats_parse(s, c);
	if (!(s->present & GUEST_HAS_TOTAL))
		return;
	if (s->total > g->guest.memory + g->guest.other && s->total != g->total_asked) {
		g->total_asked = s->total;
		qemu_size_unknown(g);
	}
}

static const struct {
	const char *command;
	const char *args; /* NULL: see put_args() */
	const char *property;
	void (*take)(struct qemu_guest *g, struct json_object *ret); /* NULL: refused */
	/* Instead, of what is asked in each tick: */
	void (*read)(struct qemu_guest *g, struct json_cursor *c);
} questions[ASK_COUNT] = {
	[ASK_NAME] = { "query-name", .take = take_name },
	[ASK_STATE] = { "query-status", .take = take_state },
	[ASK_MIGRATION] = { "query-migrate", .take = take_migration },
	[ASK_EVENTS] = { "migrate-set-capabilities",
			 "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}",
			 .take = take_events },
	[ASK_MEMORY] = { "query-memory-size-summary", .take = take_memory },
	[ASK_DIMMS] = { "query-memory-devices", .take = take_dimms },
	[ASK_ACTUAL] = { "query-balloon", .read = read_actual },
	[ASK_BACKENDS] = { "query-memdev", .take = take_backends },
	[ASK_OBJECTS] = { "qom-list", "{\"path\":\"/objects\"}", .take = take_objects },
	[ASK_SEV] = { "query-sev", .take = take_sev },
	[ASK_QOM] = { "qom-list", .take = take_container },
	[ASK_PERIOD] = { "qom-get", .property = "guest-stats-polling-interval",
			 .take = take_period },
	[ASK_REPORTING] = { "qom-get", .property = "free-page-reporting", .take = take_reporting },
	[ASK_DEFLATE] = { "qom-get", .property = "deflate-on-oom", .take = take_deflate },
	[ASK_LEAVE_PERIOD] = { "qom-set", .property = "guest-stats-polling-interval",
			       .take = take_period_left },
	[ASK_SET_PERIOD] = { "qom-set", .property = "guest-stats-polling-interval",
			     .take = take_period_set },
	[ASK_DISKS] = { "query-blockstats", .read = read_disks },
	[ASK_STATS] = { "qom-get", .property = "guest-stats", .read = read_stats },
};

/* Returns whether there is still a guest, and in @ret_takes whether it takes the answer. */
static bool begin_answer(const struct asked *asked, int error, bool *ret_takes)
{
	struct qemu_guest *g = asked->g;
	uint32_t bit = 1u << asked->question;

	g->asked &= ~bit;
	if (error == -ETIMEDOUT && !g->added) {
		qemu_guest_drop(g, "did not answer the first questions in time");
		return false;
	}
	/* A size that was not answered stays unknown. */
	*ret_takes = error != -ETIMEDOUT || !(bit & ASK_SIZE);
	if (*ret_takes)
		g->todo &= ~bit;
	return true;
}

static void on_answer(_unused_ struct qmp *q, int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	const struct asked *asked = userdata;
	bool takes;

	if (!begin_answer(asked, error, &takes))
		return;
	if (takes)
		questions[asked->question].take(asked->g, error ? NULL : ret);
	qemu_answered(asked->g);
}

static void on_text(_unused_ struct qmp *q, int error, struct json_span ret,
		    _unused_ const char *text, void *userdata)
{
	const struct asked *asked = userdata;
	struct json_cursor c = json_cursor(ret);
	bool takes;

	if (!begin_answer(asked, error, &takes))
		return;
	if (takes)
		questions[asked->question].read(asked->g, error ? NULL : &c);
	qemu_answered(asked->g);
}

/* Returns what goes along with the command: @buf, a constant, or NULL. */
static const char *put_args(struct qemu_guest *g, enum question i, char *buf, size_t size)
{
	char *path;

	if (i == ASK_QOM) {
		path = next_container(g);
		snprintf(buf, size, "{\"path\":%s}", path ? path : "\"/\"");
		g->starved |= !path;
		free(path);
		return buf;
	}
	if (!questions[i].property)
		return questions[i].args;
	if (i == ASK_SET_PERIOD || i == ASK_LEAVE_PERIOD) {
		g->sent_period = g->wanted_period + (i == ASK_LEAVE_PERIOD);
		snprintf(buf, size, "{\"path\":%s,\"property\":\"%s\",\"value\":%u}", g->balloon,
			 questions[i].property, g->sent_period);
	} else {
		snprintf(buf, size, "{\"path\":%s,\"property\":\"%s\"}", g->balloon,
			 questions[i].property);
	}
	return buf;
}

static int ask(struct qemu_guest *g, enum question i)
{
	char args[512];
	const char *with = put_args(g, i, args, sizeof(args));

	g->questions[i] = (struct asked){ g, i };
	if (questions[i].read)
		return qmp_ask(g->q, questions[i].command, with, on_text, &g->questions[i]);
	return qmp_execute(g->q, questions[i].command, with, on_answer, &g->questions[i]);
}

/* In one piece. Where there is no room for more, the next answer makes some. */
void qemu_ask(struct qemu_guest *g)
{
	uint32_t missing = g->todo & ~g->asked;

	if (!missing)
		return;
	qmp_hold(g->q);
	for (unsigned int i = 0; i < ASK_COUNT; i++) {
		if (!(missing & 1u << i))
			continue;
		if (ask(g, i) < 0)
			break;
		g->asked |= 1u << i;
	}
	qmp_release(g->q);
}

void qemu_questions_free(struct qemu_guest *g)
{
	while (g->walk_len)
		free(g->walk[--g->walk_len]);
	free(g->balloon);
}
