// SPDX-License-Identifier: GPL-2.0
/*
 * Settings that were made at run time: range, shares, and that a guest is left
 * as it is. They come before any rule of the configuration, and belong to the
 * guest's name, as what was learned about it.
 */
#include <time.h>

#include "dynmemd/core/manager_private.h"

static const char *const keys[SETTING_COUNT] = {
	[SETTING_MIN] = "min",
	[SETTING_MAX] = "max",
	[SETTING_SHARES] = "shares",
	[SETTING_HOLD] = "hold",
};

static const struct place run_time = { "run time", 0 };

const char *manager_setting_name(enum guest_setting setting)
{
	return keys[setting];
}

bool setting_holds(const struct setting *s)
{
	return s->at && (!s->until || s->until > (uint64_t)time(NULL));
}

const struct setting *manager_setting(const struct manager *m, const char *name,
				      enum guest_setting setting)
{
	const struct settings *set = state_find_settings(&m->state, name);

	return set && setting_holds(&set->of[setting]) ? &set->of[setting] : NULL;
}

struct size setting_size(const struct setting *s)
{
	return (struct size){ .set = s, .relative = s && s->relative, .value = s ? s->value : 0 };
}

struct guest_rule settings_rule(const struct manager *m, const char *name)
{
	const struct setting *shares = manager_setting(m, name, SETTING_SHARES);

	return (struct guest_rule){
		.min = setting_size(manager_setting(m, name, SETTING_MIN)),
		.max = setting_size(manager_setting(m, name, SETTING_MAX)),
		.shares = shares ? (unsigned int)shares->value : 0,
		.from = { run_time, run_time, run_time, run_time },
	};
}

bool settings_hold(const struct manager *m, const char *name)
{
	return manager_setting(m, name, SETTING_HOLD);
}
