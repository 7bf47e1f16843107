// SPDX-License-Identifier: GPL-2.0
/*
 * Which metrics there are. Names and labels are stable: rules and dashboards
 * hang on them. No label has more values than there are guests, reasons, classes
 * or rules.
 */
#include <string.h>

#include "common/dbus_names.h"
#include "dynmem/metrics/exposition.h"
#include "dynmem/out.h"
#include "policy/gate.h"
#include "policy/policy.h"

#define BYTES(name, help)                         \
	{                                         \
		name, METRIC_GAUGE, "bytes", help \
	}
#define GAUGE(name, help)                      \
	{                                      \
		name, METRIC_GAUGE, NULL, help \
	}
#define COUNTER(name, help)                      \
	{                                        \
		name, METRIC_COUNTER, NULL, help \
	}
#define SECONDS(name, help)                           \
	{                                             \
		name, METRIC_COUNTER, "seconds", help \
	}

static const struct label none[] = { { 0 } };

struct writer {
	FILE *out;
	enum metrics_format format;
	const struct metrics_state *s;
};

static void family(const struct writer *w, const struct metric *m)
{
	exposition_family(w->out, w->format, m);
}

static void sample(const struct writer *w, const struct metric *m, const char *label,
		   const char *text, double value)
{
	const struct label labels[] = { { label, text }, { 0 } };

	exposition_sample(w->out, m, "", label ? labels : none, value);
}

/* A number or a boolean; a family without a sample is not written. */
static double number(struct json_object *obj, const char *key)
{
	return json_object_get_double(json_object_object_get(obj, key));
}

static void one(const struct writer *w, const struct metric *m, double value)
{
	family(w, m);
	sample(w, m, NULL, NULL, value);
}

/* A sample for each name, of which one is 1. */
static void states(const struct writer *w, const struct metric *m, const char *label,
		   const char *const *names, const char *now)
{
	family(w, m);
	for (; *names; names++)
		sample(w, m, label, *names, !strcmp(*names, now));
}

/*
 * The host
 */

static const struct {
	const char *key;
	struct metric m;
} host_rows[] = {
	{ DYNMEM_HOST_TOTAL, BYTES("dynmem_host_memory_bytes", "Memory of the host.") },
	{ DYNMEM_HOST_AVAILABLE,
	  BYTES("dynmem_host_available_bytes", "Memory that can be had without swapping.") },
	{ DYNMEM_HOST_FREE, BYTES("dynmem_host_free_bytes", "Unused memory.") },
	{ DYNMEM_HOST_SWAP_TOTAL, BYTES("dynmem_host_swap_bytes", "Swap of the host.") },
	{ DYNMEM_HOST_SWAP_FREE, BYTES("dynmem_host_swap_free_bytes", "Unused swap.") },
	{ DYNMEM_HOST_MINFREE, BYTES("dynmem_host_minfree_bytes",
				     "Available memory below which the level is critical.") },
	{ DYNMEM_HOST_RESERVE, BYTES("dynmem_host_reserve_bytes", "Kept for the host itself.") },
	{ DYNMEM_HOST_EXPOSURE,
	  BYTES("dynmem_host_exposure_bytes", "What guests can still call in.") },
	{ DYNMEM_HOST_HOLD, BYTES("dynmem_host_hold_bytes", "Held against what guests call in.") },
	{ DYNMEM_HOST_DEFICIT,
	  BYTES("dynmem_host_deficit_bytes", "What the host lacks; below 0: it has room.") },
	{ DYNMEM_HOST_LARGEST,
	  BYTES("dynmem_host_largest_guest_bytes", "Largest guest that could be started now.") },
	{ DYNMEM_HOST_LARGEST_SQUEEZED,
	  BYTES("dynmem_host_largest_guest_squeezed_bytes",
		"Largest guest that could be started with all others at their floors.") },
	{ DYNMEM_HOST_GUESTS, GAUGE("dynmem_host_guests", "Guests that the daemon knows.") },
	{ DYNMEM_HOST_OOM_KILLS,
	  COUNTER("dynmem_host_oom_kills", "Processes killed for lack of memory.") },
	{ DYNMEM_HOST_KSM_SAVED, BYTES("dynmem_ksm_saved_bytes", "What KSM saves.") },
	{ DYNMEM_HOST_KSM_RUN, GAUGE("dynmem_ksm_run", "KSM: 0 off, 1 runs, 2 takes apart.") },
	{ DYNMEM_HOST_TAKEN,
	  BYTES("dynmem_gate_taken_bytes", "Taken from guests within the last minute.") },
	{ DYNMEM_HOST_TAKE_MAX,
	  BYTES("dynmem_gate_limit_bytes", "What may be taken from guests within a minute.") },
};

static void write_level(const struct writer *w)
{
	static const struct metric m =
		GAUGE("dynmem_host_level", "Memory pressure: 0 none, 1 low, 2 medium, 3 critical.");
	const char *level = out_str(w->s->host, DYNMEM_HOST_LEVEL);

	for (int i = 0; i < POLICY_LEVELS; i++)
		if (!strcmp(level, policy_level_name(i)))
			one(w, &m, i);
}

static void write_gate(const struct writer *w)
{
	static const struct metric m =
		GAUGE("dynmem_gate_holding", "1 while this rule of the gate holds something back.");
	const char *rule = out_str(w->s->host, DYNMEM_HOST_GATE);

	family(w, &m);
	for (int i = POLICY_GATE_GUESTS; i <= POLICY_GATE_SHORTAGE; i++)
		sample(w, &m, "rule", policy_gate_rule_name(i),
		       !strcmp(rule, policy_gate_rule_name(i)));
}

/* All reasons from the start, so that a rate is seen from the first one on. */
static void write_decisions(const struct writer *w, const struct metric *m, const char *key)
{
	struct json_object *counters = json_object_object_get(w->s->host, key);

	if (!counters)
		return;
	family(w, m);
	for (int i = 0; i < POLICY_REASON_COUNT; i++)
		sample(w, m, "reason", policy_reason_name(i),
		       number(counters, policy_reason_name(i)));
}

static void write_reaction(const struct writer *w)
{
	static const struct metric m = { "dynmem_reaction_seconds", METRIC_SUMMARY, "seconds",
					 "From an event of pressure to the first command that "
					 "followed at once." };

	if (!out_has(w->s->host, DYNMEM_HOST_REACTIONS))
		return;
	family(w, &m);
	exposition_sample(w->out, &m, "_count", none, number(w->s->host, DYNMEM_HOST_REACTIONS));
	exposition_sample(w->out, &m, "_sum", none,
			  number(w->s->host, DYNMEM_HOST_REACTION_TIME) / 1e6);
}

static void write_host(const struct writer *w)
{
	static const char *const modes[] = { "observe", "manage",  "dry-run",
					     "drain",	"stopped", NULL };
	static const char *const sources[] = { "genl", "procfs", "none", NULL };
	static const struct metric mode = GAUGE("dynmem_mode", "1 for the daemon's mode.");
	static const struct metric source =
		GAUGE("dynmem_source", "1 for what reports pressure to the daemon.");
	static const struct metric applied =
		COUNTER("dynmem_decisions", "Decisions that were written to guests.");
	static const struct metric observed =
		COUNTER("dynmem_decisions_observed", "Decisions that were only logged.");
	struct json_object *host = w->s->host;

	for (size_t i = 0; i < sizeof(host_rows) / sizeof(host_rows[0]); i++)
		if (out_has(host, host_rows[i].key))
			one(w, &host_rows[i].m, number(host, host_rows[i].key));
	write_level(w);
	states(w, &mode, "mode", modes, out_str(host, DYNMEM_HOST_MODE));
	states(w, &source, "source", sources, out_str(host, DYNMEM_HOST_SOURCE));
	write_gate(w);
	write_decisions(w, &applied, DYNMEM_HOST_DECISIONS);
	write_decisions(w, &observed, DYNMEM_HOST_DECISIONS_OBSERVED);
	write_reaction(w);
}

/*
 * The module
 */

static const struct {
	const char *cause, *count, *time;
} stall_rows[] = {
	{ "host", "stalls", "stall_time" },
	{ "cgroup", "memcg_stalls", "memcg_stall_time" },
	{ "huge_page", "huge_stalls", "huge_stall_time" },
};

static void write_stalls(const struct writer *w)
{
	static const struct metric count =
		COUNTER("dynmem_stalls", "Direct reclaims that made a task wait, by what for.");
	static const struct metric time =
		SECONDS("dynmem_stall_seconds", "Time that tasks waited in them.");
	struct json_object *pressure = json_object_object_get(w->s->kernel, "pressure");

	family(w, &count);
	for (size_t i = 0; i < sizeof(stall_rows) / sizeof(stall_rows[0]); i++)
		if (out_has(pressure, stall_rows[i].count))
			sample(w, &count, "cause", stall_rows[i].cause,
			       number(pressure, stall_rows[i].count));
	family(w, &time);
	for (size_t i = 0; i < sizeof(stall_rows) / sizeof(stall_rows[0]); i++)
		if (out_has(pressure, stall_rows[i].time))
			sample(w, &time, "cause", stall_rows[i].cause,
			       number(pressure, stall_rows[i].time) / 1e9);
}

static void write_module_ksm(const struct writer *w)
{
	static const struct metric profit =
		BYTES("dynmem_ksm_profit_bytes", "What KSM saves less what it needs for that.");
	static const struct metric scans =
		COUNTER("dynmem_ksm_full_scans", "Times that KSM has walked all its memory.");
	struct json_object *ksm = json_object_object_get(w->s->kernel, "ksm");

	if (out_has(ksm, "profit"))
		one(w, &profit, number(ksm, "profit"));
	if (out_has(ksm, "full_scans"))
		one(w, &scans, number(ksm, "full_scans"));
}

/*
 * Guests
 */

enum row_kind { VALUE, PRESENT };

static const struct guest_row {
	const char *key;
	enum row_kind kind;
	struct metric m;
} guest_rows[] = {
	{ DYNMEM_GUEST_MIN, VALUE, BYTES("dynmem_guest_min_bytes", "It is never shrunk below.") },
	{ DYNMEM_GUEST_MAX, VALUE, BYTES("dynmem_guest_max_bytes", "It is never grown above.") },
	{ DYNMEM_GUEST_ACTUAL, VALUE,
	  BYTES("dynmem_guest_actual_bytes", "What its balloon leaves it.") },
	{ DYNMEM_GUEST_TARGET, VALUE,
	  BYTES("dynmem_guest_target_bytes", "The size that was last commanded.") },
	{ DYNMEM_GUEST_USED, VALUE,
	  BYTES("dynmem_guest_used_bytes", "What it uses, by its statistics.") },
	{ DYNMEM_GUEST_DEMAND, VALUE, BYTES("dynmem_guest_demand_bytes", "What it should have.") },
	{ DYNMEM_GUEST_FLOOR, VALUE, BYTES("dynmem_guest_floor_bytes", "Less would do harm.") },
	{ DYNMEM_GUEST_ENTITLED, VALUE,
	  BYTES("dynmem_guest_entitled_bytes", "Its share right now.") },
	{ DYNMEM_GUEST_RSS, VALUE, BYTES("dynmem_guest_rss_bytes", "What the host pays for it.") },
	{ DYNMEM_GUEST_KSM_SAVED, VALUE,
	  BYTES("dynmem_guest_ksm_saved_bytes", "What KSM saves in it.") },
	{ DYNMEM_GUEST_EXPOSURE, VALUE,
	  BYTES("dynmem_guest_exposure_bytes", "What it can still call in.") },
	{ DYNMEM_GUEST_HIGH, VALUE,
	  BYTES("dynmem_guest_memory_high_bytes", "Limit of its cgroup, where it is enforced.") },
	{ DYNMEM_GUEST_RECLAIMED,
	  VALUE,
	  { "dynmem_guest_reclaimed_bytes", METRIC_COUNTER, "bytes",
	    "What was reclaimed by its cgroup." } },
	{ DYNMEM_GUEST_SHARES, VALUE, GAUGE("dynmem_guest_shares", "Its weight.") },
	{ DYNMEM_GUEST_PRESSED, VALUE, GAUGE("dynmem_guest_pressed", "1: it is short of memory.") },
	{ DYNMEM_GUEST_ALERT, VALUE,
	  GAUGE("dynmem_guest_alert", "1: an operator should know; see dynmem status.") },
	{ DYNMEM_GUEST_PINNED, PRESENT,
	  GAUGE("dynmem_guest_pinned", "1: its balloon frees nothing on the host.") },
};

static double row_value(const struct guest_row *r, struct json_object *guest)
{
	return r->kind == PRESENT ? out_has(guest, r->key) : number(guest, r->key);
}

static void write_guest_row(const struct writer *w, const struct guest_row *r)
{
	bool begun = false;

	for (size_t i = 0; i < json_object_array_length(w->s->guests); i++) {
		struct json_object *guest = json_object_array_get_idx(w->s->guests, i);

		if (r->kind == VALUE && !out_has(guest, r->key))
			continue;
		if (!begun)
			family(w, &r->m);
		begun = true;
		sample(w, &r->m, "guest", out_str(guest, DYNMEM_GUEST_NAME), row_value(r, guest));
	}
}

/* One sample a guest, not one for each class. */
static void write_classes(const struct writer *w)
{
	static const struct metric m = GAUGE(
		"dynmem_guest_class", "1 for the guest's class; see dynmem-metrics in dynmem(1).");
	size_t n = json_object_array_length(w->s->guests);

	if (n)
		family(w, &m);
	for (size_t i = 0; i < n; i++) {
		struct json_object *guest = json_object_array_get_idx(w->s->guests, i);
		const struct label labels[] = {
			{ "guest", out_str(guest, DYNMEM_GUEST_NAME) },
			{ "backend", out_str(guest, DYNMEM_GUEST_BACKEND) },
			{ "class", out_str(guest, DYNMEM_GUEST_CLASS) },
			{ 0 },
		};

		exposition_sample(w->out, &m, "", labels, 1);
	}
}

void metrics_write(FILE *out, enum metrics_format format, const struct metrics_state *s)
{
	static const struct metric up = GAUGE("dynmem_up", "1: the daemon has answered.");
	static const struct metric module =
		GAUGE("dynmem_module_up", "1: the kernel module has answered.");
	static const struct metric build =
		GAUGE("dynmem_build_info", "1, with the version of dynmem.");
	const struct writer w = { .out = out, .format = format, .s = s };

	one(&w, &up, s->host != NULL);
	one(&w, &module, s->kernel != NULL);
	family(&w, &build);
	sample(&w, &build, "version", DYNMEM_VERSION, 1);
	if (s->host)
		write_host(&w);
	if (s->kernel) {
		write_stalls(&w);
		write_module_ksm(&w);
	}
	if (s->guests) {
		write_classes(&w);
		for (size_t i = 0; i < sizeof(guest_rows) / sizeof(guest_rows[0]); i++)
			write_guest_row(&w, &guest_rows[i]);
	}
	exposition_end(out, format);
}
