// SPDX-License-Identifier: GPL-2.0
/*
 * The settings: module parameters give their first values, config-set changes
 * them while the module runs.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dynmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>

#include "attrs.h"
#include "compat/compat.h"
#include "config.h"
#include "reply.h"
#include "sampler.h"
#include "settings.h"

/* A threshold that the module computes from the size of memory. */
#define AUTO	U64_MAX

/**
 * struct setting - a setting
 * @min: smallest value
 * @max: largest value
 * @dflt: what it is unless a module parameter says otherwise
 * @refusal: what is said about a value out of range
 */
struct setting {
	u64 min;
	u64 max;
	u64 dflt;
	const char *refusal;
};

#define SETTING(NAME, param, lo, hi, value, unit)			\
	[DYNMEM_A_CONFIG_ ## NAME] = {					\
		.min = lo,						\
		.max = hi,						\
		.dflt = value,						\
		.refusal = param " must be " #lo " to " #hi " " unit,	\
	}

/*
 * Why these defaults:
 *
 * thresholds: ESX's sliding scale (Waldspurger, OSDI 2002), see minfree().
 * stall_*: 70 and 700 ms of a second are where Android's lmkd sees partial
 *	and complete stalls; 10 is a hundredth of a CPU.
 * window: what PSI's triggers are mostly used with.
 * hold: two windows.
 * min_interval: ten times what a balloon command takes to be written.
 * sample_*: a few jiffies at the shortest; at the longest, what nobody sees
 *	in a profile.
 * fill_rate: one CPU faults in about 1 GiB/s; four of them.
 * refault_cost: a page from an SSD in a cluster of eight, or from zram.
 * ksm_interval: ksmd itself sleeps 20 ms between turns and a scan takes
 *	minutes.
 */
static const struct setting settings[DYNMEM_A_CONFIG_MAX + 1] = {
	SETTING(THRESHOLD_LOW, "threshold_low",
		0, 1125899906842624, AUTO, "bytes"),
	SETTING(THRESHOLD_MEDIUM, "threshold_medium",
		0, 1125899906842624, AUTO, "bytes"),
	SETTING(THRESHOLD_CRITICAL, "threshold_critical",
		0, 1125899906842624, AUTO, "bytes"),
	SETTING(STALL_LOW, "stall_low", 0, 1000, 10, "per mille"),
	SETTING(STALL_MEDIUM, "stall_medium", 0, 1000, 70, "per mille"),
	SETTING(STALL_CRITICAL, "stall_critical", 0, 1000, 700, "per mille"),
	SETTING(WINDOW, "window", 100000000, 60000000000, 1000000000, "ns"),
	SETTING(HOLD, "hold", 0, 3600000000000, 2000000000, "ns"),
	SETTING(MIN_INTERVAL, "min_interval", 0, 60000000000, 10000000, "ns"),
	SETTING(SAMPLE_MIN, "sample_min",
		1000000, 60000000000, 10000000, "ns"),
	SETTING(SAMPLE_MAX, "sample_max",
		1000000, 60000000000, 1000000000, "ns"),
	SETTING(FILL_RATE, "fill_rate",
		1048576, 17592186044416, 4294967296, "bytes/s"),
	SETTING(REFAULT_COST, "refault_cost", 0, 10000000, 20000, "ns"),
	SETTING(KSM_INTERVAL, "ksm_interval",
		10000000, 3600000000000, 1000000000, "ns"),
};

/**
 * struct order - two settings of which one must not be below the other
 * @lower: the one
 * @upper: the other; either may be 0, which is off
 * @refusal: what is said otherwise
 */
struct order {
	int lower;
	int upper;
	const char *refusal;
};

static const struct order orders[] = {
	{ DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, DYNMEM_A_CONFIG_THRESHOLD_LOW,
	  "threshold_low must not be below threshold_medium" },
	{ DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, DYNMEM_A_CONFIG_THRESHOLD_LOW,
	  "threshold_low must not be below threshold_critical" },
	{ DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, DYNMEM_A_CONFIG_THRESHOLD_MEDIUM,
	  "threshold_medium must not be below threshold_critical" },
	{ DYNMEM_A_CONFIG_STALL_LOW, DYNMEM_A_CONFIG_STALL_MEDIUM,
	  "stall_medium must not be below stall_low" },
	{ DYNMEM_A_CONFIG_STALL_LOW, DYNMEM_A_CONFIG_STALL_CRITICAL,
	  "stall_critical must not be below stall_low" },
	{ DYNMEM_A_CONFIG_STALL_MEDIUM, DYNMEM_A_CONFIG_STALL_CRITICAL,
	  "stall_critical must not be below stall_medium" },
	{ DYNMEM_A_CONFIG_SAMPLE_MIN, DYNMEM_A_CONFIG_SAMPLE_MAX,
	  "sample_max must not be below sample_min" },
};

/*
 * The settings as they are when the module has been loaded. U64_MAX: not
 * given, which is out of every range.
 */
static struct dynmem_config loaded = {
	.value = { [0 ... DYNMEM_A_CONFIG_MAX] = U64_MAX },
};

#define PARAM(param, NAME)						\
	module_param_named(param, loaded.value[DYNMEM_A_CONFIG_ ## NAME], \
			   ullong, 0444)

PARAM(threshold_low, THRESHOLD_LOW);
MODULE_PARM_DESC(threshold_low, "level low below this available memory, bytes, 0: off");
PARAM(threshold_medium, THRESHOLD_MEDIUM);
MODULE_PARM_DESC(threshold_medium, "level medium below this, bytes, 0: off");
PARAM(threshold_critical, THRESHOLD_CRITICAL);
MODULE_PARM_DESC(threshold_critical, "level critical below this, bytes, 0: off");
PARAM(stall_low, STALL_LOW);
MODULE_PARM_DESC(stall_low, "level low from this share of stalls, per mille, 0: off (10)");
PARAM(stall_medium, STALL_MEDIUM);
MODULE_PARM_DESC(stall_medium, "level medium from this share, per mille, 0: off (70)");
PARAM(stall_critical, STALL_CRITICAL);
MODULE_PARM_DESC(stall_critical, "level critical from this share, per mille, 0: off (700)");
PARAM(window, WINDOW);
MODULE_PARM_DESC(window, "what shares refer to, ns, 100 ms to 60 s (1 s)");
PARAM(hold, HOLD);
MODULE_PARM_DESC(hold, "how long a lower level must last, ns, 0 to 1 h (2 s)");
PARAM(min_interval, MIN_INTERVAL);
MODULE_PARM_DESC(min_interval, "between two notifications, ns, 0 to 60 s (10 ms)");
PARAM(sample_min, SAMPLE_MIN);
MODULE_PARM_DESC(sample_min, "between two looks at least, ns, 1 ms to 60 s (10 ms)");
PARAM(sample_max, SAMPLE_MAX);
MODULE_PARM_DESC(sample_max, "between two looks at most, ns, 1 ms to 60 s (1 s)");
PARAM(fill_rate, FILL_RATE);
MODULE_PARM_DESC(fill_rate, "how fast memory may go, bytes/s, 1 MiB to 16 TiB (4 GiB)");
PARAM(refault_cost, REFAULT_COST);
MODULE_PARM_DESC(refault_cost, "of a page, ns, 0 to 10 ms (20 us)");
PARAM(ksm_interval, KSM_INTERVAL);
MODULE_PARM_DESC(ksm_interval, "between two looks at KSM, ns, 10 ms to 1 h (1 s)");

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
static u64 __init minfree(u64 total)
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

/* Those that were not given; thresholds as far as those given leave room. */
static void __init set_defaults(struct dynmem_config *config)
{
	u64 *low = &config->value[DYNMEM_A_CONFIG_THRESHOLD_LOW];
	u64 *medium = &config->value[DYNMEM_A_CONFIG_THRESHOLD_MEDIUM];
	u64 *critical = &config->value[DYNMEM_A_CONFIG_THRESHOLD_CRITICAL];
	u64 floor = minfree((u64)totalram_pages() << PAGE_SHIFT);
	int i;

	for (i = DYNMEM_A_CONFIG_DEFAULTS + 1; i <= DYNMEM_A_CONFIG_MAX; i++)
		if (config->value[i] == U64_MAX)
			config->value[i] = settings[i].dflt;
	if (*low == AUTO)
		*low = 4 * floor;
	if (*medium == AUTO)
		*medium = min(2 * floor, *low ?: U64_MAX);
	if (*critical == AUTO)
		*critical = min3(floor, *medium ?: U64_MAX, *low ?: U64_MAX);
}

/* Module parameters have neither an attribute nor an extack, but the log. */
static void refuse(struct netlink_ext_ack *extack, const struct nlattr *attr,
		   const char *text)
{
	if (!extack) {
		pr_err("%s\n", text);
		return;
	}
	/* NL_SET_ERR_MSG() takes literals only. */
	extack->_msg = text;
	NL_SET_BAD_ATTR(extack, attr);
}

static int check_range(const struct dynmem_config *config, int i,
		       struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	if (config->value[i] >= settings[i].min &&
	    config->value[i] <= settings[i].max)
		return 0;
	refuse(extack, attrs[i], settings[i].refusal);
	return -ERANGE;
}

static int check_order(const struct dynmem_config *config,
		       const struct order *order, struct nlattr **attrs,
		       struct netlink_ext_ack *extack)
{
	u64 lower = config->value[order->lower];
	u64 upper = config->value[order->upper];

	if (!lower || !upper || lower <= upper)
		return 0;
	refuse(extack, attrs[order->upper] ?: attrs[order->lower],
	       order->refusal);
	return -EINVAL;
}

static int check(const struct dynmem_config *config, struct nlattr **attrs,
		 struct netlink_ext_ack *extack)
{
	int err;
	int i;

	for (i = DYNMEM_A_CONFIG_DEFAULTS + 1; i <= DYNMEM_A_CONFIG_MAX; i++) {
		err = check_range(config, i, attrs, extack);
		if (err)
			return err;
	}
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		err = check_order(config, &orders[i], attrs, extack);
		if (err)
			return err;
	}
	return 0;
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
	dynmem_sampler_trigger_all();
	return 0;
}

/**
 * dynmem_config_init() - check the module parameters and put them in force
 *
 * Return: 0, or a negative errno; the reason is in the log.
 */
int __init dynmem_config_init(void)
{
	struct nlattr *none[DYNMEM_A_CONFIG_MAX + 1] = {};
	int err;

	set_defaults(&loaded);
	err = check(&loaded, none, NULL);
	if (err)
		return err;
	apply(&loaded);
	return 0;
}
