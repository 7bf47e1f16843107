// SPDX-License-Identifier: GPL-2.0
/*
 * The settings: module parameters give their first values, config-set changes
 * them while the module runs.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/stringify.h>

#include "dynmem.h"

/* A threshold that the module computes from the size of memory. */
#define AUTO	U64_MAX

/*
 * Name in the contract, module parameter, range, default, unit. Why these
 * defaults:
 *
 * thresholds: ESX's sliding scale (Waldspurger, OSDI 2002), see minfree().
 * stall_*: 70 and 700 ms of a second are where Android's lmkd sees partial
 *	and complete stalls; 10 is a hundredth of a CPU.
 * window: what PSI's triggers are mostly used with.
 * hold: two windows.
 * min_interval: ten times what a balloon command takes to be written.
 * sample_*: a jiffy or some at the shortest; at the longest, what nobody sees
 *	in a profile.
 * fill_rate: one CPU faults in about 1 GiB/s; four of them.
 * refault_cost: a page from an SSD in a cluster of eight, or from zram.
 * ksm_interval: ksmd itself sleeps 20 ms between turns and a scan takes
 *	minutes.
 */
#define SETTINGS(X)							\
	X(THRESHOLD_LOW, threshold_low, 0, 1125899906842624, AUTO, "bytes") \
	X(THRESHOLD_MEDIUM, threshold_medium, 0, 1125899906842624, AUTO, "bytes") \
	X(THRESHOLD_CRITICAL, threshold_critical, 0, 1125899906842624, AUTO, "bytes") \
	X(STALL_LOW, stall_low, 0, 1000, 10, "per mille")		\
	X(STALL_MEDIUM, stall_medium, 0, 1000, 70, "per mille")		\
	X(STALL_CRITICAL, stall_critical, 0, 1000, 700, "per mille")	\
	X(WINDOW, window, 100000000, 60000000000, 1000000000, "ns")	\
	X(HOLD, hold, 0, 3600000000000, 2000000000, "ns")		\
	X(MIN_INTERVAL, min_interval, 0, 60000000000, 10000000, "ns")	\
	X(SAMPLE_MIN, sample_min, 1000000, 60000000000, 10000000, "ns")	\
	X(SAMPLE_MAX, sample_max, 1000000, 60000000000, 1000000000, "ns") \
	X(FILL_RATE, fill_rate, 1048576, 17592186044416, 4294967296, "bytes/s") \
	X(REFAULT_COST, refault_cost, 0, 10000000, 20000, "ns")		\
	X(KSM_INTERVAL, ksm_interval, 10000000, 3600000000000, 1000000000, "ns")

static struct dynmem_config loaded = {
#define X(NAME, param, min, max, dflt, unit) \
	.value[DYNMEM_A_CONFIG_ ## NAME] = dflt,
	SETTINGS(X)
#undef X
};

#define X(NAME, param, min, max, dflt, unit)				\
	module_param_named(param, loaded.value[DYNMEM_A_CONFIG_ ## NAME], \
			   ullong, 0444);				\
	MODULE_PARM_DESC(param, unit ", " #min " to " #max);
SETTINGS(X)
#undef X

/* What is in force. Written under config_lock. */
struct dynmem_config dynmem_config;
static DEFINE_MUTEX(config_lock);

static const u8 config_types[DYNMEM_A_CONFIG_MAX + 1] = {
	[DYNMEM_A_CONFIG_STALL_LOW] = DYNMEM_U32,
	[DYNMEM_A_CONFIG_STALL_MEDIUM] = DYNMEM_U32,
	[DYNMEM_A_CONFIG_STALL_CRITICAL] = DYNMEM_U32,
};

/*
 * What a host should keep free: 6 % of the first 4 GiB, 4 % of the next 8,
 * 2 % of the next 16 and 1 % of the rest.
 */
static u64 minfree(u64 total)
{
	static const struct {
		u64 gib;
		unsigned int percent;
	} steps[] = { { 4, 6 }, { 8, 4 }, { 16, 2 }, { U64_MAX >> 30, 1 } };
	u64 sum = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		u64 part = min(total, steps[i].gib << 30);

		sum += div_u64(part, 100) * steps[i].percent;
		total -= part;
	}
	return sum;
}

/* The thresholds that were not given: as far as those given leave room. */
static void set_thresholds(struct dynmem_config *config)
{
	u64 *low = &config->value[DYNMEM_A_CONFIG_THRESHOLD_LOW];
	u64 *medium = &config->value[DYNMEM_A_CONFIG_THRESHOLD_MEDIUM];
	u64 *critical = &config->value[DYNMEM_A_CONFIG_THRESHOLD_CRITICAL];
	u64 floor = minfree((u64)totalram_pages() << PAGE_SHIFT);
	u64 ceiling = U64_MAX;

	if (*low == AUTO)
		*low = 4 * floor;
	if (*low)
		ceiling = *low;
	if (*medium == AUTO)
		*medium = min(2 * floor, ceiling);
	if (*medium)
		ceiling = *medium;
	if (*critical == AUTO)
		*critical = min(floor, ceiling);
}

/* Says what is wrong in the log when a module parameter is, else in @extack. */
static int check_ranges(const struct dynmem_config *config,
			struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	u64 value;

#define X(NAME, param, min, max, dflt, unit)				\
	value = config->value[DYNMEM_A_CONFIG_ ## NAME];		\
	if (value > (u64)(max) || value + 1 < (u64)(min) + 1) {		\
		if (attrs)						\
			NL_SET_ERR_MSG_ATTR(extack,			\
				attrs[DYNMEM_A_CONFIG_ ## NAME],	\
				#param " must be " #min " to " #max " " unit); \
		else							\
			pr_err(#param " must be " #min " to " #max " " unit \
			       ", not %llu\n", value);			\
		return -ERANGE;						\
	}
	SETTINGS(X)
#undef X
	return 0;
}

/* Of two settings that are on, @upper must not be below @lower. */
static bool in_order(const struct dynmem_config *config, int lower, int upper)
{
	return !config->value[lower] || !config->value[upper] ||
	       config->value[lower] <= config->value[upper];
}

/* The text must be a literal for both. */
#define REFUSE(extack, attr, text)				\
	do {							\
		if (extack)					\
			NL_SET_ERR_MSG_ATTR(extack, attr, text); \
		else						\
			pr_err(text "\n");			\
	} while (0)

static int check_order(const struct dynmem_config *config,
		       struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct nlattr *none[DYNMEM_A_CONFIG_MAX + 1] = {};

	if (!attrs)
		attrs = none;
	if (!in_order(config, DYNMEM_A_CONFIG_THRESHOLD_MEDIUM,
		      DYNMEM_A_CONFIG_THRESHOLD_LOW) ||
	    !in_order(config, DYNMEM_A_CONFIG_THRESHOLD_CRITICAL,
		      DYNMEM_A_CONFIG_THRESHOLD_LOW)) {
		REFUSE(extack, attrs[DYNMEM_A_CONFIG_THRESHOLD_LOW],
		       "threshold_low must not be below threshold_medium and threshold_critical");
		return -EINVAL;
	}
	if (!in_order(config, DYNMEM_A_CONFIG_THRESHOLD_CRITICAL,
		      DYNMEM_A_CONFIG_THRESHOLD_MEDIUM)) {
		REFUSE(extack, attrs[DYNMEM_A_CONFIG_THRESHOLD_CRITICAL],
		       "threshold_critical must not be above threshold_medium");
		return -EINVAL;
	}
	if (!in_order(config, DYNMEM_A_CONFIG_STALL_LOW,
		      DYNMEM_A_CONFIG_STALL_MEDIUM) ||
	    !in_order(config, DYNMEM_A_CONFIG_STALL_LOW,
		      DYNMEM_A_CONFIG_STALL_CRITICAL)) {
		REFUSE(extack, attrs[DYNMEM_A_CONFIG_STALL_LOW],
		       "stall_low must not be above stall_medium and stall_critical");
		return -EINVAL;
	}
	if (!in_order(config, DYNMEM_A_CONFIG_STALL_MEDIUM,
		      DYNMEM_A_CONFIG_STALL_CRITICAL)) {
		REFUSE(extack, attrs[DYNMEM_A_CONFIG_STALL_CRITICAL],
		       "stall_critical must not be below stall_medium");
		return -EINVAL;
	}
	if (!in_order(config, DYNMEM_A_CONFIG_SAMPLE_MIN,
		      DYNMEM_A_CONFIG_SAMPLE_MAX)) {
		REFUSE(extack, attrs[DYNMEM_A_CONFIG_SAMPLE_MAX],
		       "sample_max must not be below sample_min");
		return -EINVAL;
	}
	return 0;
}

static int check(const struct dynmem_config *config, struct nlattr **attrs,
		 struct netlink_ext_ack *extack)
{
	return check_ranges(config, attrs, extack) ?:
	       check_order(config, attrs, extack);
}

static void apply(const struct dynmem_config *config)
{
	int i;

	for (i = 1; i <= DYNMEM_A_CONFIG_MAX; i++)
		WRITE_ONCE(dynmem_config.value[i], config->value[i]);
}

int dynmem_config_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct dynmem_record rec = {};
	struct dynmem_reply reply;
	int err;
	int i;

	err = dynmem_reply_new(&reply, info,
			       DYNMEM_RECORD_SIZE(DYNMEM_A_CONFIG_MAX));
	if (err)
		return err;
	mutex_lock(&config_lock);
	for (i = DYNMEM_A_CONFIG_DEFAULTS + 1; i <= DYNMEM_A_CONFIG_MAX; i++)
		dynmem_set(&rec, i, dynmem_config.value[i]);
	mutex_unlock(&config_lock);
	return dynmem_reply_send(&reply, info,
				 dynmem_record_put(reply.skb, config_types,
						   &rec));
}

int dynmem_config_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct dynmem_config config;
	bool any = false;
	int err;
	int i;

	mutex_lock(&config_lock);
	config = attrs[DYNMEM_A_CONFIG_DEFAULTS] ? loaded : dynmem_config;
	for (i = DYNMEM_A_CONFIG_DEFAULTS; i <= DYNMEM_A_CONFIG_MAX; i++) {
		if (!attrs[i])
			continue;
		any = true;
		if (i != DYNMEM_A_CONFIG_DEFAULTS)
			config.value[i] = nla_get_uint(attrs[i]);
	}
	if (!any) {
		NL_SET_ERR_MSG(info->extack, "no setting given");
		err = -EINVAL;
	} else {
		err = check(&config, attrs, info->extack);
	}
	if (!err)
		apply(&config);
	mutex_unlock(&config_lock);
	if (err)
		return err;
	dynmem_pressure_settings_changed();
	dynmem_ksm_settings_changed();
	return 0;
}

/**
 * dynmem_config_init() - check the module parameters and put them in force
 *
 * Return: 0, or a negative errno; the reason is in the log.
 */
int __init dynmem_config_init(void)
{
	int err;

	set_thresholds(&loaded);
	err = check(&loaded, NULL, NULL);
	if (err)
		return err;
	apply(&loaded);
	return 0;
}
