// SPDX-License-Identifier: GPL-2.0
/* All that is known about one guest, for a call that names it. */
#include <stdio.h>
#include <stdlib.h>

#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmemd/api/fill.h"
#include "dynmemd/state/state_format.h"

#define WAITS_MAX 5 /* guests that are named */

static int put_age(sd_bus_message *msg, const char *key, uint64_t ns)
{
	return ns == UINT64_MAX ? 0 : api_put_t(msg, key, ns / NSEC_PER_USEC);
}

/*
 * Settings
 */

static void fill_origin(sd_bus_message *msg, const char *key, const struct place *p)
{
	char place[512];

	if (p->line)
		snprintf(place, sizeof(place), "%s:%d", p->text, p->line);
	else
		snprintf(place, sizeof(place), "%s", p->text ? p->text : "default");
	api_put_s(msg, key, place);
}

static void fill_settings(sd_bus_message *msg, const struct manager *m, const struct guest *g)
{
	static const char *const until[SETTING_COUNT] = {
		[SETTING_MIN] = DYNMEM_DETAIL_MIN_UNTIL,
		[SETTING_MAX] = DYNMEM_DETAIL_MAX_UNTIL,
		[SETTING_SHARES] = DYNMEM_DETAIL_SHARES_UNTIL,
		[SETTING_HOLD] = DYNMEM_DETAIL_HOLD_UNTIL,
	};

	fill_origin(msg, DYNMEM_DETAIL_MIN_FROM, &g->limits.from[SETTING_MIN]);
	fill_origin(msg, DYNMEM_DETAIL_MAX_FROM, &g->limits.from[SETTING_MAX]);
	fill_origin(msg, DYNMEM_DETAIL_SHARES_FROM, &g->limits.from[SETTING_SHARES]);
	for (unsigned int k = 0; k < SETTING_COUNT; k++) {
		const struct setting *s = manager_setting(m, g->name, k);

		if (s && s->until)
			api_put_t(msg, until[k], s->until);
	}
}

/*
 * The record
 */

static void put_bits(sd_bus_message *msg, const struct record_field *f, uint32_t bits)
{
	char text[256];
	size_t n = 0;

	text[0] = 0;
	for (unsigned int i = 0; f->names[i] && n < sizeof(text); i++)
		if (bits & (1u << i))
			n += snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
				      f->names[i]);
	api_put_s(msg, f->name, text);
}

static void fill_fields(sd_bus_message *msg, const struct guest_record *r)
{
	for (const struct record_field *f = guest_record_fields; f->name; f++) {
		const void *at = (const char *)r + f->offset;

		if (!(r->present & f->bit))
			continue;
		if (f->type == RECORD_BITS)
			put_bits(msg, f, *(const uint32_t *)at);
		else
			api_put_t(msg, f->name, *(const uint64_t *)at);
	}
}

/* Costs are read anew; the rest has its age. */
static void fill_record(sd_bus_message *msg, struct manager *m, const struct guest *g)
{
	struct guest_record all = g->known, cost;

	manager_read_cost(m, g, &cost);
	guest_record_merge(&all, &cost);
	cost_read(&g->cost, COST_SWAP | COST_CPU, NULL, &cost);
	guest_record_merge(&all, &cost);
	sd_bus_message_open_container(msg, SD_BUS_TYPE_DICT_ENTRY, "sv");
	sd_bus_message_append(msg, "s", DYNMEM_DETAIL_RECORD);
	sd_bus_message_open_container(msg, SD_BUS_TYPE_VARIANT, "a{sv}");
	sd_bus_message_open_container(msg, SD_BUS_TYPE_ARRAY, "{sv}");
	fill_fields(msg, &all);
	sd_bus_message_close_container(msg);
	sd_bus_message_close_container(msg);
	sd_bus_message_close_container(msg);
}

/*
 * The engine's view
 */

static void fill_steps(sd_bus_message *msg, const struct guest *g,
		       const struct policy_guest_info *i)
{
	if (i->sample_age != UINT64_MAX) {
		api_put_t(msg, DYNMEM_DETAIL_OVERHEAD, i->overhead);
		api_put_t(msg, DYNMEM_DETAIL_DEBT, i->debt);
		api_put_t(msg, DYNMEM_DETAIL_CACHE, i->cache);
		api_put_t(msg, DYNMEM_DETAIL_HOT, i->hot);
		api_put_t(msg, DYNMEM_DETAIL_ACTIVE, i->active);
		api_put_t(msg, DYNMEM_DETAIL_ROOM, i->room);
		api_put_t(msg, DYNMEM_DETAIL_LACKING, i->lacking);
		api_put_t(msg, DYNMEM_DETAIL_LEARNED, i->learned);
	}
	if (!g->decided)
		return;
	api_put_t(msg, DYNMEM_DETAIL_WANTED, g->decision.wanted);
	api_put_t(msg, DYNMEM_DETAIL_GRANTED, g->decision.target);
}

static void fill_harm(sd_bus_message *msg, const struct policy_guest_info *i)
{
	if (i->pressed)
		api_put_s(msg, DYNMEM_DETAIL_PRESSED_BY, policy_pressed_render(i->pressed));
	if (i->backoff)
		put_age(msg, DYNMEM_DETAIL_BACKOFF, i->backoff);
	api_put_t(msg, DYNMEM_DETAIL_HARMS, i->harms);
	if (!i->harm_size)
		return;
	api_put_s(msg, DYNMEM_DETAIL_HARM_BY, policy_pressed_render(i->harm_by));
	api_put_t(msg, DYNMEM_DETAIL_HARM_SIZE, i->harm_size);
	put_age(msg, DYNMEM_DETAIL_HARM_AGE, i->harm_age);
}

/*
 * Whose bytes it waits for
 */

struct wait {
	const char *guest;
	uint64_t bytes;
	bool moves;
};

static int by_bytes(const void *pa, const void *pb)
{
	const struct wait *a = pa, *b = pb;

	return a->bytes < b->bytes ? 1 : a->bytes > b->bytes ? -1 : 0;
}

/* The least of those that are kept gives way. */
static void keep(struct wait *all, size_t *n, struct wait w)
{
	if (!w.bytes)
		return;
	if (*n < WAITS_MAX)
		all[(*n)++] = w;
	else if (w.bytes > all[WAITS_MAX - 1].bytes)
		all[WAITS_MAX - 1] = w;
	qsort(all, *n, sizeof(*all), by_bytes);
}

static size_t find_waits(const struct manager *m, const struct guest *self, struct wait *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < manager_guest_count(m); i++) {
		const struct guest *g = manager_guest(m, i);
		struct policy_guest_info info;
		uint64_t moves;

		if (g == self ||
		    policy_guest_info(manager_policy(m), g->handle, manager_now(m), &info) < 0)
			continue;
		moves = over(info.actual, info.target);
		keep(ret, &n, (struct wait){ g->name, moves, true });
		if (!moves)
			keep(ret, &n,
			     (struct wait){ g->name, over(info.target, info.entitled), false });
	}
	return n;
}

static void fill_wait(sd_bus_message *msg, const struct wait *w)
{
	sd_bus_message_open_container(msg, SD_BUS_TYPE_ARRAY, "{sv}");
	api_put_s(msg, DYNMEM_WAIT_GUEST, w->guest);
	api_put_t(msg, DYNMEM_WAIT_BYTES, w->bytes);
	sd_bus_message_append(msg, "{sv}", DYNMEM_WAIT_MOVES, "b", w->moves);
	sd_bus_message_close_container(msg);
}

static void fill_waits(sd_bus_message *msg, const struct manager *m, const struct guest *g)
{
	struct wait all[WAITS_MAX];
	size_t n;

	if (!g->decided || g->decision.reason != POLICY_REASON_WAIT_BYTES)
		return;
	n = find_waits(m, g, all);
	sd_bus_message_open_container(msg, SD_BUS_TYPE_DICT_ENTRY, "sv");
	sd_bus_message_append(msg, "s", DYNMEM_DETAIL_WAITS_FOR);
	sd_bus_message_open_container(msg, SD_BUS_TYPE_VARIANT, "aa{sv}");
	sd_bus_message_open_container(msg, SD_BUS_TYPE_ARRAY, "a{sv}");
	for (size_t i = 0; i < n; i++)
		fill_wait(msg, &all[i]);
	sd_bus_message_close_container(msg);
	sd_bus_message_close_container(msg);
	sd_bus_message_close_container(msg);
}

void api_fill_detail(sd_bus_message *msg, struct manager *m, const struct guest *g,
		     const struct policy_guest_info *i)
{
	fill_settings(msg, m, g);
	fill_record(msg, m, g);
	put_age(msg, DYNMEM_DETAIL_ACTUAL_AGE, i->actual_age);
	if (g->poll_period)
		put_age(msg, DYNMEM_DETAIL_POLL_PERIOD, g->poll_period);
	fill_steps(msg, g, i);
	fill_harm(msg, i);
	fill_waits(msg, m, g);
}
