// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdint.h>

#include "common/dbus_names.h"
#include "common/json_build.h"
#include "common/record_json.h"
#include "dynmemd/api/fill.h"
#include "dynmemd/state/state_format.h"
#include "common/util.h"

static int open_map(sd_bus_message *msg)
{
	return sd_bus_message_open_container(msg, SD_BUS_TYPE_ARRAY, "{sv}");
}

/* An append after a failed one fails too: the last result is enough. */
static int fill_host_memory(sd_bus_message *msg, const struct host *h)
{
	api_put_t(msg, DYNMEM_HOST_TOTAL, h->total);
	api_put_t(msg, DYNMEM_HOST_AVAILABLE, h->available);
	api_put_t(msg, DYNMEM_HOST_FREE, h->free);
	api_put_t(msg, DYNMEM_HOST_SWAP_TOTAL, h->swap_total);
	api_put_t(msg, DYNMEM_HOST_SWAP_FREE, h->swap_free);
	return api_put_t(msg, DYNMEM_HOST_MINFREE, policy_minfree(h->total));
}

static void fill_budget(sd_bus_message *msg, const struct policy_result *r)
{
	api_put_t(msg, DYNMEM_HOST_RESERVE, r->reserve);
	api_put_t(msg, DYNMEM_HOST_EXPOSURE, r->exposure);
	api_put_t(msg, DYNMEM_HOST_HOLD, r->hold);
	sd_bus_message_append(msg, "{sv}", DYNMEM_HOST_DEFICIT, "x", r->deficit);
}

static void fill_gate(sd_bus_message *msg, struct manager *m)
{
	struct manager_gate gate;

	manager_gate(m, &gate);
	api_put_t(msg, DYNMEM_HOST_TAKEN, gate.taken);
	api_put_t(msg, DYNMEM_HOST_TAKE_MAX, gate.cap);
	if (gate.rule > POLICY_GATE_NEED)
		api_put_s(msg, DYNMEM_HOST_GATE, policy_gate_rule_name(gate.rule));
}

static void fill_ksm(sd_bus_message *msg, struct manager *m)
{
	struct host_record h = { 0 };
	struct manager_ksm ksm;

	manager_ksm(m, &ksm);
	api_put_s(msg, DYNMEM_HOST_KSM_MODE, ksm.mode);
	if (ksm.reason)
		api_put_s(msg, DYNMEM_HOST_KSM_REASON, ksm.reason);
	manager_read_ksm(m, &h);
	if (!(h.present & HOST_HAS_KSM_RUN))
		return;
	api_put_t(msg, DYNMEM_HOST_KSM_SAVED, h.ksm.saved);
	api_put_t(msg, DYNMEM_HOST_KSM_GUESTS, MIN(ksm.guests, h.ksm.saved));
	api_put_t(msg, DYNMEM_HOST_KSM_RUN, h.ksm.run);
	api_put_s(msg, DYNMEM_HOST_KSM_DRIVER, ksm.driver);
	sd_bus_message_append(msg, "{sv}", DYNMEM_HOST_KSM_CPU, "d", ksm.cpu_share);
	if (*ksm.alert)
		api_put_s(msg, DYNMEM_HOST_KSM_ALERT, ksm.alert);
	if (*ksm.error)
		api_put_s(msg, DYNMEM_HOST_KSM_ERROR, ksm.error);
}

/* Those that have happened: a code that is not there has not. */
static void fill_reasons(sd_bus_message *msg, const char *key, const uint64_t *counters)
{
	sd_bus_message_open_container(msg, SD_BUS_TYPE_DICT_ENTRY, "sv");
	sd_bus_message_append(msg, "s", key);
	sd_bus_message_open_container(msg, SD_BUS_TYPE_VARIANT, "a{sv}");
	open_map(msg);
	for (int i = 0; i < POLICY_REASON_COUNT; i++)
		if (counters[i])
			api_put_t(msg, policy_reason_name(i), counters[i]);
	sd_bus_message_close_container(msg);
	sd_bus_message_close_container(msg);
	sd_bus_message_close_container(msg);
}

static void fill_counters(sd_bus_message *msg, const struct manager_counters *c)
{
	fill_reasons(msg, DYNMEM_HOST_DECISIONS, c->applied);
	fill_reasons(msg, DYNMEM_HOST_DECISIONS_OBSERVED, c->observed);
	api_put_t(msg, DYNMEM_HOST_REACTIONS, c->reactions);
	api_put_t(msg, DYNMEM_HOST_REACTION_TIME, c->reaction_ns / NSEC_PER_USEC);
}

int api_fill_host(sd_bus_message *msg, struct manager *m)
{
	const struct source_pressure *p = manager_source_pressure(m);
	uint64_t largest, squeezed;
	int r = open_map(msg);

	if (r < 0)
		return r;
	api_put_s(msg, DYNMEM_HOST_LEVEL, policy_level_name(manager_level(m)));
	api_put_s(msg, DYNMEM_HOST_MODE, manager_mode_name(m));
	if (manager_stopped(m))
		api_put_s(msg, DYNMEM_HOST_STOP, manager_stop_file(m));
	api_put_s(msg, DYNMEM_HOST_SOURCE, manager_source_name(m));
	api_put_s(msg, DYNMEM_HOST_PROFILE, policy_profile_name(manager_profile(m)));
	fill_host_memory(msg, manager_read_host(m));
	if (manager_result(m)->reserve)
		fill_budget(msg, manager_result(m));
	if (manager_largest(m, &largest, &squeezed) == 0) {
		api_put_t(msg, DYNMEM_HOST_LARGEST, largest);
		api_put_t(msg, DYNMEM_HOST_LARGEST_SQUEEZED, squeezed);
	}
	fill_gate(msg, m);
	fill_counters(msg, manager_counters(m));
	fill_ksm(msg, m);
	if (p && p->has_stalls) {
		api_put_t(msg, DYNMEM_HOST_STALLS, p->stalls);
		api_put_t(msg, DYNMEM_HOST_OOM_KILLS, p->oom_kills);
	}
	api_put_t(msg, DYNMEM_HOST_GUESTS, manager_guest_count(m));
	return sd_bus_message_close_container(msg);
}

static void fill_engine_view(sd_bus_message *msg, const struct policy_guest_info *i)
{
	api_put_s(msg, DYNMEM_GUEST_CLASS, policy_class_name(i->class));
	api_put_t(msg, DYNMEM_GUEST_TARGET, i->target);
	if (i->sample_age != UINT64_MAX) {
		api_put_t(msg, DYNMEM_GUEST_USED, i->used);
		api_put_t(msg, DYNMEM_GUEST_DEMAND, i->demand);
		api_put_t(msg, DYNMEM_GUEST_FLOOR, i->floor);
		api_put_t(msg, DYNMEM_GUEST_SAMPLE_AGE, i->sample_age / NSEC_PER_USEC);
	}
	api_put_t(msg, DYNMEM_GUEST_ENTITLED, i->entitled);
	api_put_t(msg, DYNMEM_GUEST_EXPOSURE, i->exposure);
	sd_bus_message_append(msg, "{sv}", DYNMEM_GUEST_YIELD, "d", i->yield);
	sd_bus_message_append(msg, "{sv}", DYNMEM_GUEST_PRESSED, "b", i->pressed != 0);
}

static void fill_cost(sd_bus_message *msg, struct manager *m, const struct guest *g)
{
	const char *unmergeable = guest_unmergeable(g), *unmerged = manager_unmerged(m, g);
	struct guest_record cost;

	manager_read_cost(m, g, &cost);
	if (cost.present & GUEST_HAS_RSS)
		api_put_t(msg, DYNMEM_GUEST_RSS, cost.rss);
	if (cost.present & GUEST_HAS_KSM_SAVED)
		api_put_t(msg, DYNMEM_GUEST_KSM_SAVED, cost.ksm_saved);
	if (unmergeable)
		api_put_s(msg, DYNMEM_GUEST_UNMERGEABLE, unmergeable);
	if (unmerged)
		api_put_s(msg, DYNMEM_GUEST_UNMERGED, unmerged);
	if (*g->limits.trust)
		api_put_s(msg, DYNMEM_GUEST_TRUST, g->limits.trust);
}

static void fill_cgroup(sd_bus_message *msg, const struct guest *g)
{
	if (g->reclaimed)
		api_put_t(msg, DYNMEM_GUEST_RECLAIMED, g->reclaimed);
	if (g->high)
		api_put_t(msg, DYNMEM_GUEST_HIGH, g->high);
}

static void fill_trait(sd_bus_message *msg, const struct guest *g, const char *key,
		       unsigned int trait)
{
	if (g->traits_known & trait)
		sd_bus_message_append(msg, "{sv}", key, "b", (g->traits & trait) != 0);
}

static void fill_balloon(sd_bus_message *msg, const struct guest *g)
{
	if (g->held)
		sd_bus_message_append(msg, "{sv}", DYNMEM_GUEST_HELD, "b", true);
	if (g->observed)
		api_put_s(msg, DYNMEM_GUEST_OBSERVED, g->observed);
	if (guest_pinned(g))
		api_put_s(msg, DYNMEM_GUEST_PINNED, guest_pinned(g));
	fill_trait(msg, g, DYNMEM_GUEST_REPORTING, GUEST_FREE_PAGE_REPORTING);
	fill_trait(msg, g, DYNMEM_GUEST_DEFLATE, GUEST_DEFLATE_ON_OOM);
}

static void fill_reason(sd_bus_message *msg, const struct policy_decision *d)
{
	char reason[256];

	policy_reason_render(d, reason, sizeof(reason));
	sd_bus_message_append(msg, "{sv}", DYNMEM_GUEST_ALERT, "b", (d->flags & POLICY_ALERT) != 0);
	api_put_s(msg, DYNMEM_GUEST_CODE, policy_reason_name(d->reason));
	api_put_s(msg, DYNMEM_GUEST_REASON, reason);
}

int api_fill_guest(sd_bus_message *msg, struct manager *m, const struct guest *g, bool detail)
{
	struct policy_guest_info info;
	int r = open_map(msg);

	if (r < 0)
		return r;
	api_put_s(msg, DYNMEM_GUEST_NAME, g->name);
	api_put_s(msg, DYNMEM_GUEST_BACKEND, g->ops->backend);
	api_put_s(msg, DYNMEM_GUEST_SOCKET, g->origin);
	if (g->pid)
		api_put_t(msg, DYNMEM_GUEST_PID, g->pid);
	api_put_t(msg, DYNMEM_GUEST_MIN, g->limits.min);
	api_put_t(msg, DYNMEM_GUEST_MAX, g->limits.max);
	api_put_t(msg, DYNMEM_GUEST_SHARES, g->limits.shares);
	api_put_t(msg, DYNMEM_GUEST_ACTUAL, g->actual);
	if (policy_guest_info(manager_policy(m), g->handle, manager_now(m), &info) == 0) {
		fill_engine_view(msg, &info);
		if (detail)
			api_fill_detail(msg, m, g, &info);
	}
	fill_cost(msg, m, g);
	fill_balloon(msg, g);
	fill_cgroup(msg, g);
	if (g->decided)
		fill_reason(msg, &g->decision);
	return sd_bus_message_close_container(msg);
}

static void fill_reserve_status(sd_bus_message *msg, unsigned int id,
				const struct policy_reserve_status *s)
{
	static const char *const states[] = {
		[POLICY_RESERVE_READY] = "ready",     [POLICY_RESERVE_FREEING] = "freeing",
		[POLICY_RESERVE_REFUSED] = "refused", [POLICY_RESERVE_EXPIRED] = "expired",
		[POLICY_RESERVE_STARTED] = "started",
	};

	api_put_t(msg, DYNMEM_RESERVE_ID, id);
	api_put_s(msg, DYNMEM_RESERVE_STATE, states[s->state]);
	api_put_t(msg, DYNMEM_RESERVE_BYTES, s->bytes);
	api_put_t(msg, DYNMEM_RESERVE_MISSING, s->missing);
	api_put_s(msg, DYNMEM_RESERVE_WHY, s->why);
}

int api_fill_reservation(sd_bus_message *msg, unsigned int id,
			 const struct policy_reserve_status *s)
{
	int r = open_map(msg);

	if (r < 0)
		return r;
	fill_reserve_status(msg, id, s);
	return sd_bus_message_close_container(msg);
}

static int fill_kept(sd_bus_message *msg, struct manager *m, const struct reservation *r)
{
	struct policy_reserve_status s;
	int n;

	if (manager_reservation(m, r->id, &s) < 0 || s.state == POLICY_RESERVE_EXPIRED)
		return 0;
	n = open_map(msg);
	if (n < 0)
		return n;
	fill_reserve_status(msg, r->id, &s);
	api_put_t(msg, DYNMEM_RESERVE_UNTIL, r->until);
	if (*r->name)
		api_put_s(msg, DYNMEM_RESERVE_NAME, r->name);
	return sd_bus_message_close_container(msg);
}

int api_fill_reservations(sd_bus_message *msg, struct manager *m)
{
	size_t count;
	const struct reservation *all = manager_reservations(m, &count);
	int r = sd_bus_message_open_container(msg, SD_BUS_TYPE_ARRAY, "a{sv}");

	for (size_t i = 0; r >= 0 && i < count; i++)
		r = fill_kept(msg, m, &all[i]);
	return r < 0 ? r : sd_bus_message_close_container(msg);
}

int api_fill_decision(sd_bus_message *msg, const struct manager *m, const struct guest *g,
		      bool applied)
{
	const struct policy_decision *d = &g->announced;
	char name[API_TEXT_MAX], reason[API_TEXT_MAX];
	int r = sd_bus_message_append(msg, "sttss", api_text(name, g->name), d->from, d->target,
				      policy_reason_name(d->reason), api_text(reason, g->reason));

	if (r >= 0)
		r = open_map(msg);
	if (r < 0)
		return r;
	api_put_t(msg, DYNMEM_DECISION_WANTED, d->wanted);
	sd_bus_message_append(msg, "{sv}", DYNMEM_DECISION_APPLIED, "b", applied);
	api_put_s(msg, DYNMEM_DECISION_LEVEL, policy_level_name(manager_level(m)));
	api_put_t(msg, DYNMEM_DECISION_TIME, manager_now(m) / 1000);
	return sd_bus_message_close_container(msg);
}

static struct json_object *guest_json(const struct guest *g)
{
	struct json_object *o = json_object_new_object();

	json_build_add(&o, "name", json_object_new_string(g->name));
	json_build_add(&o, "record",
		       record_to_json(guest_record_fields, &g->known, g->known.present));
	return o;
}

int api_fill_records(sd_bus_message *msg, struct manager *m)
{
	struct json_object *obj = json_object_new_object(), *guests = json_object_new_array();
	const struct host_record *h = manager_host_record(m);
	const char *text;
	int r;

	json_build_add(&obj, "schema", json_object_new_int(RECORD_SCHEMA));
	json_build_add(&obj, "host", record_to_json(host_record_fields, h, h->present));
	for (size_t i = 0; i < manager_guest_count(m); i++)
		json_build_append(&guests, guest_json(manager_guest(m, i)));
	json_build_add(&obj, "guests", guests);
	text = obj ? json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN) : NULL;
	r = text ? sd_bus_message_append(msg, "s", text) : -ENOMEM;
	json_object_put(obj);
	return r;
}
