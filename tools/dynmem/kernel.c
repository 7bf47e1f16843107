// SPDX-License-Identifier: GPL-2.0
#include "kernel.h"

#include <errno.h>
#include <stdint.h>

#include "common/dbus_names.h"
#include "out.h"

/* One member of a struct of the library, by its attribute. */
struct member {
	unsigned int attr;
	const char *name;
	size_t offset;
	enum { U32, U64, S64 } type;
};

#define PRESSURE(ATTR, member, type)                                                              \
	{                                                                                         \
		DYNMEM_A_PRESSURE_##ATTR, #member, offsetof(struct dynmem_pressure, member), type \
	}
#define KSM(ATTR, member, type)                                                         \
	{                                                                               \
		DYNMEM_A_KSM_##ATTR, #member, offsetof(struct dynmem_ksm, member), type \
	}

static const struct member head_members[] = {
	{ DYNMEM_A_HEAD_SEQ, "seq", offsetof(struct dynmem_head, seq), U64 },
	{ DYNMEM_A_HEAD_COALESCED, "coalesced", offsetof(struct dynmem_head, coalesced), U64 },
};

static const struct member pressure_members[] = {
	PRESSURE(AVAILABLE, available, U64),
	PRESSURE(FREE, free, U64),
	PRESSURE(SWAP_FREE, swap_free, U64),
	PRESSURE(STALL_SHARE, stall_share, U32),
	PRESSURE(REFAULT_SHARE, refault_share, U32),
	PRESSURE(STALLED, stalled, U32),
	PRESSURE(STALLS, stalls, U64),
	PRESSURE(STALL_TIME, stall_time, U64),
	PRESSURE(MEMCG_STALLS, memcg_stalls, U64),
	PRESSURE(MEMCG_STALL_TIME, memcg_stall_time, U64),
	PRESSURE(HUGE_STALLS, huge_stalls, U64),
	PRESSURE(HUGE_STALL_TIME, huge_stall_time, U64),
	PRESSURE(RECLAIMED, reclaimed, U64),
	PRESSURE(SWAP_INS, swap_ins, U64),
	PRESSURE(SWAP_OUTS, swap_outs, U64),
	PRESSURE(ZSWAP_INS, zswap_ins, U64),
	PRESSURE(ZSWAP_OUTS, zswap_outs, U64),
	PRESSURE(COMPACT_STALLS, compact_stalls, U64),
	PRESSURE(THP_FALLBACKS, thp_fallbacks, U64),
	PRESSURE(HUGETLB_TOTAL, hugetlb_total, U64),
	PRESSURE(HUGETLB_FREE, hugetlb_free, U64),
	PRESSURE(OOMS, ooms, U64),
	PRESSURE(OOM_KILLS, oom_kills, U64),
	PRESSURE(CONSTRAINED_OOMS, constrained_ooms, U64),
	PRESSURE(MEMCG_OOM_KILLS, memcg_oom_kills, U64),
};

static const struct member ksm_members[] = {
	KSM(RUN, run, U32),
	KSM(PAGES_TO_SCAN, pages_to_scan, U64),
	KSM(SLEEP_MILLISECS, sleep_millisecs, U32),
	KSM(PAGES_SHARED, pages_shared, U64),
	KSM(PAGES_SHARING, pages_sharing, U64),
	KSM(PAGES_UNSHARED, pages_unshared, U64),
	KSM(PAGES_VOLATILE, pages_volatile, U64),
	KSM(ZERO_PAGES, zero_pages, U64),
	KSM(FULL_SCANS, full_scans, U64),
	KSM(SAVED, saved, U64),
	KSM(PROFIT, profit, S64),
	KSM(COW_BREAKS, cow_breaks, U64),
};

static void add_members(struct json_object *obj, const void *data, uint64_t present,
			const struct member *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct member *m = &members[i];
		const void *value = (const char *)data + m->offset;

		if (!dynmem_has(present, m->attr))
			continue;
		if (m->type == U32)
			out_add_u64(obj, m->name, *(const uint32_t *)value);
		else if (m->type == U64)
			out_add_u64(obj, m->name, *(const uint64_t *)value);
		else
			out_add_i64(obj, m->name, *(const int64_t *)value);
	}
}

static void add_head(struct json_object *obj, const struct dynmem_head *head, uint64_t lost)
{
	out_add_u64(obj, "lost", lost);
	out_add_u64(obj, "monotonic", head->time);
	add_members(obj, head, head->present, head_members,
		    sizeof(head_members) / sizeof(head_members[0]));
}

static void add_bits(struct json_object *obj, const char *key, uint32_t bits,
		     const char *const *names, size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		if (bits >> i & 1)
			json_object_array_add(list, json_object_new_string(names[i]));
	json_object_object_add(obj, key, list);
}

static struct json_object *pressure_event(const struct dynmem_event *event)
{
	static const char *const events[] = { "level", "stall", "oom" };
	static const char *const causes[] = { "available", "stall", "refault", "oom" };
	const struct dynmem_pressure *p = &event->pressure;
	struct json_object *obj = json_object_new_object();

	out_add_str(obj, "type", "pressure");
	add_bits(obj, "event", p->event, events, 3);
	out_add_str(obj, "level", dynmem_level_name(p->level));
	add_bits(obj, "causes", p->causes, causes, 4);
	add_head(obj, &p->head, event->lost);
	add_members(obj, p, p->present, pressure_members,
		    sizeof(pressure_members) / sizeof(pressure_members[0]));
	return obj;
}

static struct json_object *ksm_event(const struct dynmem_event *event)
{
	static const char *const events[] = { "counters", "scan", "run" };
	const struct dynmem_ksm *k = &event->ksm;
	struct json_object *obj = json_object_new_object();

	out_add_str(obj, "type", "ksm");
	add_bits(obj, "event", k->event, events, 3);
	add_head(obj, &k->head, event->lost);
	add_members(obj, k, k->present, ksm_members, sizeof(ksm_members) / sizeof(ksm_members[0]));
	if (dynmem_has(k->present, DYNMEM_A_KSM_PROFIT))
		json_object_object_add(obj, "profit_estimated",
				       json_object_new_boolean(k->profit_estimated != 0));
	return obj;
}

struct json_object *kernel_event(const struct dynmem_event *event)
{
	struct json_object *obj;

	switch (event->type) {
	case DYNMEM_EVENT_PRESSURE:
		return pressure_event(event);
	case DYNMEM_EVENT_KSM:
		return ksm_event(event);
	case DYNMEM_EVENT_APPEARED:
	case DYNMEM_EVENT_VANISHED:
		obj = json_object_new_object();
		out_add_str(obj, "type", "module");
		out_add_str(obj, "event",
			    event->type == DYNMEM_EVENT_APPEARED ? "appeared" : "vanished");
		return obj;
	case DYNMEM_EVENT_OVERRUN:
		obj = json_object_new_object();
		out_add_str(obj, "type", "overrun");
		return obj;
	default:
		return NULL;
	}
}

int kernel_host(struct json_object **ret)
{
	struct dynmem_pressure p = { 0 };
	struct dynmem_ksm k = { 0 };
	struct json_object *host;
	struct dynmem *d;
	int r;

	/* Reading figures is no reason to load a module. */
	r = dynmem_open(&d, DYNMEM_OPEN_NO_LOAD);
	if (r < 0)
		return r;
	r = dynmem_get_pressure(d, &p);
	if (r < 0) {
		dynmem_close(d);
		return r;
	}
	host = json_object_new_object();
	out_add_str(host, DYNMEM_HOST_LEVEL, dynmem_level_name(p.level));
	out_add_u64(host, DYNMEM_HOST_TOTAL, p.total);
	out_add_u64(host, DYNMEM_HOST_AVAILABLE, p.available);
	out_add_u64(host, DYNMEM_HOST_FREE, p.free);
	if (dynmem_has(p.present, DYNMEM_A_PRESSURE_STALLS))
		out_add_u64(host, DYNMEM_HOST_STALLS, p.stalls);
	if (dynmem_has(p.present, DYNMEM_A_PRESSURE_OOM_KILLS))
		out_add_u64(host, DYNMEM_HOST_OOM_KILLS, p.oom_kills);

	/* A kernel without KSM is no error. */
	if (dynmem_get_ksm(d, &k) == 0 && dynmem_has(k.present, DYNMEM_A_KSM_SAVED)) {
		out_add_u64(host, DYNMEM_HOST_KSM_SAVED, k.saved);
		out_add_u64(host, DYNMEM_HOST_KSM_RUN, k.run);
	}
	dynmem_close(d);
	*ret = host;
	return 0;
}

int kernel_figures(struct json_object **ret)
{
	struct json_object *pressure, *ksm = json_object_new_object();
	struct dynmem_pressure p = { 0 };
	struct dynmem_ksm k = { 0 };
	struct dynmem *d = NULL;
	int r;

	r = dynmem_open(&d, DYNMEM_OPEN_NO_LOAD);
	if (r >= 0)
		r = dynmem_get_pressure(d, &p);
	if (r >= 0 && dynmem_get_ksm(d, &k) == 0)
		add_members(ksm, &k, k.present, ksm_members,
			    sizeof(ksm_members) / sizeof(ksm_members[0]));
	dynmem_close(d);
	if (r < 0) {
		json_object_put(ksm);
		return r;
	}
	pressure = json_object_new_object();
	add_members(pressure, &p, p.present, pressure_members,
		    sizeof(pressure_members) / sizeof(pressure_members[0]));
	*ret = json_object_new_object();
	json_object_object_add(*ret, "pressure", pressure);
	json_object_object_add(*ret, "ksm", ksm);
	return 0;
}
