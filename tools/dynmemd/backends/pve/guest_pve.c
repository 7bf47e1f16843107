// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "dynmemd/backends/pve/guest_pve.h"
#include "dynmemd/base/log.h"
#include "dynmemd/qmp/qmp_client.h"
#include "dynmemd/qmp/qmp_answers.h"
#include "dynmemd/qmp/guest_stats.h"
#include "common/util.h"

/*
 * greeting: to wait in the listener's queue keeps nobody from the monitor.
 * session: pvestatd and qm may have to wait for so long, and 4 ms of a timer's
 * slack; an exchange takes less than one in general.
 * reply: the session ends before.
 */
static const struct qmp_limits limits = {
	.greeting = USEC_PER_SEC,
	.reply = 2 * USEC_PER_SEC,
	.session = 40 * USEC_PER_MSEC,
};

/* A target that finds the monitor busy is tried again ... */
#define TARGET_RETRY (100 * USEC_PER_MSEC)
/* ... for so long: by then the engine has to think again. */
#define TARGET_WAIT (5 * USEC_PER_SEC)

/* One that was asked anything so recently need not be looked at. */
#define LOOK_AGE (5 * USEC_PER_SEC)

/* Once or twice is how a shared monitor goes; this often is worth a word. */
#define MISSED_MANY 5

/* qemu-server sets this period of the statistics when it starts a guest. */
#define PERIOD 2

/* qemu-server gives it this name. */
#define BALLOON "/machine/peripheral/balloon0"

#define ASK(property) "{\"path\":\"" BALLOON "\",\"property\":\"" property "\"}"

struct guest_pve {
	struct guest guest; /* the manager's view */
	struct qmp *q;
	struct manager *manager;
	struct poller *poller;
	guest_closed_t closed;
	void *userdata;

	char vmid[16];
	const struct config *config;
	bool has_conf;
	struct pve_conf conf;
	char observed[256]; /* why it is */

	bool added;
	bool over; /* it ends as soon as nobody is busy with it */
	const char *why_over;
	struct poll_item process; /* tells QEMU's end */
	bool frozen, paused;	  /* as the manager knows */
	unsigned int missed;	  /* exchanges that failed, in a row */

	/* What the exchange under way asks for, and has found. */
	bool looks;
	bool polled; /* the manager waits for statistics */
	bool has_sample;
	struct guest_record sample;
	bool running, incoming, outgoing;
	uint64_t looked_at; /* usec */

	sd_event_source *later;
	bool target_waits;
	uint64_t target, target_until;

	unsigned int period, period_wanted; /* seconds */
};

static struct guest_pve *of(struct guest *g)
{
	return container_of(g, struct guest_pve, guest);
}

static uint64_t now_usec(const struct guest_pve *g)
{
	return manager_now(g->manager) / 1000;
}

static void drop(struct guest_pve *g, const char *why)
{
	guest_closed_t closed = g->closed;
	void *userdata = g->userdata;
	bool was_guest = g->added;
	char text[256];

	/* The text may be the connection's own. */
	snprintf(text, sizeof(text), "%s", why);
	guest_pve_free(g, text);
	closed(userdata, was_guest, text);
}

static void wake_later(struct guest_pve *g, uint64_t usec)
{
	sd_event_source_set_time_relative(g->later, usec);
	sd_event_source_set_enabled(g->later, SD_EVENT_ONESHOT);
}

/* The manager may be busy with all of its guests: not now. */
static int drop_later(struct guest_pve *g, const char *why)
{
	g->over = true;
	g->why_over = why;
	wake_later(g, 0);
	return -ESTALE;
}

/*
 * Exchanges
 */

/* 0: one is under way, and takes commands. Allocates nothing. */
static int begin(struct guest_pve *g)
{
	pid_t pid;
	int fd, r;

	if (g->over)
		return -ESTALE;
	if (qmp_is_open(g->q))
		return 0;
	r = qmp_connect(&fd, g->guest.origin);
	if (r == 0)
		r = qmp_open(g->q, fd);
	if (g->added && (r == -ENOENT || r == -ECONNREFUSED))
		return drop_later(g, "its QEMU listens no more");
	if (r < 0)
		return r;
	pid = qmp_peer_pid(g->q);
	pid = pid > 0 ? pid : 0;
	if (g->added && pid != g->guest.pid) {
		qmp_close(g->q);
		return drop_later(g, "another QEMU has its VMID");
	}
	g->guest.pid = pid;
	return 0;
}

static void finish(struct guest_pve *g);

static void on_status(_unused_ struct qmp *q, int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	struct guest_pve *g = userdata;

	if (!error)
		answer_status(ret, &g->running, &g->incoming);
	finish(g);
}

static void on_migration(_unused_ struct qmp *q, int error, struct json_object *ret,
			 _unused_ const char *text, void *userdata)
{
	struct guest_pve *g = userdata;

	if (!error)
		answer_migrating(ret, &g->outgoing);
	finish(g);
}

static void on_memory(_unused_ struct qmp *q, _unused_ int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	struct guest_pve *g = userdata;

	answer_memory(ret, &g->guest.memory);
	finish(g);
}

static void on_actual(_unused_ struct qmp *q, _unused_ int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	struct guest_pve *g = userdata;
	uint64_t actual;

	if (answer_bytes(ret, "actual", &actual) && g->added)
		manager_guest_actual(&g->guest, actual);
	else if (!g->added)
		answer_bytes(ret, "actual", &g->guest.actual);
	finish(g);
}

static void on_stats(_unused_ struct qmp *q, int error, struct json_object *ret,
		     _unused_ const char *text, void *userdata)
{
	struct guest_pve *g = userdata;

	g->has_sample = !error;
	if (!error)
		stats_parse(&g->sample, ret);
	g->sample.stat_actual = g->guest.actual;
	g->sample.present |= GUEST_HAS_STAT_ACTUAL;
	finish(g);
}

/* That there is an answer says that there is a balloon. */
static void on_period(_unused_ struct qmp *q, int error, struct json_object *ret,
		      _unused_ const char *text, void *userdata)
{
	struct guest_pve *g = userdata;
	int64_t seconds = json_object_get_int64(ret);

	g->guest.has_balloon = !error;
	if (!error && seconds > 0 && seconds <= 3600)
		g->period = seconds;
	finish(g);
}

static void on_reporting(_unused_ struct qmp *q, _unused_ int error, struct json_object *ret,
			 _unused_ const char *text, void *userdata)
{
	struct guest_pve *g = userdata;

	guest_trait(&g->guest, GUEST_FREE_PAGE_REPORTING, ret);
	finish(g);
}

static void on_deflate(_unused_ struct qmp *q, _unused_ int error, struct json_object *ret,
		       _unused_ const char *text, void *userdata)
{
	struct guest_pve *g = userdata;

	guest_trait(&g->guest, GUEST_DEFLATE_ON_OOM, ret);
	finish(g);
}

static void on_period_set(_unused_ struct qmp *q, int error, _unused_ struct json_object *ret,
			  const char *text, void *userdata)
{
	struct guest_pve *g = userdata;

	if (error)
		log_guest(LOG_WARNING, g->guest.name, "cannot set its statistics period: %s", text);
	g->period = g->period_wanted;
	finish(g);
}

static void on_balloon(_unused_ struct qmp *q, int error, const char *text, void *userdata)
{
	struct guest_pve *g = userdata;

	/* A newer target may be on its way already. */
	if (qmp_idle(g->q) || error)
		g->target_waits = false;
	if (error) {
		log_guest(LOG_WARNING, g->guest.name, "the command balloon failed: %s", text);
		/* It is refused where there is no balloon (any more). */
		manager_guest_event(&g->guest, POLICY_GUEST_NO_BALLOON);
	}
	finish(g);
}

static void on_ready(_unused_ struct qmp *q, void *userdata)
{
	finish(userdata);
}

static void ask(struct guest_pve *g, const char *command, const char *args, qmp_reply_t fn)
{
	/* One that cannot be asked has no answer: finish() sees to it. */
	qmp_execute(g->q, command, args, fn, g);
}

/* Returns what begin() does. */
static int look(struct guest_pve *g)
{
	char args[160];
	int r = begin(g);

	if (r < 0)
		return r;
	g->looks = true;
	g->looked_at = now_usec(g);
	ask(g, "query-status", NULL, on_status);
	ask(g, "query-migrate", NULL, on_migration);
	if (!g->guest.has_balloon)
		return 0;
	ask(g, "query-balloon", NULL, on_actual);
	if (g->period != g->period_wanted) {
		snprintf(args, sizeof(args),
			 "{\"path\":\"" BALLOON
			 "\",\"property\":\"guest-stats-polling-interval\",\"value\":%u}",
			 g->period_wanted);
		ask(g, "qom-set", args, on_period_set);
	}
	if (g->polled)
		ask(g, "qom-get", ASK("guest-stats"), on_stats);
	return 0;
}

/*
 * What an exchange found
 */

/* qemu-server locks a guest before it migrates it: known before QEMU does. */
static void tell_state(struct guest_pve *g)
{
	bool frozen = g->incoming || g->outgoing || g->conf.migrating;
	bool paused = !frozen && !g->running;

	if (frozen != g->frozen)
		manager_guest_event(&g->guest,
				    frozen ? POLICY_GUEST_MIGRATE_BEGIN : POLICY_GUEST_MIGRATE_END);
	g->frozen = frozen;
	if (paused != g->paused)
		manager_guest_event(&g->guest, paused ? POLICY_GUEST_PAUSE : POLICY_GUEST_RESUME);
	g->paused = paused;
}

static void on_process(struct poll_item *item, _unused_ uint32_t revents)
{
	struct guest_pve *g = container_of(item, struct guest_pve, process);

	drop(g, "QEMU has ended");
}

/* Kernels before 5.3 have none: then the next look finds out. */
static void watch_process(struct guest_pve *g)
{
	g->process.fn = on_process;
	if (!g->guest.pid)
		return;
	g->process.fd = (int)syscall(SYS_pidfd_open, g->guest.pid, 0);
	if (g->process.fd >= 0 && poller_add(g->poller, &g->process, EPOLLIN) < 0) {
		closep(&g->process.fd);
		g->process.fd = -1;
	}
}

static void judge(struct guest_pve *g);

static void add(struct guest_pve *g)
{
	int r;

	if (!g->guest.memory) {
		drop(g, "QEMU does not tell the guest's memory");
		return;
	}
	if (!g->guest.has_balloon)
		g->guest.actual = g->guest.memory;
	g->period_wanted = g->period ? g->period : PERIOD;
	judge(g);
	r = manager_guest_add(g->manager, &g->guest);
	if (r < 0) {
		drop(g, r == -EEXIST ? "this QEMU is managed already, by another socket"
				     : strerror(-r));
		return;
	}
	g->added = true;
	watch_process(g);
	tell_state(g);
}

/* Called with each answer; the last one ends the exchange. */
static void finish(struct guest_pve *g)
{
	if (!qmp_idle(g->q))
		return;
	qmp_close(g->q);
	if (g->missed >= MISSED_MANY)
		log_guest(LOG_INFO, g->guest.name, "reached again");
	g->missed = 0;
	if (!g->added) {
		add(g);
		return;
	}
	if (g->looks)
		tell_state(g);
	g->looks = false;
	if (g->polled) {
		g->polled = false;
		if (g->has_sample)
			manager_guest_polled(&g->guest, &g->sample);
		else
			manager_guest_sample_failed(&g->guest);
	}
}

static void on_closed(_unused_ struct qmp *q, int error, const char *why, void *userdata)
{
	struct guest_pve *g = userdata;

	/* What speaks no QMP is no guest. */
	if (!g->added || error == -EPROTO || error == -EBADMSG || error == -EMSGSIZE) {
		drop(g, why);
		return;
	}
	if (++g->missed == MISSED_MANY)
		log_guest(LOG_NOTICE, g->guest.name, "not reached %u times in a row: %s",
			  MISSED_MANY, why);
	g->looks = false;
	if (g->target_waits)
		wake_later(g, TARGET_RETRY);
	if (g->polled) {
		g->polled = false;
		manager_guest_sample_failed(&g->guest);
	}
}

static const struct qmp_handlers handlers = {
	.ready = on_ready,
	.balloon = on_balloon,
	.closed = on_closed,
};

/*
 * What the manager wants
 */

static int poll_guest(struct guest *guest)
{
	struct guest_pve *g = of(guest);
	int r;

	if (!guest->has_balloon)
		return -EOPNOTSUPP;
	if (g->looks)
		return -EBUSY;
	g->has_sample = false;
	g->polled = true;
	r = look(g);
	if (r < 0)
		g->polled = false;
	return r;
}

static int send_target(struct guest_pve *g)
{
	int r = begin(g);

	return r < 0 ? r : qmp_balloon(g->q, g->target);
}

static int set_target(struct guest *guest, uint64_t bytes)
{
	struct guest_pve *g = of(guest);
	int r;

	/* A plan of before it began to migrate. */
	if (g->frozen)
		return -EBUSY;
	g->target = bytes;
	g->target_until = now_usec(g) + TARGET_WAIT;
	r = send_target(g);
	g->target_waits = r >= 0 || r == -EAGAIN;
	if (r != -EAGAIN)
		return r;
	wake_later(g, TARGET_RETRY);
	return 1;
}

static void forget(struct guest *guest)
{
	of(guest)->target_waits = false;
}

static int on_later(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct guest_pve *g = userdata;

	if (g->over) {
		drop(g, g->why_over);
		return 0;
	}
	if (!g->target_waits)
		return 0;
	if (g->frozen || now_usec(g) > g->target_until) {
		g->target_waits = false;
		log_guest(LOG_WARNING, g->guest.name, "its target could not be told: %s",
			  g->frozen ? "it migrates" : "the monitor stays busy");
		return 0;
	}
	if (send_target(g) < 0 && !g->over)
		wake_later(g, TARGET_RETRY);
	return 0;
}

/*
 * The period goes along with the next look. It is only made shorter: Proxmox
 * VE's own display lives on these statistics.
 */
static int watch(struct guest *guest, unsigned int seconds)
{
	struct guest_pve *g = of(guest);

	g->period_wanted = seconds ? MIN(seconds, PERIOD) : PERIOD;
	return 0;
}

static const struct guest_ops ops = {
	.backend = "pve",
	.set_target = set_target,
	.forget = forget,
	.poll = poll_guest,
	.watch = watch,
};

/*
 * Whose it is
 */

static void set_observed(struct guest_pve *g, bool named)
{
	size_t n = 0, size = sizeof(g->observed);

	g->guest.observed = g->observed;
	if (!g->has_conf) {
		snprintf(g->observed, size, "there is no file %s.conf that would hand it over",
			 g->vmid);
		return;
	}
	if (g->conf.no_balloon) {
		snprintf(g->observed, size,
			 "balloon: 0 in its %s.conf takes its balloon device away", g->vmid);
		return;
	}
	if (!g->conf.shares && named) {
		g->guest.observed = NULL;
		return;
	}
	if (g->conf.shares)
		n = snprintf(g->observed, size,
			     "pvestatd may move it: 'qm set %s --shares 0' makes it let go",
			     g->vmid);
	else
		n = snprintf(g->observed, size, "pvestatd let go of it");
	if (named || n >= size)
		return;
	snprintf(
		g->observed + n, size - n,
		"; give it a section [guest %s] with min, max and shares in dynmem's configuration, where [guest *] is about no guest in particular",
		g->vmid);
}

/*
 * While it is not handed over its range and shares are Proxmox VE's; then
 * those of our own configuration.
 */
static void judge(struct guest_pve *g)
{
	struct guest_rule own = { 0 };

	set_observed(g, config_names(g->config, g->guest.name, g->vmid));
	if (g->guest.observed && g->has_conf) {
		own.min.set = g->conf.balloon > 0;
		own.min.value = g->conf.balloon;
		own.max.set = true;
		own.max.value = g->conf.memory;
		own.shares = g->conf.shares;
	}
	g->guest.own = own;
	g->guest.pinned = g->conf.pinned;
}

static void judge_again(struct guest_pve *g)
{
	char before[sizeof(g->observed)] = "";

	if (!g->added)
		return;
	if (g->guest.observed)
		memcpy(before, g->observed, sizeof(before));
	judge(g);
	manager_guest_own(&g->guest);
	tell_state(g);
	if (g->guest.observed && strcmp(before, g->observed) != 0)
		log_guest(LOG_NOTICE, g->guest.name, "only observed: %s", g->observed);
	if (!g->guest.observed && *before)
		log_guest(LOG_NOTICE, g->guest.name,
			  "handed over: range %.0f to %.0f MiB, shares %u",
			  (double)g->guest.limits.min / MIB, (double)g->guest.limits.max / MIB,
			  g->guest.limits.shares);
}

void guest_pve_config(struct guest_pve *g, const struct config *config)
{
	g->config = config;
	judge_again(g);
}

static const char *name_of(const struct guest_pve *g)
{
	return *g->conf.name ? g->conf.name : g->vmid;
}

static void take_conf(struct guest_pve *g, const struct pve_conf *conf)
{
	g->has_conf = conf != NULL;
	g->conf = conf ? *conf : (struct pve_conf){ 0 };
	if (!g->added)
		snprintf(g->guest.name, sizeof(g->guest.name), "%s", name_of(g));
}

void guest_pve_conf(struct guest_pve *g, const struct pve_conf *conf)
{
	char before[sizeof(g->conf.name)];

	memcpy(before, name_of(g), strlen(name_of(g)) + 1);
	take_conf(g, conf);
	/* Under its new name it is another guest to whoever asks. */
	if (g->added && strcmp(before, name_of(g)) != 0)
		drop(g, "it has another name now");
	else
		judge_again(g);
}

void guest_pve_look(struct guest_pve *g)
{
	int r = 0;

	if (g->added && !qmp_is_open(g->q) && now_usec(g) - g->looked_at >= LOOK_AGE)
		r = look(g);
	if (r < 0 && r != -ESTALE)
		log_guest(LOG_DEBUG, g->guest.name, "not reached: %s", strerror(-r));
}

/*
 * Life
 */

static int start(struct guest_pve *g)
{
	int r = begin(g);

	if (r < 0)
		return r;
	ask(g, "query-status", NULL, on_status);
	ask(g, "query-migrate", NULL, on_migration);
	ask(g, "query-memory-size-summary", NULL, on_memory);
	ask(g, "query-balloon", NULL, on_actual);
	ask(g, "qom-get", ASK("guest-stats-polling-interval"), on_period);
	ask(g, "qom-get", ASK("free-page-reporting"), on_reporting);
	ask(g, "qom-get", ASK("deflate-on-oom"), on_deflate);
	return 0;
}

int guest_pve_new(struct guest_pve **ret, struct manager *m, struct poller *poller,
		  const char *path, unsigned int vmid, const struct config *config,
		  const struct pve_conf *conf, guest_closed_t closed, void *userdata)
{
	struct guest_pve *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	snprintf(g->vmid, sizeof(g->vmid), "%u", vmid);
	take_conf(g, conf);
	g->guest.ops = &ops;
	g->guest.origin = path;
	g->guest.alias = g->vmid;
	g->guest.named = true;
	g->process.fd = -1;
	g->manager = m;
	g->poller = poller;
	g->config = config;
	g->closed = closed;
	g->userdata = userdata;
	r = sd_event_add_time(poller_event(poller), &g->later, CLOCK_MONOTONIC, 0, USEC_PER_MSEC,
			      on_later, g);
	if (r >= 0)
		r = sd_event_source_set_enabled(g->later, SD_EVENT_OFF);
	if (r >= 0)
		r = qmp_new(&g->q, poller, -1, &limits, &handlers, g);
	if (r >= 0)
		r = start(g);
	if (r < 0) {
		guest_pve_free(g, NULL);
		return r;
	}
	*ret = g;
	return 0;
}

struct guest_pve *guest_pve_free(struct guest_pve *g, const char *why)
{
	if (!g)
		return NULL;
	if (g->added)
		manager_guest_remove(&g->guest, why);
	if (g->process.fd >= 0)
		poller_remove(g->poller, &g->process);
	closep(&g->process.fd);
	qmp_free(g->q);
	sd_event_source_disable_unref(g->later);
	free(g);
	return NULL;
}
