// SPDX-License-Identifier: GPL-2.0
/* Changes of settings at run time, and their end. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/journal_ids.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

#define BYTES_MAX 32

/*
 * Those that are over
 */

/* Returns when the next one is over, seconds since the epoch; 0: none. */
static uint64_t next_end(const struct manager *m)
{
	uint64_t next = 0;

	for (size_t i = 0; i < m->state.n_set; i++)
		for (unsigned int k = 0; k < SETTING_COUNT; k++) {
			const struct setting *s = &m->state.set[i].of[k];

			if (s->at && s->until && (!next || s->until < next))
				next = s->until;
		}
	return next;
}

static void arm(struct manager *m)
{
	uint64_t next = next_end(m);

	sd_event_source_set_enabled(m->settings_end, next ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (next)
		sd_event_source_set_time(m->settings_end,
					 MIN(next, UINT64_MAX / USEC_PER_SEC) * USEC_PER_SEC);
}

static bool drop_ended(struct settings *set)
{
	bool any = false;

	for (unsigned int k = 0; k < SETTING_COUNT; k++) {
		struct setting *s = &set->of[k];

		if (s->at && !setting_holds(s)) {
			log_event(LOG_NOTICE, JOURNAL_ID_SETTING, set->name,
				  "%s of run time is over", manager_setting_name(k));
			*s = (struct setting){ 0 };
		}
		any |= s->at != 0;
	}
	return any;
}

static struct guest *find(const struct manager *m, const char *name)
{
	for (size_t i = 0; i < m->n_guests; i++)
		if (!strcmp(m->guests[i]->name, name))
			return m->guests[i];
	return NULL;
}

/* Also what ended while no daemon ran. */
static void end_settings(struct manager *m)
{
	for (size_t i = m->state.n_set; i-- > 0;) {
		struct guest *g = find(m, m->state.set[i].name);

		if (!drop_ended(&m->state.set[i]))
			state_forget_settings(&m->state, i);
		if (g)
			manager_guest_own(g);
	}
	arm(m);
}

static int on_end(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	end_settings(userdata);
	remember_now(userdata);
	return 0;
}

int settings_init(struct manager *m)
{
	int r = sd_event_add_time(m->event, &m->settings_end, CLOCK_REALTIME, 0, USEC_PER_SEC,
				  on_end, m);

	if (r >= 0)
		r = sd_event_source_set_priority(m->settings_end, PRIORITY_API);
	if (r < 0)
		return r;
	end_settings(m);
	return 0;
}

void settings_free(struct manager *m)
{
	sd_event_source_disable_unref(m->settings_end);
}

/*
 * New ones
 */

static int _printf_(2, 3) refuse(char ret[MANAGER_SENTENCE_MAX], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(ret, MANAGER_SENTENCE_MAX, format, ap);
	va_end(ap);
	return -EINVAL;
}

static int parse_size(struct setting *s, enum guest_setting setting, const char *value,
		      char ret[MANAGER_SENTENCE_MAX])
{
	struct size size;
	int r = setting == SETTING_MAX ? config_parse_max(&size, value)
				       : config_parse_min(&size, value);

	if (r == 0 && size.value > POLICY_HOST_BYTES_MAX)
		r = -ERANGE;
	if (r < 0)
		return refuse(ret, "%s %.60s: %s; allowed: " SIZE_SYNTAX " of %s",
			      manager_setting_name(setting), value, size_error(r),
			      setting == SETTING_MAX ? "the guest's memory, above 0" : "max");
	s->value = size.value;
	s->relative = size.relative;
	return 0;
}

static int parse(struct setting *s, enum guest_setting setting, const char *value,
		 char ret[MANAGER_SENTENCE_MAX])
{
	unsigned int shares;

	switch (setting) {
	case SETTING_SHARES:
		if (config_parse_shares(&shares, value) < 0)
			return refuse(ret, "shares %.60s: not valid; allowed: %s", value,
				      CONFIG_SHARES_SYNTAX);
		s->value = shares;
		return 0;
	case SETTING_HOLD:
		if (strcmp(value, "yes") != 0)
			return refuse(ret, "hold %.60s: not valid; allowed: yes, default", value);
		s->value = 1;
		return 0;
	default:
		return parse_size(s, setting, value, ret);
	}
}

static int setting_of(const char *key, char ret[MANAGER_SENTENCE_MAX])
{
	for (int k = 0; k < SETTING_COUNT; k++)
		if (!strcmp(manager_setting_name(k), key))
			return k;
	return refuse(ret, "%.60s: no setting; allowed: min, max, shares, hold", key);
}

/* As it would be for the guest, if it is there. */
static int check(const struct manager *m, const struct guest *g, enum guest_setting setting,
		 const struct setting *s, char ret[MANAGER_SENTENCE_MAX])
{
	struct guest_rule rule = settings_rule(m, g->name);
	char min[BYTES_MAX], max[BYTES_MAX];
	struct guest_limits l;
	struct size size = setting_size(s->at ? s : NULL);

	if (setting == SETTING_MIN)
		rule.min = size;
	else if (setting == SETTING_MAX)
		rule.max = size;
	else
		return 0;
	l = config_guest(m->config, g->title, g->alias, g->memory, &g->own, &rule);
	if (!l.clamped)
		return 0;
	policy_bytes_render((int64_t)size_resolve(&size, g->memory), min, sizeof(min));
	policy_bytes_render((int64_t)l.max, max, sizeof(max));
	if (setting == SETTING_MIN && s->at)
		return refuse(ret, "a min of %s is above its max of %s; set max first", min, max);
	return refuse(ret, "a max of %s would be below its min; set min first", max);
}

static void describe_until(const struct setting *s, char buf[64])
{
	time_t until = (time_t)s->until;
	struct tm tm;

	*buf = 0;
	if (s->at && s->until && localtime_r(&until, &tm))
		strftime(buf, 64, " until %Y-%m-%d %H:%M:%S", &tm);
}

static void describe(const struct guest *g, enum guest_setting setting, const struct setting *s,
		     char ret[MANAGER_SENTENCE_MAX])
{
	char is[BYTES_MAX], until[64];
	const char *origin = s->at ? "" : ", as configured";

	describe_until(s, until);
	if (setting == SETTING_HOLD) {
		policy_bytes_render((int64_t)g->target, is, sizeof(is));
		if (s->at)
			snprintf(ret, MANAGER_SENTENCE_MAX, "it is left at %s%s", is, until);
		else
			snprintf(ret, MANAGER_SENTENCE_MAX, "it is %s",
				 g->observed ? "released, but only observed" : "managed again");
		return;
	}
	if (setting == SETTING_SHARES) {
		snprintf(ret, MANAGER_SENTENCE_MAX, "it has %u shares%s%s", g->limits.shares, until,
			 origin);
		return;
	}
	policy_bytes_render((int64_t)(setting == SETTING_MIN ? g->limits.min : g->limits.max), is,
			    sizeof(is));
	snprintf(ret, MANAGER_SENTENCE_MAX, "its %s is %s%s%s", manager_setting_name(setting), is,
		 until, origin);
}

static void store(struct manager *m, const char *name, enum guest_setting setting,
		  const struct setting *s)
{
	struct settings *set = state_find_settings(&m->state, name);

	if (!set)
		return;
	set->of[setting] = *s;
	if (!drop_ended(set))
		state_forget_settings(&m->state, (size_t)(set - m->state.set));
}

static int set_gone(struct manager *m, const char *name, enum guest_setting setting,
		    const struct setting *s, char ret[MANAGER_SENTENCE_MAX])
{
	if (!manager_setting(m, name, setting) || s->at)
		return -ENOENT;
	snprintf(ret, MANAGER_SENTENCE_MAX, "it is not there; its %s is as configured again",
		 manager_setting_name(setting));
	store(m, name, setting, s);
	return 0;
}

int manager_set(struct manager *m, const char *name, const char *key, const char *value,
		uint64_t seconds, char ret[MANAGER_SENTENCE_MAX])
{
	struct guest *g = find(m, name);
	struct setting s = { 0 };
	int setting = setting_of(key, ret), r = setting;

	if (r >= 0 && strcmp(value, "default") != 0) {
		s.at = (uint64_t)time(NULL);
		s.until = seconds ? s.at + MIN(seconds, UINT64_MAX / 2) : 0;
		r = parse(&s, setting, value, ret);
	}
	if (r >= 0 && g)
		r = check(m, g, setting, &s, ret);
	if (r < 0)
		return r;
	if (!g) {
		r = set_gone(m, name, setting, &s, ret);
		if (r < 0)
			return r;
	} else {
		if (s.at && !state_find_settings(&m->state, name) &&
		    !state_add_settings(&m->state, name))
			return -ENOSPC;
		store(m, name, setting, &s);
		manager_guest_own(g);
		describe(g, setting, &s, ret);
	}
	log_event(LOG_NOTICE, JOURNAL_ID_SETTING, name, "set at run time: %s", ret);
	arm(m);
	remember_now(m);
	return 0;
}
