// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/escape.h"
#include "dynmemd/backends/qmp/guest_qmp.h"
#include "dynmemd/base/log.h"
#include "dynmemd/qmp/qmp_client.h"
#include "dynmemd/qmp/qmp_answers.h"
#include "dynmemd/qmp/guest_stats.h"
#include "common/util.h"

/* While it migrates: so often it is asked whether it still does. */
#define MIGRATION_LOOK USEC_PER_SEC

/* Containers of QOM that are looked into for a balloon; a machine has six. */
#define WALK_MAX 16

struct guest_qmp {
	struct guest guest; /* the manager's view */
	struct qmp *q;
	guest_closed_t closed;
	void *userdata;

	struct manager *manager;
	bool added;
	sd_event *event;
	unsigned int unanswered; /* questions before it can be added */
	bool running;
	bool incoming, outgoing; /* migrations that QEMU told */
	bool frozen;		 /* by one of them; the manager knows */
	bool tells_migrations;	 /* by the event MIGRATION */
	sd_event_source *look;	 /* for a migration's end */
	bool moving;		 /* its balloon may not be where we saw it last */

	char *walk[WALK_MAX]; /* containers to look into */
	unsigned int walked, walk_len;
	bool starved;		   /* of memory: what it has is not fully known */
	char *stats_args;	   /* of qom-get; NULL: it has no balloon */
	char *period_path;	   /* JSON text of the balloon's path */
	unsigned int found_period; /* the statistics period that we found */
	unsigned int period;	   /* as it is now, seconds */
};

static struct guest_qmp *of(struct guest *g)
{
	return container_of(g, struct guest_qmp, guest);
}

static struct guest_qmp *drop(struct guest_qmp *g, const char *why)
{
	guest_closed_t closed = g->closed;
	void *userdata = g->userdata;
	bool was_guest = g->added;
	char text[256];

	/* The text may be the connection's own. */
	snprintf(text, sizeof(text), "%s", why);
	if (was_guest)
		manager_guest_remove(&g->guest, text);
	g->added = false;
	guest_qmp_free(g, NULL);
	closed(userdata, was_guest, text);
	return NULL;
}

/*
 * Statistics and targets
 */

static void on_stats(_unused_ struct qmp *q, int error, struct json_object *ret, const char *text,
		     void *userdata)
{
	struct guest_qmp *g = userdata;
	struct guest_record sample;

	if (error) {
		log_guest(LOG_DEBUG, g->guest.name, "no statistics: %s", text);
		manager_guest_sample_failed(&g->guest);
		return;
	}
	stats_parse(&sample, ret);
	sample.stat_actual = g->guest.actual;
	sample.present |= GUEST_HAS_STAT_ACTUAL;
	manager_guest_polled(&g->guest, &sample);
}

static void on_actual(_unused_ struct qmp *q, int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;
	uint64_t actual;

	if (error || !answer_bytes(ret, "actual", &actual))
		return;
	g->moving = actual != g->guest.actual;
	manager_guest_actual(&g->guest, actual);
}

/*
 * QEMU tells a change of the balloon once a second at most: while it moves
 * it is asked, so that statistics meet the size that they belong to.
 */
static void ask_migration(struct guest_qmp *g);

static int poll_guest(struct guest *guest)
{
	struct guest_qmp *g = of(guest);

	if (!g->stats_args)
		return -EOPNOTSUPP;
	/* A QEMU that owes us answers is not asked for more. */
	if (qmp_overdue(g->q))
		return -EBUSY;
	if (!g->tells_migrations)
		ask_migration(g);
	if (g->moving)
		qmp_execute(g->q, "query-balloon", NULL, on_actual, g);
	return qmp_execute(g->q, "qom-get", g->stats_args, on_stats, g);
}

static int set_target(struct guest *guest, uint64_t bytes)
{
	struct guest_qmp *g = of(guest);

	/* A plan of before it began to migrate. */
	if (g->frozen)
		return -EBUSY;
	g->moving = true;
	return qmp_balloon(g->q, bytes);
}

static void on_period(_unused_ struct qmp *q, int error, _unused_ struct json_object *ret,
		      const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;

	if (error)
		log_guest(LOG_WARNING, g->guest.name, "cannot set its statistics period: %s", text);
}

/*
 * A period that somebody else has set is his: it is only made shorter, and
 * put back when we need no statistics. QEMU asks the guest at once when the
 * period was off before.
 */
static int watch(struct guest *guest, unsigned int seconds)
{
	struct guest_qmp *g = of(guest);
	char args[512];
	int r;

	if (!g->stats_args)
		return -EOPNOTSUPP;
	if (!seconds || (g->found_period && g->found_period < seconds))
		seconds = g->found_period;
	if (seconds == g->period)
		return 0;
	snprintf(args, sizeof(args),
		 "{\"path\":%s,\"property\":\"guest-stats-polling-interval\",\"value\":%u}",
		 g->period_path, seconds);
	r = qmp_execute(g->q, "qom-set", args, on_period, g);
	if (r >= 0)
		g->period = seconds;
	return r;
}

static const struct guest_ops ops = {
	.backend = "qmp",
	.set_target = set_target,
	.poll = poll_guest,
	.watch = watch,
};

/*
 * Migrations
 *
 * No command may go to a guest that migrates, and to ask before each command
 * would double the time that an emergency takes, and have its answer parsed
 * where nothing may be allocated. So QEMU is made to tell: the capability
 * "events", which libvirt too sets at once in every QEMU, has the event
 * MIGRATION sent before the first page is. Where it cannot be set, the state
 * is asked for with each poll. From the first word of a migration to its end
 * it is asked for once a second as well, for QEMUs that tell only one of them.
 */

static void try_events(struct guest_qmp *g);

static int on_look(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct guest_qmp *g = userdata;

	ask_migration(g);
	sd_event_source_set_time_relative(g->look, MIGRATION_LOOK);
	sd_event_source_set_enabled(g->look, SD_EVENT_ONESHOT);
	return 0;
}

static void look_for_end(struct guest_qmp *g)
{
	int r = 0;

	if (g->look)
		r = sd_event_source_set_time_relative(g->look, MIGRATION_LOOK);
	else
		r = sd_event_add_time_relative(g->event, &g->look, CLOCK_MONOTONIC, MIGRATION_LOOK,
					       MIGRATION_LOOK / 10, on_look, g);
	if (r >= 0)
		r = sd_event_source_set_enabled(g->look, SD_EVENT_ONESHOT);
	if (r < 0)
		log_guest(LOG_ERR, g->guest.name, "no timer to look for its migration's end: %s",
			  strerror(-r));
}

static void freeze(struct guest_qmp *g)
{
	bool frozen = g->incoming || g->outgoing;

	if (!g->added || frozen == g->frozen)
		return;
	g->frozen = frozen;
	if (frozen) {
		look_for_end(g);
		manager_guest_event(&g->guest, POLICY_GUEST_MIGRATE_BEGIN);
		return;
	}
	sd_event_source_set_enabled(g->look, SD_EVENT_OFF);
	manager_guest_event(&g->guest, POLICY_GUEST_MIGRATE_END);
	if (!g->running)
		manager_guest_event(&g->guest, POLICY_GUEST_PAUSE);
	/* It is refused while a migration runs. */
	try_events(g);
}

static void on_migration(_unused_ struct qmp *q, int error, struct json_object *ret,
			 _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!error && answer_migrating(ret, &g->outgoing))
		freeze(g);
}

static void on_state(_unused_ struct qmp *q, int error, struct json_object *ret,
		     _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!error && answer_status(ret, &g->running, &g->incoming))
		freeze(g);
}

static void ask_migration(struct guest_qmp *g)
{
	qmp_execute(g->q, "query-status", NULL, on_state, g);
	qmp_execute(g->q, "query-migrate", NULL, on_migration, g);
}

static void on_events_set(_unused_ struct qmp *q, int error, _unused_ struct json_object *ret,
			  _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;

	g->tells_migrations = !error;
}

static void try_events(struct guest_qmp *g)
{
	if (!g->tells_migrations)
		qmp_execute(g->q, "migrate-set-capabilities",
			    "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}",
			    on_events_set, g);
}

/*
 * Events
 */

static void on_event(_unused_ struct qmp *q, const char *name, struct json_object *data,
		     void *userdata)
{
	static const struct {
		const char *name;
		enum policy_guest_event event;
	} plain[] = {
		{ "RESET", POLICY_GUEST_REBOOT },
		{ "STOP", POLICY_GUEST_PAUSE },
		{ "RESUME", POLICY_GUEST_RESUME },
	};
	struct guest_qmp *g = userdata;
	uint64_t actual;

	if (!g->added)
		return;
	if (!strcmp(name, "BALLOON_CHANGE") && answer_bytes(data, "actual", &actual)) {
		g->moving = true;
		manager_guest_actual(&g->guest, actual);
	}
	if (!strcmp(name, "MIGRATION") && answer_migrating(data, &g->outgoing))
		freeze(g);
	if (!strcmp(name, "STOP"))
		g->running = false;
	if (!strcmp(name, "RESUME")) {
		g->running = true;
		g->incoming = false;
		freeze(g);
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (!strcmp(name, plain[i].name))
			manager_guest_event(&g->guest, plain[i].event);
}

static void on_balloon(_unused_ struct qmp *q, int error, const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!error || !g->added)
		return;
	log_guest(LOG_WARNING, g->guest.name, "the command balloon failed: %s", text);
	/* It is refused where there is no balloon (any more). */
	if (error == -EREMOTEIO)
		manager_guest_event(&g->guest, POLICY_GUEST_NO_BALLOON);
}

static void on_closed(_unused_ struct qmp *q, _unused_ int error, const char *why, void *userdata)
{
	drop(userdata, why);
}

/*
 * Adoption: all questions at once; the last answer brings the next step.
 */

/* "/run/vm/web1.qmp" is "web1". */
static void name_by_socket(struct guest_qmp *g)
{
	char *dot;

	escape_text(g->guest.name, sizeof(g->guest.name), basename(g->guest.origin));
	dot = strrchr(g->guest.name, '.');
	if (dot && dot > g->guest.name)
		*dot = 0;
}

static void add(struct guest_qmp *g)
{
	int r;

	g->guest.named = g->guest.name[0];
	if (!g->guest.named)
		name_by_socket(g);
	/* Only tried again, it gets what it has. */
	if (g->starved) {
		drop(g, strerror(ENOMEM));
		return;
	}
	if (!g->guest.memory) {
		drop(g, "QEMU does not tell the guest's memory");
		return;
	}
	g->guest.has_balloon = g->stats_args != NULL;
	if (!g->guest.has_balloon)
		g->guest.actual = g->guest.memory;
	g->moving = true;
	r = manager_guest_add(g->manager, &g->guest);
	if (r == -EEXIST) {
		drop(g, "this QEMU is managed already, by another socket");
		return;
	}
	if (r < 0) {
		drop(g, strerror(-r));
		return;
	}
	g->added = true;
	freeze(g);
	if (!g->frozen && !g->running)
		manager_guest_event(&g->guest, POLICY_GUEST_PAUSE);
}

/* One question more is answered. Returns false if @g is no more. */
static bool answered(struct guest_qmp *g, int error)
{
	if (error == -ETIMEDOUT) {
		drop(g, "did not answer the first questions in time");
		return false;
	}
	return true;
}

static void settle(struct guest_qmp *g)
{
	if (--g->unanswered == 0)
		add(g);
}

static void on_name(_unused_ struct qmp *q, int error, struct json_object *ret,
		    _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;
	const char *name = answer_text(ret, "name");

	if (!answered(g, error))
		return;
	if (name)
		escape_text(g->guest.name, sizeof(g->guest.name), name);
	settle(g);
}

static void on_first_state(struct qmp *q, int error, struct json_object *ret, const char *text,
			   void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!answered(g, error))
		return;
	on_state(q, error, ret, text, g);
	settle(g);
}

static void on_first_migration(struct qmp *q, int error, struct json_object *ret, const char *text,
			       void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!answered(g, error))
		return;
	on_migration(q, error, ret, text, g);
	settle(g);
}

static void on_memory(_unused_ struct qmp *q, int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!answered(g, error))
		return;
	answer_memory(ret, &g->guest.memory);
	settle(g);
}

/* Guests may have several backends: it is the first with a reason that tells. */
static void on_memdev(_unused_ struct qmp *q, int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;
	size_t n = json_object_is_type(ret, json_type_array) ? json_object_array_length(ret) : 0;
	struct json_object *o, *v;

	if (!answered(g, error))
		return;
	for (size_t i = 0; i < n && !g->guest.unmergeable; i++) {
		o = json_object_array_get_idx(ret, i);
		if (json_object_object_get_ex(o, "share", &v) && json_object_get_boolean(v))
			g->guest.unmergeable = "it is shared memory (share=on)";
		else if (json_object_object_get_ex(o, "merge", &v) && !json_object_get_boolean(v))
			g->guest.unmergeable = "QEMU was told so (merge=off)";
	}
	settle(g);
}

static void on_first_actual(_unused_ struct qmp *q, int error, struct json_object *ret,
			    _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!answered(g, error))
		return;
	answer_bytes(ret, "actual", &g->guest.actual);
	settle(g);
}

static void on_found_period(_unused_ struct qmp *q, int error, struct json_object *ret,
			    _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;
	int64_t seconds = json_object_get_int64(ret);

	if (!answered(g, error))
		return;
	if (!error && seconds > 0 && seconds <= 3600)
		g->found_period = g->period = seconds;
	settle(g);
}

static void take_trait(struct guest_qmp *g, int error, struct json_object *ret, unsigned int trait)
{
	if (!answered(g, error))
		return;
	guest_trait(&g->guest, trait, error ? NULL : ret);
	settle(g);
}

static void on_reporting(_unused_ struct qmp *q, int error, struct json_object *ret,
			 _unused_ const char *text, void *userdata)
{
	take_trait(userdata, error, ret, GUEST_FREE_PAGE_REPORTING);
}

static void on_deflate(_unused_ struct qmp *q, int error, struct json_object *ret,
		       _unused_ const char *text, void *userdata)
{
	take_trait(userdata, error, ret, GUEST_DEFLATE_ON_OOM);
}

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

/* The balloon's path as JSON text, and the question for its statistics. */
static int set_path(struct guest_qmp *g, const char *parent, const char *name)
{
	char text[256];
	int n;

	n = snprintf(text, sizeof(text), "%s/%s", parent, name);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	free(g->period_path);
	free(g->stats_args);
	g->stats_args = NULL;
	g->period_path = quote(text);
	if (!g->period_path ||
	    asprintf(&g->stats_args, "{\"path\":%s,\"property\":\"guest-stats\"}", g->period_path) <
		    0) {
		g->stats_args = NULL;
		g->starved = true;
		return -ENOMEM;
	}
	return 0;
}

static void ask_first(struct guest_qmp *g, const char *command, const char *args, qmp_reply_t fn)
{
	if (qmp_execute(g->q, command, args, fn, g) >= 0)
		g->unanswered++;
}

static void ask_balloon(struct guest_qmp *g)
{
	static const struct {
		const char *property;
		qmp_reply_t fn;
	} questions[] = {
		{ "guest-stats-polling-interval", on_found_period },
		{ "free-page-reporting", on_reporting },
		{ "deflate-on-oom", on_deflate },
	};
	char args[512];

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		snprintf(args, sizeof(args), "{\"path\":%s,\"property\":\"%s\"}", g->period_path,
			 questions[i].property);
		ask_first(g, "qom-get", args, questions[i].fn);
	}
}

/*
 * The walk through QOM: first where devices of the command line are, then, if
 * there is no balloon, all containers of the machine.
 */

static void add_walk(struct guest_qmp *g, const char *parent, const char *name)
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

static bool is_child(const char *type, const char *of_type)
{
	static const char prefix[] = "child<";

	return !strncmp(type, prefix, strlen(prefix)) &&
	       !strncmp(type + strlen(prefix), of_type, strlen(of_type));
}

static void walk_entry(struct guest_qmp *g, const char *parent, struct json_object *entry)
{
	const char *type = answer_text(entry, "type");
	const char *name = answer_text(entry, "name");

	if (!type || !name)
		return;
	if (is_child(type, "vfio-"))
		g->guest.pinned = GUEST_PINNED_VFIO;
	if (is_child(type, "container>"))
		add_walk(g, parent, name);
	if (!g->stats_args && is_child(type, "virtio-balloon") && set_path(g, parent, name) == 0)
		ask_balloon(g);
}

static void walk(struct guest_qmp *g);

static void on_list(_unused_ struct qmp *q, int error, struct json_object *ret,
		    _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;
	size_t n = 0;

	if (!answered(g, error))
		return;
	if (json_object_is_type(ret, json_type_array))
		n = json_object_array_length(ret);
	for (size_t i = 0; i < n; i++)
		walk_entry(g, g->walk[g->walked], json_object_array_get_idx(ret, i));
	g->walked++;
	walk(g);
	settle(g);
}

/* One question at a time: its answer does not say what it is about. */
static void walk(struct guest_qmp *g)
{
	char args[512], *path;

	if (g->walked == g->walk_len || (g->stats_args && g->walked >= 2))
		return;
	path = quote(g->walk[g->walked]);
	if (!path) {
		g->starved = true;
		return;
	}
	snprintf(args, sizeof(args), "{\"path\":%s}", path);
	free(path);
	ask_first(g, "qom-list", args, on_list);
}

static void on_ready(_unused_ struct qmp *q, void *userdata)
{
	struct guest_qmp *g = userdata;

	ask_first(g, "query-name", NULL, on_name);
	ask_first(g, "query-status", NULL, on_first_state);
	ask_first(g, "query-migrate", NULL, on_first_migration);
	ask_first(g, "query-memory-size-summary", NULL, on_memory);
	ask_first(g, "query-memdev", NULL, on_memdev);
	ask_first(g, "query-balloon", NULL, on_first_actual);
	try_events(g);
	add_walk(g, "/machine", "peripheral");
	add_walk(g, "/machine", "peripheral-anon");
	add_walk(g, "", "machine");
	walk(g);
}

static const struct qmp_handlers handlers = {
	.ready = on_ready,
	.event = on_event,
	.balloon = on_balloon,
	.closed = on_closed,
};

int guest_qmp_new(struct guest_qmp **ret, struct manager *m, struct poller *poller, int fd,
		  const char *path, guest_closed_t closed, void *userdata)
{
	struct guest_qmp *g = calloc(1, sizeof(*g));
	int r;

	if (!g) {
		close(fd);
		return -ENOMEM;
	}
	g->guest.ops = &ops;
	g->event = poller_event(poller);
	g->guest.origin = path;
	g->manager = m;
	g->closed = closed;
	g->userdata = userdata;
	r = qmp_new(&g->q, poller, fd, &QMP_LIMITS_DEFAULT, &handlers, g);
	if (r < 0) {
		free(g);
		return r;
	}
	r = qmp_peer_pid(g->q);
	g->guest.pid = r > 0 ? r : 0;
	*ret = g;
	return 0;
}

struct guest_qmp *guest_qmp_free(struct guest_qmp *g, const char *why)
{
	if (!g)
		return NULL;
	if (g->added)
		manager_guest_remove(&g->guest, why);
	qmp_free(g->q);
	sd_event_source_disable_unref(g->look);
	while (g->walk_len)
		free(g->walk[--g->walk_len]);
	free(g->stats_args);
	free(g->period_path);
	free(g);
	return NULL;
}
