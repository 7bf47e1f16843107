// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/escape.h"
#include "dynmemd/guest_qmp.h"
#include "dynmemd/log.h"
#include "dynmemd/qmp.h"
#include "dynmemd/stats.h"
#include "dynmemd/util.h"

struct guest_qmp {
	struct guest guest; /* the manager's view */
	struct qmp *q;
	guest_closed_t closed;
	void *userdata;

	struct manager *manager;
	bool added;
	unsigned int unanswered; /* questions before it can be added */
	bool running;
	bool migrating;
	bool moving; /* its balloon may not be where we saw it last */

	char *stats_args; /* of qom-get; NULL: it has no balloon */
	char *period_path; /* JSON text of the balloon's path */
	unsigned int found_period; /* the statistics period that we found */
	unsigned int period; /* as it is now, seconds */
};

static struct guest_qmp *of(struct guest *g)
{
	return (struct guest_qmp *)((char *)g -
				    offsetof(struct guest_qmp, guest));
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

static void on_stats(_unused_ struct qmp *q, int error,
		     struct json_object *ret, const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;
	struct policy_guest_sample sample;

	if (error) {
		log_guest(LOG_DEBUG, g->guest.name, "no statistics: %s", text);
		manager_guest_polled(&g->guest, NULL);
		return;
	}
	stats_parse(&sample, ret);
	sample.actual = g->guest.actual;
	manager_guest_polled(&g->guest, &sample);
}

static bool get_bytes(struct json_object *data, const char *key,
		       uint64_t *ret)
{
	struct json_object *v;
	int64_t n;

	if (!json_object_object_get_ex(data, key, &v) ||
	    !json_object_is_type(v, json_type_int))
		return false;
	n = json_object_get_int64(v);
	if (n < 0)
		return false;
	*ret = n;
	return true;
}

static void on_actual(_unused_ struct qmp *q, int error,
		      struct json_object *ret, _unused_ const char *text,
		      void *userdata)
{
	struct guest_qmp *g = userdata;
	uint64_t actual;

	if (error || !get_bytes(ret, "actual", &actual))
		return;
	g->moving = actual != g->guest.actual;
	manager_guest_actual(&g->guest, actual);
}

/*
 * QEMU tells a change of the balloon once a second at most: while it moves
 * it is asked, so that statistics meet the size that they belong to.
 */
static int poll_guest(struct guest *guest)
{
	struct guest_qmp *g = of(guest);

	if (!g->stats_args)
		return -EOPNOTSUPP;
	/* A QEMU that owes us answers is not asked for more. */
	if (qmp_overdue(g->q))
		return -EBUSY;
	if (g->moving)
		qmp_execute(g->q, "query-balloon", NULL, on_actual, g);
	return qmp_execute(g->q, "qom-get", g->stats_args, on_stats, g);
}

static int set_target(struct guest *guest, uint64_t bytes)
{
	struct guest_qmp *g = of(guest);

	g->moving = true;
	return qmp_balloon(g->q, bytes);
}

static void on_period(_unused_ struct qmp *q, int error,
		      _unused_ struct json_object *ret, const char *text,
		      void *userdata)
{
	struct guest_qmp *g = userdata;

	if (error)
		log_guest(LOG_WARNING, g->guest.name,
			  "cannot set its statistics period: %s", text);
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
 * Events
 */

/* MIGRATION comes only where the capability "events" is on; STOP always. */
static void on_migration(struct guest_qmp *g, struct json_object *data)
{
	static const char *const over[] = { "none", "completed", "failed",
					    "cancelled" };
	struct json_object *status;
	const char *text;
	bool migrating = true;

	if (!json_object_object_get_ex(data, "status", &status) ||
	    !json_object_is_type(status, json_type_string))
		return;
	text = json_object_get_string(status);
	for (size_t i = 0; i < ARRAY_SIZE(over); i++)
		if (!strcmp(text, over[i]))
			migrating = false;
	if (migrating != g->migrating)
		manager_guest_event(&g->guest, migrating ?
						       POLICY_GUEST_MIGRATE_BEGIN :
						       POLICY_GUEST_MIGRATE_END);
	g->migrating = migrating;
}

static void on_event(_unused_ struct qmp *q, const char *name,
		     struct json_object *data, void *userdata)
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
	if (!strcmp(name, "BALLOON_CHANGE") &&
	    get_bytes(data, "actual", &actual)) {
		g->moving = true;
		manager_guest_actual(&g->guest, actual);
	}
	if (!strcmp(name, "MIGRATION"))
		on_migration(g, data);
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (!strcmp(name, plain[i].name))
			manager_guest_event(&g->guest, plain[i].event);
}

static void on_balloon(_unused_ struct qmp *q, int error, const char *text,
		       void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!error || !g->added)
		return;
	log_guest(LOG_WARNING, g->guest.name, "the command balloon failed: %s",
		  text);
	/* It is refused where there is no balloon (any more). */
	if (error == -EREMOTEIO)
		manager_guest_event(&g->guest, POLICY_GUEST_NO_BALLOON);
}

static void on_closed(_unused_ struct qmp *q, _unused_ int error,
		      const char *why, void *userdata)
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

	escape_text(g->guest.name, sizeof(g->guest.name),
		    basename(g->guest.origin));
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
	if (g->migrating)
		manager_guest_event(&g->guest, POLICY_GUEST_MIGRATE_BEGIN);
	else if (!g->running)
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
	struct json_object *name;

	if (!answered(g, error))
		return;
	if (json_object_object_get_ex(ret, "name", &name) &&
	    json_object_is_type(name, json_type_string))
		escape_text(g->guest.name, sizeof(g->guest.name),
			    json_object_get_string(name));
	settle(g);
}

static void on_status(_unused_ struct qmp *q, int error,
		      struct json_object *ret, _unused_ const char *text,
		      void *userdata)
{
	struct guest_qmp *g = userdata;
	struct json_object *status;
	const char *s;

	if (!answered(g, error))
		return;
	if (json_object_object_get_ex(ret, "status", &status) &&
	    json_object_is_type(status, json_type_string)) {
		s = json_object_get_string(status);
		g->running = !strcmp(s, "running");
		g->migrating = !strcmp(s, "inmigrate") ||
			       !strcmp(s, "postmigrate") ||
			       !strcmp(s, "finish-migrate");
	}
	settle(g);
}

static void on_memory(_unused_ struct qmp *q, int error,
		      struct json_object *ret, _unused_ const char *text,
		      void *userdata)
{
	struct guest_qmp *g = userdata;
	uint64_t base, plugged;

	if (!answered(g, error))
		return;
	if (get_bytes(ret, "base-memory", &base)) {
		if (!get_bytes(ret, "plugged-memory", &plugged))
			plugged = 0;
		g->guest.memory = MIN(base, POLICY_GUEST_BYTES_MAX) +
				  MIN(plugged, POLICY_GUEST_BYTES_MAX);
	}
	settle(g);
}

static void on_first_actual(_unused_ struct qmp *q, int error,
			    struct json_object *ret, _unused_ const char *text,
			    void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!answered(g, error))
		return;
	get_bytes(ret, "actual", &g->guest.actual);
	settle(g);
}

static void on_found_period(_unused_ struct qmp *q, int error,
			    struct json_object *ret, _unused_ const char *text,
			    void *userdata)
{
	struct guest_qmp *g = userdata;
	int64_t seconds = json_object_get_int64(ret);

	if (!answered(g, error))
		return;
	if (!error && seconds > 0 && seconds <= 3600)
		g->found_period = g->period = seconds;
	settle(g);
}

/* The balloon's path as JSON text, and the question for its statistics. */
static int set_path(struct guest_qmp *g, const char *parent, const char *name)
{
	struct json_object *path;
	char text[256];
	int n, r = 0;

	n = snprintf(text, sizeof(text), "%s/%s", parent, name);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	path = json_object_new_string(text);
	if (!path)
		return -ENOMEM;
	free(g->period_path);
	free(g->stats_args);
	g->stats_args = NULL;
	g->period_path = strdup(json_object_to_json_string_ext(
		path, JSON_C_TO_STRING_NOSLASHESCAPE));
	if (!g->period_path ||
	    asprintf(&g->stats_args, "{\"path\":%s,\"property\":\"guest-stats\"}",
		     g->period_path) < 0) {
		g->stats_args = NULL;
		r = -ENOMEM;
	}
	json_object_put(path);
	return r;
}

static void find_balloon(struct guest_qmp *g, const char *parent,
			 struct json_object *list)
{
	static const char prefix[] = "child<virtio-balloon";
	size_t n = json_object_is_type(list, json_type_array) ?
			   json_object_array_length(list) :
			   0;

	for (size_t i = 0; i < n && !g->stats_args; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *type, *name;
		char args[512];

		if (!json_object_object_get_ex(entry, "type", &type) ||
		    !json_object_object_get_ex(entry, "name", &name) ||
		    !json_object_is_type(type, json_type_string) ||
		    !json_object_is_type(name, json_type_string) ||
		    strncmp(json_object_get_string(type), prefix,
			    sizeof(prefix) - 1) != 0)
			continue;
		if (set_path(g, parent, json_object_get_string(name)) < 0)
			continue;
		snprintf(args, sizeof(args),
			 "{\"path\":%s,\"property\":\"guest-stats-polling-interval\"}",
			 g->period_path);
		if (qmp_execute(g->q, "qom-get", args, on_found_period, g) >= 0)
			g->unanswered++;
	}
}

static void on_peripheral(_unused_ struct qmp *q, int error,
			  struct json_object *ret, _unused_ const char *text,
			  void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!answered(g, error))
		return;
	find_balloon(g, "/machine/peripheral", ret);
	settle(g);
}

static void on_peripheral_anon(_unused_ struct qmp *q, int error,
			       struct json_object *ret,
			       _unused_ const char *text, void *userdata)
{
	struct guest_qmp *g = userdata;

	if (!answered(g, error))
		return;
	find_balloon(g, "/machine/peripheral-anon", ret);
	settle(g);
}

static void on_ready(struct qmp *q, void *userdata)
{
	static const struct {
		const char *command, *args;
		qmp_reply_t fn;
	} questions[] = {
		{ "query-name", NULL, on_name },
		{ "query-status", NULL, on_status },
		{ "query-memory-size-summary", NULL, on_memory },
		{ "query-balloon", NULL, on_first_actual },
		{ "qom-list", "{\"path\":\"/machine/peripheral\"}",
		  on_peripheral },
		{ "qom-list", "{\"path\":\"/machine/peripheral-anon\"}",
		  on_peripheral_anon },
	};
	struct guest_qmp *g = userdata;

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		if (qmp_execute(q, questions[i].command, questions[i].args,
				questions[i].fn, g) >= 0)
			g->unanswered++;
}

static const struct qmp_handlers handlers = {
	.ready = on_ready,
	.event = on_event,
	.balloon = on_balloon,
	.closed = on_closed,
};

int guest_qmp_new(struct guest_qmp **ret, struct manager *m,
		  struct poller *poller, int fd, const char *path,
		  guest_closed_t closed, void *userdata)
{
	struct guest_qmp *g = calloc(1, sizeof(*g));
	int r;

	if (!g) {
		close(fd);
		return -ENOMEM;
	}
	g->guest.ops = &ops;
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
	free(g->stats_args);
	free(g->period_path);
	free(g);
	return NULL;
}
