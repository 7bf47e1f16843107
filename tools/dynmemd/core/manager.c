// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/escape.h"
#include "common/journal_ids.h"
#include "dynmemd/base/log.h"
#include "dynmemd/host/ksmd.h"
#include "dynmemd/core/manager_private.h"
#include "dynmemd/host/pinned_memory.h"

/* A process that maps less than this part of a guest's memory is not its QEMU. */
#define PROXY_SHARE 8

const struct policy *manager_policy(const struct manager *m)
{
	return m->policy;
}

enum policy_level manager_level(const struct manager *m)
{
	return m->level;
}

size_t manager_guest_count(const struct manager *m)
{
	return m->n_guests;
}

struct guest *manager_guest(const struct manager *m, size_t i)
{
	return m->guests[i];
}

const struct guest *manager_find(const struct manager *m, const char *name)
{
	for (size_t i = 0; i < m->n_guests; i++)
		if (!strcmp(m->guests[i]->name, name))
			return m->guests[i];
	return NULL;
}

const struct host_record *manager_host_record(const struct manager *m)
{
	return &m->record;
}

struct recorder *manager_recorder(struct manager *m)
{
	return m->recorder;
}

const struct policy_result *manager_result(const struct manager *m)
{
	return &m->result;
}

const struct manager_counters *manager_counters(const struct manager *m)
{
	return &m->counters;
}

const struct source_pressure *manager_source_pressure(const struct manager *m)
{
	return m->has_pressure ? &m->pressure : NULL;
}

void manager_listen(struct manager *m, const struct manager_listener *listener, void *userdata)
{
	m->listener = listener;
	m->listener_data = userdata;
}

int manager_drain(struct manager *m, bool drain)
{
	if (drain && !manager_managing(m))
		return -EROFS;
	if (drain == m->state.drain)
		return 0;
	m->state.drain = drain;
	policy_set_drain(m->policy, drain);
	log_event(LOG_NOTICE, JOURNAL_ID_DRAIN, NULL, "%s",
		  drain ? "guests get their memory back, as far as there is memory"
			: "guests are managed again");
	remember_now(m);
	if (m->listener)
		m->listener->mode(m->listener_data);
	tick_soon(m);
	return 0;
}

/*
 * The host
 */

static void on_source(void *userdata, const struct source_pressure *p)
{
	manager_pressure(userdata, p);
}

void manager_set_source(struct manager *m, struct source *source)
{
	if (m->source)
		source_listen(m->source, NULL, NULL);
	m->source = source;
	if (source)
		source_listen(source, on_source, m);
	m->has_pressure = false;
	m->watching = m->unwatched = false;
	tick_soon(m);
}

/* A cgroup's kill at its own limit is its operator's business. */
static void log_oom(const struct manager *m, const struct source_pressure *p,
		    enum policy_level level)
{
	if (level == POLICY_LEVEL_CRITICAL)
		log_error("the host ran out of memory; %llu processes were killed so far",
			  (unsigned long long)p->oom_kills);
	else
		log_info(
			"a process was killed for lack of memory, but not of the host's: it has %.0f MiB available; a cgroup is at its limit",
			(double)m->host.available / MIB);
}

void manager_pressure(struct manager *m, const struct source_pressure *p)
{
	uint64_t now = manager_now(m);
	enum policy_level level;

	m->pressure = *p;
	m->has_pressure = true;
	m->event_at = !p->news ? 0 : p->time ? p->time : now;
	level = sample_host(m, true, now);
	decisions_on_pressure(m, level, now);
	m->event_at = 0;
	log_debug("pressure: %s%slevel %s (engine: %s), %.1f MiB available",
		  p->stall ? "stall, " : "", p->oom ? "OOM, " : "", policy_level_name(p->level),
		  policy_level_name(level), (double)m->host.available / MIB);
	if (p->lost)
		log_warning(
			"%llu pressure events were lost; their counters are in the one that came",
			(unsigned long long)p->lost);
	if (p->oom && p->news)
		log_oom(m, p, level);
}

/*
 * Guests
 */

/* A QEMU with several monitors in our folders is one guest all the same. */
static int check_process(struct manager *m, const struct guest *g)
{
	for (size_t i = 0; g->pid && i < m->n_guests; i++) {
		const struct guest *o = m->guests[i];

		if (o->pid == g->pid && o->named == g->named &&
		    (!g->named || !strcmp(o->title, g->name)))
			return -EEXIST;
	}
	return 0;
}

/*
 * Two guests of one name: the later one also gets its origin's. It keeps that as long as the
 * other one is remembered, whoever is found first the next time: settings and what was
 * learned belong to names.
 */
static void make_unique(struct manager *m, struct guest *g)
{
	char name[GUEST_NAME_MAX], title[51], socket[64];

	memcpy(g->title, g->name, sizeof(g->title));
	/* Both are cut, and never in a character. */
	escape_text(title, sizeof(title), g->title);
	escape_text(socket, sizeof(socket), basename(g->origin));
	snprintf(name, sizeof(name), "%s@%s", title, socket);
	if (remember_another(m, g) && state_find(&m->state, name) && !manager_find(m, name))
		memcpy(g->name, name, sizeof(name));
	for (unsigned int n = 1; manager_find(m, g->name); n++) {
		snprintf(name, sizeof(name), "%s@%s", title, socket);
		if (n > 1)
			snprintf(name, sizeof(name), "%s@%s#%u", title, socket, n);
		log_warning("there are two guests %s; the one found at %s is called %s", g->name,
			    g->origin, name);
		memcpy(g->name, name, sizeof(name));
	}
}

static int make_space(struct manager *m)
{
	size_t space = m->space ? m->space * 2 : 16;
	struct guest **guests;

	if (m->n_guests < m->space)
		return 0;
	guests = reallocarray(m->guests, space, sizeof(struct guest *));
	if (!guests)
		return -ENOMEM;
	m->guests = guests;
	m->space = space;
	return 0;
}

/* What the operator should know of its balloon. */
static void log_traits(const struct guest *g)
{
	const char *unmergeable = guest_unmergeable(g);

	if (unmergeable)
		log_guest(LOG_NOTICE, g->name, "KSM cannot merge its memory: %s", unmergeable);
	if (g->observed)
		log_guest(LOG_NOTICE, g->name, "only observed: %s", g->observed);
	if (!g->has_balloon)
		return;
	if (g->traits & GUEST_FREE_PAGE_REPORTING)
		log_guest(
			LOG_INFO, g->name,
			"free page reporting is on: what it frees is given back without a balloon");
	if (g->traits & GUEST_DEFLATE_ON_OOM)
		log_guest(LOG_INFO, g->name,
			  "deflate-on-oom is on: its balloon may shrink by itself");
}

static void close_process(struct manager *m, struct guest *g)
{
	cost_close(&g->cost);
	cgroup_act_close(m, g);
}

/*
 * A QEMU maps all of its guest's memory. What listens in its place, a proxy or
 * who started it, must not be taken for what the guest costs, nor be limited.
 */
static bool is_other_process(const struct guest *g)
{
	if (cost_mapped(&g->cost) >= g->memory / PROXY_SHARE)
		return false;
	log_guest(
		LOG_WARNING, g->name,
		"pid %d, which listens at %s, is too small to be its QEMU: what the guest costs is not known, and its cgroup is left alone; let QEMU itself listen",
		(int)g->pid, g->origin);
	return true;
}

/* The kernel names no process of another namespace, and /proc may hide those of others. */
static const char *why_unseen(const struct guest *g)
{
	if (g->cost.statm >= 0 || g->rss)
		return NULL;
	if (!g->pid)
		return "its QEMU is in a PID namespace that this daemon does not see";
	if (kill(g->pid, 0) < 0 && errno == ESRCH)
		return "who listened at its monitor is gone; let QEMU itself listen";
	return "/proc hides its QEMU; mount it without hidepid= where dynmemd runs";
}

static void log_unseen(const struct guest *g)
{
	if (g->unseen)
		log_guest(
			LOG_WARNING, g->name,
			"what it costs the host is guessed, and its cgroup is left alone: %s (pid %d)",
			g->unseen, (int)g->pid);
}

/* One that can be seen, and for want of descriptors is not, would only be half managed. */
static int open_process(struct manager *m, struct guest *g)
{
	int r;

	cgroup_act_open(m, g);
	r = cost_open(&g->cost, m->proc, g->pid);
	g->proxied = r >= 0 && is_other_process(g);
	if (g->proxied)
		close_process(m, g);
	else if (r < 0)
		cgroup_act_close(m, g);
	else
		g->command_pinned = pinned_by_command(m->proc, g->pid);
	g->unseen = g->proxied ? NULL : why_unseen(g);
	return r;
}

int manager_guest_add(struct manager *m, struct guest *g)
{
	struct policy_guest_config config;
	uint64_t now = manager_now(m);
	int r;

	r = check_process(m, g);
	if (r == 0)
		r = make_space(m);
	if (r < 0)
		return r;
	make_unique(m, g);
	r = open_process(m, g);
	if (r < 0)
		return r;
	remember_memory(m, g);
	limits_apply(m, g);
	config = limits_config(g);
	r = policy_guest_add(m->policy, &config, g->actual, now, &g->handle);
	if (r < 0) {
		close_process(m, g);
		return r;
	}
	g->manager = m;
	g->target = g->actual;
	policy_gate_found(&g->books, g->actual);
	m->guests[m->n_guests++] = g;
	update_machine(m, g,
		       GUEST_HAS_MEMORY | GUEST_HAS_DIMMS | GUEST_HAS_DEVICES | GUEST_HAS_PINS |
			       GUEST_HAS_CAPS,
		       now);
	log_event(
		LOG_INFO, JOURNAL_ID_FOUND, g->name,
		"found: %.0f MiB, of which it has %.0f; range %.0f to %.0f MiB, shares %u; QEMU's pid %d, found at %s%s",
		(double)g->memory / MIB, (double)g->actual / MIB, (double)g->limits.min / MIB,
		(double)g->limits.max / MIB, g->limits.shares, (int)g->pid, g->origin,
		g->has_balloon
			? ""
			: "; it has no virtio-balloon device, so its memory cannot be moved");
	remember_added(m, g);
	reserve_started(m, g);
	log_unseen(g);
	log_traits(g);
	manager_guest_pinned(g);
	/* Not only at the next decision: ksmd may be about to scan a stranger. */
	ksm_act(m, now);
	if (m->listener)
		m->listener->guest_added(m->listener_data, g);
	tick_soon(m);
	return 0;
}

void manager_guest_remove(struct guest *g, const char *why)
{
	struct manager *m = g->manager;

	for (size_t i = 0; i < m->n_guests; i++)
		if (m->guests[i] == g)
			m->guests[i] = m->guests[--m->n_guests];
	poll_answered(m, g);
	remember_removed(m, g);
	policy_guest_remove(m->policy, g->handle);
	close_process(m, g);
	if (!why)
		return;
	log_event(LOG_INFO, JOURNAL_ID_GONE, g->name, "gone: %s", why);
	if (m->listener)
		m->listener->guest_removed(m->listener_data, g, why);
	decide_soon(m);
}

void manager_guest_polled(struct guest *g, const struct guest_record *s)
{
	struct manager *m = g->manager;
	uint64_t now = manager_now(m);

	poll_sampled(m, g, update_guest(m, g, s, now), now);
	poll_answered(m, g);
}

void manager_guest_sample_failed(struct guest *g)
{
	struct manager *m = g->manager;

	poll_sampled(m, g, false, manager_now(m));
	poll_answered(m, g);
}

/*
 * Bytes that were freed go to a guest that waits for them. A balloon that was at
 * rest was not moved by us.
 */
void manager_guest_actual(struct guest *g, uint64_t actual)
{
	bool freed = actual < g->actual;
	bool astir = actual != g->actual && !g->poll_period;

	g->actual = actual;
	policy_gate_actual(&g->books, actual);
	update_guest(g->manager, g,
		     &(struct guest_record){ .present = GUEST_HAS_ACTUAL, .actual = actual },
		     manager_now(g->manager));
	if (astir || (freed && g->manager->somebody_waits))
		tick_soon(g->manager);
}

void manager_guest_event(struct guest *g, enum policy_guest_event event)
{
	static const char *const words[] = {
		[POLICY_GUEST_REBOOT] = "reboots",
		[POLICY_GUEST_PAUSE] = "is paused",
		[POLICY_GUEST_RESUME] = "runs again",
		[POLICY_GUEST_MIGRATE_BEGIN] = "migrates: left alone",
		[POLICY_GUEST_MIGRATE_END] = "does not migrate any more",
	};

	if (event < ARRAY_SIZE(words) && words[event])
		log_guest(LOG_INFO, g->name, "%s", words[event]);
	policy_guest_event(g->manager->policy, g->handle, event, manager_now(g->manager));
	tick_soon(g->manager);
}

/*
 * What the balloon holds, and has still to take or to give back, stays the same.  Of
 * memory that QEMU does not list the size shows more than what is known of it.
 */
static uint64_t target_of_size(const struct guest *g, uint64_t memory, uint64_t actual)
{
	uint64_t more = actual > g->actual ? actual - g->actual : 0;

	if (memory > g->memory)
		return g->target + MAX(memory - g->memory, more);
	return g->target - MIN(g->memory - memory, g->target);
}

void manager_guest_resized(struct guest *g, uint64_t memory, uint64_t actual)
{
	struct manager *m = g->manager;
	uint64_t now = manager_now(m), target = target_of_size(g, memory, actual);
	struct policy_guest_config range;

	log_guest(LOG_INFO, g->name, "its memory is %.0f MiB now, it was %.0f",
		  (double)memory / MIB, (double)g->memory / MIB);
	g->memory = memory;
	g->actual = g->has_balloon ? actual : memory;
	policy_gate_found(&g->books, g->actual);
	g->target = target;
	limits_apply(m, g);
	range = limits_config(g);
	policy_guest_configure(m->policy, g->handle, &range);
	/* In this order it is seen that nobody sent it there. */
	update_machine(m, g,
		       GUEST_HAS_MEMORY | GUEST_HAS_DIMMS | GUEST_HAS_DEVICES | GUEST_HAS_ACTUAL,
		       now);
	if (g->has_balloon)
		policy_command_sent(m->policy, g->handle, target, now);
	tick_soon(m);
}

/*
 * Life
 */

static void log_line(_unused_ void *userdata, const char *text)
{
	log_warning("reload: %s", text);
}

static void warn_of_much(struct manager *m, const struct config *config)
{
	struct manager_plan plan;

	manager_plan(m, config, NULL, NULL, &plan);
	if (!plan.much)
		return;
	log_event(
		LOG_WARNING, JOURNAL_ID_RELOAD, NULL,
		"reload: this configuration moves more than a quarter of a guest or a tenth of the host; 'dynmemd --check --diff' shows that before");
	manager_plan(m, config, log_line, NULL, &plan);
}

int manager_plan_reload(struct manager *m, manager_plan_line_t line, void *userdata,
			const char **ret_path)
{
	struct manager_plan plan;
	struct config *c;
	int r;

	if (!m->load)
		return -EOPNOTSUPP;
	r = m->load(m->load_data, &c, ret_path);
	if (r < 0)
		return r;
	manager_plan(m, c, line, userdata, &plan);
	config_free(c);
	return 0;
}

int manager_reload(struct manager *m, const struct config *config)
{
	int r;

	warn_of_much(m, config);
	r = policy_set_tunables(m->policy, &config->policy);

	if (r < 0)
		return r;
	m->config = config;
	ksm_act_reload(m);
	r = stop_watch(m);
	if (r < 0)
		log_warning("%s cannot be watched (%s); it is checked for at each decision",
			    config->stop, strerror(-r));
	for (size_t i = 0; i < m->n_guests; i++)
		manager_guest_own(m->guests[i]);
	if (m->listener)
		m->listener->mode(m->listener_data);
	tick_soon(m);
	return 0;
}

static int open_recording(struct manager *m, const char *path)
{
	int r = recorder_open(m->recorder, path);

	if (r == -EEXIST)
		log_error("--record: %s is there already; name another file", path);
	else if (r < 0)
		log_error("--record: %s cannot be written: %s", path, strerror(-r));
	return r;
}

int manager_new(struct manager **ret, sd_event *event, const struct config *config,
		const struct manager_options *options)
{
	struct manager *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->event = event;
	m->config = config;
	cost_init(&m->ksmd);
	m->dry_run = options->dry_run;
	m->load = options->load;
	m->load_data = options->load_data;
	m->proc = options->proc ? options->proc : "/proc";
	m->cgroup_root = options->cgroup ? options->cgroup : CGROUP_ROOT;
	r = host_open(&m->host, m->proc);
	if (r == 0)
		r = policy_new(&config->policy, &m->policy);
	if (r == 0)
		r = recorder_new(&m->recorder, m->policy);
	if (r == 0 && options->record)
		r = open_recording(m, options->record);
	if (r == 0)
		r = decisions_init(m);
	if (r == 0)
		r = remember_init(m, options->state);
	if (r == 0)
		r = settings_init(m);
	if (r == 0)
		r = stop_watch(m);
	if (r < 0) {
		manager_free(m);
		return r;
	}
	cgroup_act_init(m);
	ksm_act_init(m, options->sys ? options->sys : "/sys", m->file ? options->state : NULL);
	numa_open(&m->numa);
	cost_open(&m->ksmd, m->proc, ksmd_pid(m->proc));
	sample_host(m, false, manager_now(m));
	tick_soon(m);
	*ret = m;
	return 0;
}

struct manager *manager_free(struct manager *m)
{
	if (!m)
		return NULL;
	decisions_free(m);
	cgroup_worker_free(m->worker);
	ksm_act_free(m);
	remember_free(m);
	settings_free(m);
	folder_free(m->stop);
	recorder_free(m->recorder);
	policy_free(m->policy);
	host_close(&m->host);
	numa_close(&m->numa);
	cost_close(&m->ksmd);
	free(m->guests);
	free(m);
	return NULL;
}
