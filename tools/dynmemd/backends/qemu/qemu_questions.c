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
	g->tells_migrations = ret != NULL;
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

static void take_actual(struct qemu_guest *g, struct json_object *ret)
{
	uint64_t actual;

	if (answer_bytes(ret, "actual", &actual))
		qemu_see_actual(g, actual);
}

/*
 * What becomes of its memory
 */

/* Guests may have several backends: it is the first with a reason that tells. */
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
	if (!ret)
		log_guest(LOG_WARNING, g->guest.name, "QEMU refuses to set its statistics period");
	g->period = g->sent_period;
	if (g->period != g->wanted_period)
		g->todo |= ASK(SET_PERIOD);
}

static void take_reporting(struct qemu_guest *g, struct json_object *ret)
{
	guest_trait(&g->guest, GUEST_FREE_PAGE_REPORTING, ret);
}

static void take_deflate(struct qemu_guest *g, struct json_object *ret)
{
	guest_trait(&g->guest, GUEST_DEFLATE_ON_OOM, ret);
}

/* What all its disks have read since its start; each has its own file below. */
static void take_disks(struct qemu_guest *g, struct json_object *ret)
{
	size_t n = json_object_is_type(ret, json_type_array) ? json_object_array_length(ret) : 0;
	struct json_object *stats;
	uint64_t bytes, sum = 0;

	g->disks_known = json_object_is_type(ret, json_type_array);
	for (size_t i = 0; i < n; i++)
		if (json_object_object_get_ex(json_object_array_get_idx(ret, i), "stats", &stats) &&
		    answer_bytes(stats, "rd_bytes", &bytes))
			sum += bytes;
	g->disk_read = sum;
}

/*
 * Memory of other devices is in the guest's total, and not in what its balloon
 * counts from. A total of more than there is means that there is more.
 */
static void take_stats(struct qemu_guest *g, struct json_object *ret)
{
	struct guest_record *s = &g->sample;

	g->has_sample = ret != NULL;
	if (!ret)
		return;
	stats_parse(s, ret);
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
} questions[ASK_COUNT] = {
	[ASK_NAME] = { "query-name", NULL, NULL, take_name },
	[ASK_STATE] = { "query-status", NULL, NULL, take_state },
	[ASK_MIGRATION] = { "query-migrate", NULL, NULL, take_migration },
	[ASK_EVENTS] = { "migrate-set-capabilities",
			 "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}", NULL,
			 take_events },
	[ASK_MEMORY] = { "query-memory-size-summary", NULL, NULL, take_memory },
	[ASK_DIMMS] = { "query-memory-devices", NULL, NULL, take_dimms },
	[ASK_ACTUAL] = { "query-balloon", NULL, NULL, take_actual },
	[ASK_BACKENDS] = { "query-memdev", NULL, NULL, take_backends },
	[ASK_OBJECTS] = { "qom-list", "{\"path\":\"/objects\"}", NULL, take_objects },
	[ASK_SEV] = { "query-sev", NULL, NULL, take_sev },
	[ASK_QOM] = { "qom-list", NULL, NULL, take_container },
	[ASK_PERIOD] = { "qom-get", NULL, "guest-stats-polling-interval", take_period },
	[ASK_REPORTING] = { "qom-get", NULL, "free-page-reporting", take_reporting },
	[ASK_DEFLATE] = { "qom-get", NULL, "deflate-on-oom", take_deflate },
	[ASK_SET_PERIOD] = { "qom-set", NULL, "guest-stats-polling-interval", take_period_set },
	[ASK_DISKS] = { "query-blockstats", NULL, NULL, take_disks },
	[ASK_STATS] = { "qom-get", NULL, "guest-stats", take_stats },
};

static void on_answer(_unused_ struct qmp *q, int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	const struct asked *asked = userdata;
	struct qemu_guest *g = asked->g;
	uint32_t bit = 1u << asked->question;

	g->asked &= ~bit;
	if (error == -ETIMEDOUT && !g->added) {
		qemu_guest_drop(g, "did not answer the first questions in time");
		return;
	}
	/* A size that was not answered stays unknown. */
	if (error != -ETIMEDOUT || !(bit & ASK_SIZE)) {
		g->todo &= ~bit;
		questions[asked->question].take(g, error ? NULL : ret);
	}
	qemu_answered(g);
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
	if (i == ASK_SET_PERIOD) {
		g->sent_period = g->wanted_period;
		snprintf(buf, size, "{\"path\":%s,\"property\":\"%s\",\"value\":%u}", g->balloon,
			 questions[i].property, g->sent_period);
	} else {
		snprintf(buf, size, "{\"path\":%s,\"property\":\"%s\"}", g->balloon,
			 questions[i].property);
	}
	return buf;
}

/* Where there is no room for more, the next answer makes some. */
void qemu_ask(struct qemu_guest *g)
{
	char args[512];

	for (unsigned int i = 0; i < ASK_COUNT; i++) {
		if (!(g->todo & ~g->asked & 1u << i))
			continue;
		g->questions[i] = (struct asked){ g, i };
		if (qmp_execute(g->q, questions[i].command, put_args(g, i, args, sizeof(args)),
				on_answer, &g->questions[i]) < 0)
			return;
		g->asked |= 1u << i;
	}
}

void qemu_questions_free(struct qemu_guest *g)
{
	while (g->walk_len)
		free(g->walk[--g->walk_len]);
	free(g->balloon);
}
