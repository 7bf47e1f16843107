// SPDX-License-Identifier: GPL-2.0
/* Names of enumerators, and reasons as sentences. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

#define TEXT 32

static const char *name_of(const char *const *name, size_t count, size_t i)
{
	return i < count && name[i] ? name[i] : "unknown";
}

#define NAME(array, i) name_of(array, sizeof(array) / sizeof((array)[0]), i)

const char *policy_level_name(enum policy_level level)
{
	static const char *const name[] = {
		[POLICY_LEVEL_NONE] = "none",
		[POLICY_LEVEL_LOW] = "low",
		[POLICY_LEVEL_MEDIUM] = "medium",
		[POLICY_LEVEL_CRITICAL] = "critical",
	};

	return NAME(name, level);
}

const char *policy_class_name(enum policy_class class)
{
	static const char *const name[] = {
		[POLICY_CLASS_STARTING] = "starting",	  [POLICY_CLASS_REPORTING] = "reporting",
		[POLICY_CLASS_SILENT] = "silent",	  [POLICY_CLASS_STUCK] = "stuck",
		[POLICY_CLASS_PINNED] = "pinned",	  [POLICY_CLASS_FROZEN] = "frozen",
		[POLICY_CLASS_PAUSED] = "paused",	  [POLICY_CLASS_REBOOTING] = "rebooting",
		[POLICY_CLASS_NO_BALLOON] = "no-balloon", [POLICY_CLASS_RIVAL] = "rival",
		[POLICY_CLASS_UNMANAGED] = "unmanaged",
	};

	return NAME(name, class);
}

const char *policy_tier_name(enum policy_tier tier)
{
	static const char *const name[] = {
		[POLICY_TIER_MAX] = "max",	   [POLICY_TIER_DEMAND] = "demand",
		[POLICY_TIER_PRESSED] = "pressed", [POLICY_TIER_FLOOR] = "floor",
		[POLICY_TIER_MIN] = "min",	   [POLICY_TIER_NONE] = "none",
	};

	return NAME(name, tier);
}

const char *policy_plan_class_name(enum policy_plan_class class)
{
	static const char *const name[] = {
		[POLICY_PLAN_FREE] = "free",
		[POLICY_PLAN_CACHE] = "cache",
		[POLICY_PLAN_EXCESS] = "excess",
		[POLICY_PLAN_MIN] = "min",
	};

	return NAME(name, class);
}

const char *policy_reason_name(enum policy_reason reason)
{
	static const char *const name[] = {
		[POLICY_REASON_SETTLED] = "settled",
		[POLICY_REASON_AT_MAX] = "at-max",
		[POLICY_REASON_DEAD_BAND] = "dead-band",
		[POLICY_REASON_NO_NEED] = "no-need",
		[POLICY_REASON_WAIT_BYTES] = "wait-bytes",
		[POLICY_REASON_WAIT_RATE] = "wait-rate",
		[POLICY_REASON_HELD_STALE] = "held-stale",
		[POLICY_REASON_HELD_PRESSED] = "held-pressed",
		[POLICY_REASON_HELD_REVERSAL] = "held-reversal",
		[POLICY_REASON_HELD_BACKOFF] = "held-backoff",
		[POLICY_REASON_HELD_HARM] = "held-harm",
		[POLICY_REASON_HELD_YIELD] = "held-yield",
		[POLICY_REASON_HELD_BOOT] = "held-boot",
		[POLICY_REASON_HELD_BALLOON] = "held-balloon",
		[POLICY_REASON_CLASS] = "class",
		[POLICY_REASON_CRITICAL_WAIT] = "critical-wait",
		[POLICY_REASON_GROW_PRESSED] = "grow-pressed",
		[POLICY_REASON_GROW_DEMAND] = "grow-demand",
		[POLICY_REASON_GROW_SHARE] = "grow-share",
		[POLICY_REASON_GROW_UNDO] = "grow-undo",
		[POLICY_REASON_GROW_DRAIN] = "grow-drain",
		[POLICY_REASON_SHRINK_HOST] = "shrink-host",
		[POLICY_REASON_SHRINK_LEND] = "shrink-lend",
		[POLICY_REASON_SHRINK_RESERVE] = "shrink-reserve",
		[POLICY_REASON_SHRINK_CRITICAL] = "shrink-critical",
		[POLICY_REASON_RANGE] = "range",
		[POLICY_REASON_STUCK] = "stuck",
	};

	return NAME(name, reason);
}

int policy_bytes_render(s64 bytes, char *buf, size_t size)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double x = bytes < 0 ? -(double)bytes : (double)bytes;
	unsigned int i = 0;

	while (x >= 1024 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		x /= 1024;
		i++;
	}
	return snprintf(buf, size, "%s%.*f %s", bytes < 0 ? "-" : "", i >= 3 && x < 100 ? 1 : 0, x,
			unit[i]);
}

int policy_number_render(double x, char *buf, size_t size)
{
	int length = 0;

	if (x == nearbyint(x) && fabs(x) < 1e15) /* "1000", not "1e+03" */
		return snprintf(buf, size, "%.0f", x);
	for (int digits = 1; digits <= 17; digits++) {
		length = snprintf(buf, size, "%.*g", digits, x);
		if (length >= (int)size || strtod(buf, NULL) == x)
			break;
	}
	return length;
}

const char *policy_pressed_render(u32 pressed)
{
	if (pressed & POLICY_PRESSED_OOM)
		return "it killed a process for lack of memory";
	if (pressed & POLICY_PRESSED_STALL)
		return "its allocations stall";
	if (pressed & POLICY_PRESSED_REFAULT)
		return "it swaps in or faults more than usual";
	if (pressed & POLICY_PRESSED_LATE)
		return "it is busy and answers no more";
	if (pressed & POLICY_PRESSED_TIGHT)
		return "next to nothing is available in it";
	return "it has less than its floor, or was under pressure lately";
}

static const char *class_sentence(enum policy_class class)
{
	switch (class) {
	case POLICY_CLASS_STARTING:
		return "it starts and has not reported yet";
	case POLICY_CLASS_SILENT:
		return "it gives no statistics: check its balloon driver or service";
	case POLICY_CLASS_STUCK:
		return "its balloon does not move";
	case POLICY_CLASS_PINNED:
		return "its memory is pinned, a balloon frees nothing";
	case POLICY_CLASS_FROZEN:
		return "it migrates";
	case POLICY_CLASS_PAUSED:
		return "it is paused";
	case POLICY_CLASS_REBOOTING:
		return "it reboots";
	case POLICY_CLASS_NO_BALLOON:
		return "it has no balloon";
	case POLICY_CLASS_RIVAL:
		return "somebody else moves its balloon";
	case POLICY_CLASS_UNMANAGED:
		return "it is not to be managed";
	default:
		return "it is left alone";
	}
}

/* Numbers of a decision as words. */
struct words {
	char by[TEXT], target[TEXT], wanted[TEXT], entitled[TEXT];
	char arg0[TEXT], arg1[TEXT], arg2[TEXT];
};

static void words_of(const struct policy_decision *d, struct words *w)
{
	policy_bytes_render((s64)distance(d->target, d->from), w->by, TEXT);
	policy_bytes_render((s64)d->target, w->target, TEXT);
	policy_bytes_render((s64)d->wanted, w->wanted, TEXT);
	policy_bytes_render((s64)d->entitled, w->entitled, TEXT);
	policy_bytes_render(d->arg[0], w->arg0, TEXT);
	policy_bytes_render(d->arg[1], w->arg1, TEXT);
	policy_bytes_render(d->arg[2], w->arg2, TEXT);
}

static const char *move_sentence(const struct policy_decision *d)
{
	switch (d->reason) {
	case POLICY_REASON_GROW_PRESSED:
		return policy_pressed_render(d->pressed);
	case POLICY_REASON_GROW_DEMAND:
		return "it has less than it needs";
	case POLICY_REASON_GROW_SHARE:
		return d->class == POLICY_CLASS_PINNED ? class_sentence(d->class)
						       : "its share of memory that nobody needs";
	case POLICY_REASON_GROW_UNDO:
		return "the last shrink did harm and is taken back";
	case POLICY_REASON_GROW_DRAIN:
		return "memory is given back before dynmem leaves";
	case POLICY_REASON_SHRINK_HOST:
		return "the host lacks memory";
	case POLICY_REASON_SHRINK_LEND:
		return "others have less than their due";
	case POLICY_REASON_SHRINK_RESERVE:
		return "another guest is about to start";
	case POLICY_REASON_SHRINK_CRITICAL:
		return "the host is about to run out of memory";
	default:
		return NULL;
	}
}

static int render_rest(const struct policy_decision *d, const struct words *w, char *buf,
		       size_t size)
{
	switch (d->reason) {
	case POLICY_REASON_SETTLED:
		return snprintf(buf, size, "stays at %s: it has what it is entitled to", w->target);
	case POLICY_REASON_AT_MAX:
		return snprintf(buf, size, "stays at its max of %s", w->target);
	case POLICY_REASON_DEAD_BAND:
		return snprintf(buf, size,
				"stays at %s: %s from its entitlement is not worth a command",
				w->target, w->arg0);
	case POLICY_REASON_NO_NEED:
		return snprintf(buf, size,
				"stays at %s: it has %s more than its due, but nobody needs it",
				w->target, w->arg0);
	case POLICY_REASON_WAIT_BYTES:
		if (d->arg[1] <= 0)
			return snprintf(
				buf, size,
				"stays at %s: it lacks %s, but no bytes exist for it above the reserve",
				w->target, w->arg0);
		return snprintf(
			buf, size,
			"stays at %s: it lacks %s; its part of the %s above the reserve, for %s that guests like it lack, is not worth a command",
			w->target, w->arg0, w->arg1, w->arg2);
	case POLICY_REASON_WAIT_RATE:
		return snprintf(
			buf, size,
			"stays at %s for now: %s above its entitlement, shrinking step by step",
			w->target, w->arg0);
	case POLICY_REASON_HELD_STALE:
		return snprintf(buf, size, "stays at %s: %s without fresh statistics", w->target,
				d->entitled > d->from ? "what it lacks is not known" : "no shrink");
	case POLICY_REASON_HELD_PRESSED:
		return snprintf(buf, size, "stays at %s: no shrink under pressure, %s", w->target,
				policy_pressed_render(d->pressed));
	case POLICY_REASON_HELD_REVERSAL:
		return snprintf(buf, size, "stays at %s: it has just moved the other way",
				w->target);
	case POLICY_REASON_HELD_BACKOFF:
		return snprintf(buf, size,
				"stays at %s: its last shrink did harm, the next waits %lld s",
				w->target, (long long)(d->arg[1] / (s64)SEC));
	case POLICY_REASON_HELD_HARM:
		return snprintf(buf, size,
				"stays at %s, its last good size: shrinking it did harm %lld times",
				w->target, (long long)d->arg[1]);
	case POLICY_REASON_HELD_YIELD:
		return snprintf(buf, size,
				"stays at %s: a balloon in it frees only %lld %% of its size",
				w->target, (long long)d->arg[1]);
	case POLICY_REASON_HELD_BOOT:
		return snprintf(buf, size, "stays at %s: no shrink while it boots", w->target);
	case POLICY_REASON_HELD_BALLOON:
		return snprintf(
			buf, size,
			"stays at %s: its balloon has still %s to go, and is not sent further",
			w->target, w->arg1);
	case POLICY_REASON_CRITICAL_WAIT:
		return snprintf(buf, size, "stays at %s: an emergency burst is under way",
				w->target);
	case POLICY_REASON_RANGE:
		if (d->target == d->from)
			return snprintf(
				buf, size,
				"stays at %s, outside its range of %s to %s: it is moved there step by step, on fresh statistics, as far as it needs no more",
				w->target, w->arg0, w->arg1);
		return snprintf(buf, size, "%s by %s to %s: on its way to its range of %s to %s",
				d->target < d->from ? "shrunk" : "grown", w->by, w->target, w->arg0,
				w->arg1);
	case POLICY_REASON_STUCK:
		if (d->target == d->from)
			return snprintf(buf, size,
					"sent to %s once more: its balloon stopped at %s",
					w->target, w->arg0);
		return snprintf(buf, size, "set to %s, where its balloon stopped", w->target);
	default:
		return snprintf(buf, size, "left at %s: %s", w->target, class_sentence(d->class));
	}
}

int policy_reason_render(const struct policy_decision *d, char *buf, size_t size)
{
	const char *why = move_sentence(d);
	struct words w;

	words_of(d, &w);
	if (!why)
		return render_rest(d, &w, buf, size);
	return snprintf(buf, size, "%s by %s to %s: %s; demand %s, entitled to %s",
			d->target < d->from ? "shrunk" : "grown", w.by, w.target, why, w.wanted,
			w.entitled);
}
