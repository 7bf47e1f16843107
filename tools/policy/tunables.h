/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policy's tunables, and the table that describes them; part of policy.h.
 */
#ifndef DYNMEM_POLICY_TUNABLES_H
#define DYNMEM_POLICY_TUNABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_unit {
	POLICY_UNIT_BYTES, /* field is uint64_t */
	POLICY_UNIT_NS,	   /* field is uint64_t */
	POLICY_UNIT_RATE,  /* bytes per second, field is uint64_t */
	POLICY_UNIT_COUNT, /* field is uint64_t */
	POLICY_UNIT_RATIO, /* field is double */
};

/**
 * struct policy_tunables - every number of the policy that is a choice
 *
 * The table policy_tunable_table says for each field its unit, default, range
 * and the reason for the default; it is the only description there is.
 */
struct policy_tunables {
	/* host */
	double level_low, level_medium, level_critical;
	uint64_t level_hold;
	double reserve_factor, reserve_factor_min, reserve_share;
	double reserve_pressed;
	double arc_credit;
	/* exposure */
	uint64_t hold_rate, hold_time;
	double hold_cap, hold_cap_noswap;
	uint64_t process_overhead;
	/* demand of a guest */
	uint64_t room_min;
	double room_min_share, room_max_share;
	uint64_t floor_slack;
	double floor_slack_share;
	double press_step;
	uint64_t press_half_life;
	uint64_t debt_life;
	uint64_t hot_window;
	/* entitlement and moves */
	double tax;
	double shrink_none, shrink_low, shrink_medium;
	uint64_t dead_band;
	double dead_band_share;
	uint64_t reversal;
	/* harm */
	uint64_t harm_window;
	uint64_t backoff_min;
	uint64_t harm_limit, harm_period;
	/* time */
	uint64_t poll;
	uint64_t fresh;
	uint64_t late;
	uint64_t silent;
	uint64_t stuck;
	/* emergency, and the gate before every write */
	uint64_t emergency_wait;
	double take_share;
	uint64_t max_guests_at_once;
	/* silent guests */
	uint64_t enforce;
	uint64_t enforce_slack;
	/* KSM */
	uint64_t ksm_scan_time, ksm_scan_time_low, ksm_scan_time_medium;
	double ksm_cpu, ksm_cpu_idle;
};

/**
 * struct policy_tunable - one row of the table
 * @name: as in the configuration file
 * @unit: of @def, @min, @max, and the type of the field
 * @offset: of the field in struct policy_tunables
 * @def: default
 * @min: smallest allowed value
 * @max: largest allowed value
 * @reason: why the default is what it is, for the documentation
 */
struct policy_tunable {
	const char *name;
	enum policy_unit unit;
	size_t offset;
	double def, min, max;
	const char *reason;
};

extern const struct policy_tunable policy_tunable_table[];
extern const size_t policy_tunable_count;

/** policy_tunables_init() - every field to its default */
void policy_tunables_init(struct policy_tunables *t);

/** policy_tunable_find() - the row called @name, or NULL */
const struct policy_tunable *policy_tunable_find(const char *name);

/** policy_tunable_get() - the value of one row as a double (exact below 2^53)
 */
double policy_tunable_get(const struct policy_tunables *t, const struct policy_tunable *row);

/**
 * policy_tunable_set() - set one row
 * Return: 0, or -ERANGE when @value is not within the row's min and max (or is
 * not a number).
 */
int policy_tunable_set(struct policy_tunables *t, const struct policy_tunable *row, double value);

/**
 * policy_tunables_check() - all rows within range, and the rows in order
 * @ret_why: static text: the name of the row that is out of range, or a
 *	sentence about two rows in the wrong order
 *
 * Return: 0 or -ERANGE.
 */
int policy_tunables_check(const struct policy_tunables *t, const char **ret_why);

/** policy_unit_name() - "bytes", "ns", "bytes/s", "count", "ratio" */
const char *policy_unit_name(enum policy_unit unit);

/* All fields have eight bytes, and a row each. */
#define POLICY_TUNABLES (sizeof(struct policy_tunables) / sizeof(uint64_t))

enum policy_profile {
	POLICY_PROFILE_BALANCED, /* the default */
	POLICY_PROFILE_CAUTIOUS,
	POLICY_PROFILE_DENSE,
	POLICY_PROFILES,
};

const char *policy_profile_name(enum policy_profile profile);

/** policy_profile_find() - by name. Return: an enum policy_profile or -ENOENT */
int policy_profile_find(const char *name);

/** policy_profile_value() - of one tunable; its default if the profile has no other */
double policy_profile_value(enum policy_profile profile, const struct policy_tunable *row);

/**
 * policy_profile_apply() - set all tunables to a profile's values
 * @given: those that are left as they are, in the table's order; NULL: none is
 */
void policy_profile_apply(struct policy_tunables *t, enum policy_profile profile,
			  const bool given[POLICY_TUNABLES]);

#endif /* DYNMEM_POLICY_TUNABLES_H */
