// SPDX-License-Identifier: GPL-2.0
/* The only place where a tunable's default and its reason are written. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine.h"

#define ROW(field, u, d, lo, hi, why)                                                       \
	{                                                                                   \
		.name = #field, .unit = POLICY_UNIT_##u,                                    \
		.offset = offsetof(struct policy_tunables, field), .def = (d), .min = (lo), \
		.max = (hi), .reason = (why),                                               \
	}
#define S    (1e9)
#define MIN  (60e9)
#define HOUR (3600e9)
#define DAY  (86400e9)
#define TIB  (1024.0 * (double)GIB)

const struct policy_tunable policy_tunable_table[] = {
	/* host */
	ROW(level_low, RATIO, 4, 0, 100,
	    "low below 4 x minfree, as ESX; background shrinking starts before anything hurts; 0 turns a level off"),
	ROW(level_medium, RATIO, 2, 0, 100,
	    "medium below 2 x minfree: half of the way from low to reclaim is used up"),
	ROW(level_critical, RATIO, 1, 0, 100,
	    "critical below minfree: kswapd works, direct reclaim is next"),
	ROW(level_hold, NS, 10 * S, 0, HOUR,
	    "a level is left only after 10 s: longer than one round of statistics and balloon"),
	ROW(reserve_factor, RATIO, 4, 1, 100,
	    "kept free: 4 x minfree, so that level none is where the budget balances"),
	ROW(reserve_share, RATIO, 0.08, 0, 0.5,
	    "but no more than 8 % of the host: the sliding scale asks a quarter of a host below 4 GiB"),
	ROW(reserve_factor_min, RATIO, 2, 1, 100,
	    "and at least 2 x minfree: the budget must balance above medium"),
	ROW(reserve_pressed, RATIO, 1.25, 1, 100,
	    "guests under pressure may grow into the reserve down to 1.25 x minfree, where level critical is left: it is there for them, the last minfree is not"),
	ROW(arc_credit, RATIO, 0.8, 0, 1,
	    "ZFS gives its cache back slowly: a fifth of it is not counted"),
	/* exposure */
	ROW(hold_rate, RATE, 2.0 * (double)GIB, 1.0 * (double)MIB, TIB,
	    "how fast guests call memory in before it was ever measured: one busy guest's memset"),
	ROW(hold_time, NS, 3 * S, 0.1 * S, 60 * S,
	    "from the first byte called in until a balloon elsewhere has freed one, with statistics a second old"),
	ROW(hold_cap, RATIO, 0.1, 0, 1,
	    "rate x time of all guests is capped at a tenth of the host: what comes faster goes to swap for the seconds a balloon needs"),
	ROW(hold_cap_noswap, RATIO, 0.25, 0, 1,
	    "a quarter where there is no swap: nothing else catches it"),
	ROW(process_overhead, BYTES, 32.0 * (double)MIB, 0, 16.0 * (double)GIB,
	    "of a QEMU process's RSS that is not guest memory; measured on QEMU 7.2 without a display"),
	/* demand */
	ROW(room_min, BYTES, 256.0 * (double)MIB, 0, TIB,
	    "room to grow until the next decision: a package update or a page-cache burst of a second"),
	ROW(room_min_share, RATIO, 0.125, 0, 1,
	    "but no more than an eighth of the guest's max: small guests take small steps"),
	ROW(room_max_share, RATIO, 0.5, 0, 1,
	    "learned growth counts up to half of what is used: a guest that is seen to jump needs room for what it grows by while a balloon elsewhere works; Hyper-V's 20 % were too little on the traces"),
	ROW(floor_slack, BYTES, 128.0 * (double)MIB, 0, TIB,
	    "below used + 128 MiB a Linux guest reclaims its executables"),
	ROW(floor_slack_share, RATIO, 0.0625, 0, 1,
	    "but no more than a sixteenth of the guest's max"),
	ROW(press_step, RATIO, 0.25, 0.001, 1,
	    "a sample under pressure adds a quarter of what the guest needs, but no more than a GiB, or than it was found to lack so far"),
	ROW(press_half_life, NS, 5 * MIN, S, DAY,
	    "pressure is forgotten by half in 5 minutes: longer than a job's phases"),
	ROW(debt_life, NS, HOUR, MIN, 30 * DAY,
	    "what a guest has swapped out counts as used for an hour, or squeezing would lower the demand it caused"),
	ROW(hot_window, NS, 60 * S, S, HOUR,
	    "page cache read again within a minute is worth its memory (five-minute rule at SSD prices)"),
	/* entitlement and moves */
	ROW(tax, RATIO, 0.75, 0, 0.99,
	    "the idle-memory tax of ESX: an idle page costs four times an active one"),
	ROW(shrink_none, RATIO, 0.01, 0, 1,
	    "level none: 1 % a second, as Senpai's probes: never felt"),
	ROW(shrink_low, RATIO, 0.05, 0, 1,
	    "level low: 5 % a second, as MoM's step but each second"),
	ROW(shrink_medium, RATIO, 0.25, 0, 1,
	    "level medium: 25 % a second, what virtio-balloon manages on a guest of 4 GiB"),
	ROW(dead_band, BYTES, 16.0 * (double)MIB, 0, 64.0 * (double)GIB,
	    "smaller differences are noise of the statistics"),
	ROW(dead_band_share, RATIO, 0.005, 0, 0.5, "nor less than 0.5 % of the guest's max"),
	ROW(reversal, NS, 30 * S, 0, HOUR,
	    "no move in the other direction for 30 s, unless somebody is pressed"),
	/* harm */
	ROW(harm_window, NS, 60 * S, S, HOUR,
	    "pressure within a minute of a shrink is put down to it"),
	ROW(backoff_min, NS, 30 * S, S, DAY, "first back-off after a shrink that did harm"),
	ROW(harm_limit, COUNT, 3, 1, 100,
	    "harmed so often within harm_period: left at its last good size, with an alert"),
	ROW(harm_period, NS, HOUR, MIN, 30 * DAY, "over which harm is counted"),
	/* time */
	ROW(poll, NS, 1 * S, 0.05 * S, HOUR, "QEMU's own resolution of last-update is a second"),
	ROW(fresh, NS, 5 * S, 0.1 * S, HOUR, "no shrink on a sample older than this"),
	ROW(late, NS, 3 * S, 0.1 * S, HOUR,
	    "three rounds without an answer from a busy guest mean that it thrashes"),
	ROW(silent, NS, 30 * S, S, DAY,
	    "without an answer and idle so long: no statistics to be had"),
	ROW(stuck, NS, 5 * S, 0.5 * S, HOUR,
	    "a balloon without progress for 5 s is stuck, as Xen's squeezed has it"),
	/* emergency */
	ROW(emergency_wait, NS, 0.25 * S, 0.01 * S, 60 * S,
	    "a balloon frees 0.95 GiB/s: after 250 ms it shows whether a burst works"),
	/* the gate */
	ROW(take_share, RATIO, 0.25, 0.01, 1,
	    "of the host at the most is taken from guests within a minute, whatever was decided: a virtio-balloon moves 0.95 GiB/s, so an emergency that needs more than a quarter of the host in a minute is one that swap or a reservation has to meet, and a mistake that takes as much leaves time to be seen"),
	ROW(max_guests_at_once, COUNT, 16, 1, 65536,
	    "are shrunk within a second unless the host is critical: a mistake meets a few guests first, not all"),
	/* enforcement */
	ROW(enforce, COUNT, 0, 0, 1,
	    "1 sets memory.high on guests' cgroups; off, since too low a value stalls QEMU itself"),
	ROW(enforce_slack, BYTES, 256.0 * (double)MIB, 0, TIB,
	    "memory.high = target + process overhead + at least this"),
	/* KSM */
	ROW(ksm_scan_time, NS, 1200 * S, S, DAY,
	    "level none: a full scan in 20 minutes keeps what is merged, at little cost"),
	ROW(ksm_scan_time_low, NS, 200 * S, S, DAY,
	    "level low, after the first full scans: the kernel advisor's target_scan_time"),
	ROW(ksm_scan_time_medium, NS, S, S, DAY,
	    "level medium and above, and the first scans at level low: as fast as ksm_cpu allows"),
	ROW(ksm_cpu, RATIO, 0.7, 0.01, 1,
	    "of one CPU at the most, the kernel advisor's advisor_max_cpu"),
	ROW(ksm_cpu_idle, RATIO, 0.005, 0.0001, 1,
	    "of one CPU at the least, so that new memory is found where little is known yet"),
};

const size_t policy_tunable_count = sizeof(policy_tunable_table) / sizeof(policy_tunable_table[0]);

const char *policy_unit_name(enum policy_unit unit)
{
	switch (unit) {
	case POLICY_UNIT_BYTES:
		return "bytes";
	case POLICY_UNIT_NS:
		return "ns";
	case POLICY_UNIT_RATE:
		return "bytes/s";
	case POLICY_UNIT_COUNT:
		return "count";
	case POLICY_UNIT_RATIO:
		return "ratio";
	}
	return "?";
}

const struct policy_tunable *policy_tunable_find(const char *name)
{
	for (size_t i = 0; i < policy_tunable_count; i++)
		if (!strcmp(policy_tunable_table[i].name, name))
			return &policy_tunable_table[i];
	return NULL;
}

double policy_tunable_get(const struct policy_tunables *t, const struct policy_tunable *row)
{
	const char *field = (const char *)t + row->offset;

	if (row->unit == POLICY_UNIT_RATIO)
		return *(const double *)field;
	return (double)*(const u64 *)field;
}

int policy_tunable_set(struct policy_tunables *t, const struct policy_tunable *row, double value)
{
	char *field = (char *)t + row->offset;

	/* Written so that a NaN is refused too. */
	if (!(value >= row->min && value <= row->max))
		return -ERANGE;

	if (row->unit == POLICY_UNIT_RATIO)
		*(double *)field = value;
	else
		*(u64 *)field = (u64)llround(value);
	return 0;
}

void policy_tunables_init(struct policy_tunables *t)
{
	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < policy_tunable_count; i++)
		policy_tunable_set(t, &policy_tunable_table[i], policy_tunable_table[i].def);
}

int policy_tunables_check(const struct policy_tunables *t, const char **ret_why)
{
	static const struct {
		const char *smaller, *larger;
		const char *why;
	} order[] = {
#define ORDER(a, b) { #a, #b, #a " must not be larger than " #b }
		ORDER(level_critical, level_medium),
		ORDER(level_medium, level_low),
		ORDER(level_critical, reserve_pressed),
		ORDER(reserve_pressed, reserve_factor_min),
		ORDER(reserve_factor_min, reserve_factor),
		ORDER(hold_cap, hold_cap_noswap),
		ORDER(shrink_none, shrink_low),
		ORDER(shrink_low, shrink_medium),
		ORDER(late, silent),
#undef ORDER
	};
	const struct policy_tunable *row;

	for (size_t i = 0; i < policy_tunable_count; i++) {
		row = &policy_tunable_table[i];
		double v = policy_tunable_get(t, row);

		if (!(v >= row->min && v <= row->max)) {
			*ret_why = row->name;
			return -ERANGE;
		}
	}

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		double smaller = policy_tunable_get(t, policy_tunable_find(order[i].smaller));
		double larger = policy_tunable_get(t, policy_tunable_find(order[i].larger));

		if (smaller > larger) {
			*ret_why = order[i].why;
			return -ERANGE;
		}
	}
	return 0;
}
