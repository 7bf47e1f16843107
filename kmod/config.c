// SPDX-License-Identifier: GPL-2.0
/*
 * The settings: module parameters give their first values, config-set changes
 * them while the module runs.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dynmem.h>
#include <linux/memory.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/workqueue.h>

#include "attrs.h"
#include "capability.h"
#include "compat/compat.h"
#include "config.h"
#include "genl.h"
#include "hugetlb.h"
#include "reply.h"
#include "sampler.h"
#include "settings.h"
#include "threshold.h"

/* How often passes have the size of pools of huge pages read, ns. */
#define CONFIG_REFRESH_INTERVAL	((u64)NSEC_PER_SEC)

/* Per mille. */
#define CONFIG_STALL_MAX	1000

/**
 * struct config_setting - a setting
 * @name: of its module parameter
 * @unit: for people
 * @dflt: what it is unless a module parameter says otherwise
 * @range: smallest and largest value
 */
struct config_setting {
	const char *name;
	const char *unit;
	u64 dflt;
	struct netlink_range_validation range;
};

#define SETTING(NAME, param, lo, hi, value, for_people)			\
	[DYNMEM_A_CONFIG_ ## NAME] = {					\
		.name = param,						\
		.unit = for_people,					\
		.dflt = value,						\
		.range = { .min = lo, .max = hi },			\
	}

/*
 * Why these defaults:
 *
 * thresholds: ESX's sliding scale (Waldspurger, OSDI 2002), see threshold.c.
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
static const struct config_setting config_settings[DYNMEM_A_CONFIG_MAX + 1] = {
	SETTING(THRESHOLD_LOW, "threshold_low",
		0, 1125899906842624, DYNMEM_THRESHOLD_AUTO, "bytes"),
	SETTING(THRESHOLD_MEDIUM, "threshold_medium",
		0, 1125899906842624, DYNMEM_THRESHOLD_AUTO, "bytes"),
	SETTING(THRESHOLD_CRITICAL, "threshold_critical",
		0, 1125899906842624, DYNMEM_THRESHOLD_AUTO, "bytes"),
	SETTING(STALL_LOW, "stall_low", 0, CONFIG_STALL_MAX, 10, "per mille"),
	SETTING(STALL_MEDIUM, "stall_medium",
		0, CONFIG_STALL_MAX, 70, "per mille"),
	SETTING(STALL_CRITICAL, "stall_critical",
		0, CONFIG_STALL_MAX, 700, "per mille"),
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

/* Before 6.7 the module itself checks the length and the range of a uint. */
#ifndef HAVE_NLA_UINT
static int config_validate(const struct nlattr *attr,
			   struct netlink_ext_ack *extack)
{
	const struct netlink_range_validation *range =
		&config_settings[nla_type(attr)].range;
	int err = compat_nla_validate_uint(attr, extack);
	u64 value;

	if (err)
		return err;
	value = nla_get_uint(attr);
	if (value >= range->min && value <= range->max)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "integer out of range");
	return -ERANGE;
}

#define CONFIG_UINT(NAME)						\
	[DYNMEM_A_CONFIG_ ## NAME] =					\
		NLA_POLICY_VALIDATE_FN(NLA_BINARY, config_validate)
#else
#define CONFIG_UINT(NAME)						\
	[DYNMEM_A_CONFIG_ ## NAME] =					\
		NLA_POLICY_FULL_RANGE(NLA_UINT,				\
				      &config_settings[DYNMEM_A_CONFIG_ ## NAME].range)
#endif

const struct nla_policy dynmem_config_policy[DYNMEM_A_CONFIG_MAX + 1] = {
	[DYNMEM_A_CONFIG_DEFAULTS] = { .type = NLA_FLAG },
	CONFIG_UINT(THRESHOLD_LOW),
	CONFIG_UINT(THRESHOLD_MEDIUM),
	CONFIG_UINT(THRESHOLD_CRITICAL),
	[DYNMEM_A_CONFIG_STALL_LOW] =
		NLA_POLICY_MAX(NLA_U32, CONFIG_STALL_MAX),
	[DYNMEM_A_CONFIG_STALL_MEDIUM] =
		NLA_POLICY_MAX(NLA_U32, CONFIG_STALL_MAX),
	[DYNMEM_A_CONFIG_STALL_CRITICAL] =
		NLA_POLICY_MAX(NLA_U32, CONFIG_STALL_MAX),
	CONFIG_UINT(WINDOW),
	CONFIG_UINT(HOLD),
	CONFIG_UINT(MIN_INTERVAL),
	CONFIG_UINT(SAMPLE_MIN),
	CONFIG_UINT(SAMPLE_MAX),
	CONFIG_UINT(FILL_RATE),
	CONFIG_UINT(REFAULT_COST),
	CONFIG_UINT(KSM_INTERVAL),
};

/* Settings that must not be one below the other in this order, unless off. */
static const u8 config_thresholds[] = {
	DYNMEM_A_CONFIG_THRESHOLD_CRITICAL,
	DYNMEM_A_CONFIG_THRESHOLD_MEDIUM,
	DYNMEM_A_CONFIG_THRESHOLD_LOW,
};

static const u8 config_stalls[] = {
	DYNMEM_A_CONFIG_STALL_LOW,
	DYNMEM_A_CONFIG_STALL_MEDIUM,
	DYNMEM_A_CONFIG_STALL_CRITICAL,
};

static const u8 config_samples[] = {
	DYNMEM_A_CONFIG_SAMPLE_MIN,
	DYNMEM_A_CONFIG_SAMPLE_MAX,
};

/*
 * The settings as they are when the module has been loaded. U64_MAX: not
 * given, which is out of every range.
 */
static struct dynmem_config config_loaded = {
	.value = { [0 ... DYNMEM_A_CONFIG_MAX] = U64_MAX },
};

/*
 * Thresholds that nobody gave, bits by attribute: those of @config_loaded, and
 * those in force. They follow the size of memory. Written under config_lock.
 */
static u32 config_loaded_auto;
static u32 config_auto;

#define PARAM(param, NAME)						\
	module_param_named(param, config_loaded.value[DYNMEM_A_CONFIG_ ## NAME], \
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
MODULE_PARM_DESC(sample_min, "between two samples at least, ns, 1 ms to 60 s (10 ms)");
PARAM(sample_max, SAMPLE_MAX);
MODULE_PARM_DESC(sample_max, "between two samples at most, ns, 1 ms to 60 s (1 s)");
PARAM(fill_rate, FILL_RATE);
MODULE_PARM_DESC(fill_rate, "how fast memory may go, bytes/s, 1 MiB to 16 TiB (4 GiB)");
PARAM(refault_cost, REFAULT_COST);
MODULE_PARM_DESC(refault_cost, "of a page, ns, 0 to 10 ms (20 us)");
PARAM(ksm_interval, KSM_INTERVAL);
MODULE_PARM_DESC(ksm_interval, "between two samples of KSM, ns, 10 ms to 1 h (1 s)");

/* What is in force. Written under config_lock. */
struct dynmem_config dynmem_config;
static DEFINE_MUTEX(config_lock);

static const u8 config_types[DYNMEM_A_CONFIG_MAX + 1] = {
	[DYNMEM_A_CONFIG_STALL_LOW] = DYNMEM_U32,
	[DYNMEM_A_CONFIG_STALL_MEDIUM] = DYNMEM_U32,
	[DYNMEM_A_CONFIG_STALL_CRITICAL] = DYNMEM_U32,
};

/*
 * Memory that is in no pool of huge pages, and what it was made of last: without
 * memory to read them, pools stay as they were.
 */
static u64 config_memory(void)
{
	u64 total = (u64)totalram_pages() << PAGE_SHIFT;
	static u64 pools;
	u64 now, free;

	lockdep_assert_held(&config_lock);
	if (dynmem_hugetlb_read(&now, &free))
		pools = now;
	return total - min(total, pools);
}

/* Those that were not given. */
static void __init config_set_defaults(struct dynmem_config *config)
{
	int i;

	for (i = DYNMEM_A_CONFIG_DEFAULTS + 1; i <= DYNMEM_A_CONFIG_MAX; i++)
		if (config->value[i] == U64_MAX)
			config->value[i] = config_settings[i].dflt;
	for (i = 0; i < ARRAY_SIZE(config_thresholds); i++)
		if (config->value[config_thresholds[i]] == DYNMEM_THRESHOLD_AUTO)
			config_loaded_auto |= BIT(config_thresholds[i]);
	config_auto = config_loaded_auto;
	dynmem_threshold_compute(config, config_memory());
}

/* What requests are held to by the policy. */
static int __init config_check_ranges(const struct dynmem_config *config)
{
	int i;

	for (i = DYNMEM_A_CONFIG_DEFAULTS + 1; i <= DYNMEM_A_CONFIG_MAX; i++) {
		const struct config_setting *setting = &config_settings[i];

		if (config->value[i] >= setting->range.min &&
		    config->value[i] <= setting->range.max)
			continue;
		pr_err("%s must be %llu to %llu %s\n", setting->name,
		       setting->range.min, setting->range.max, setting->unit);
		return -ERANGE;
	}
	return 0;
}

/*
 * One of two settings of which the second is below the first, and must not be:
 * the one that the request has. 0: there is none.
 */
static int config_disordered(const struct dynmem_config *config,
			     struct nlattr **attrs, const u8 *order, int n)
{
	int i, j;

	for (i = 0; i < n; i++) {
		u64 lower = config->value[order[i]];

		for (j = i + 1; j < n; j++) {
			u64 upper = config->value[order[j]];

			if (upper && lower > upper)
				return attrs[order[j]] ? order[j] : order[i];
		}
	}
	return 0;
}

static int config_check_order(const struct dynmem_config *config,
			      struct nlattr **attrs,
			      struct netlink_ext_ack *extack)
{
	int bad;

	bad = config_disordered(config, attrs, config_thresholds,
				ARRAY_SIZE(config_thresholds));
	if (bad) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[bad],
				    "threshold_low must not be below threshold_medium, nor that below threshold_critical; 0 is off");
		return -EINVAL;
	}
	bad = config_disordered(config, attrs, config_stalls,
				ARRAY_SIZE(config_stalls));
	if (bad) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[bad],
				    "stall_medium must not be below stall_low, nor stall_critical below that; 0 is off");
		return -EINVAL;
	}
	bad = config_disordered(config, attrs, config_samples,
				ARRAY_SIZE(config_samples));
	if (bad) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[bad],
				    "sample_max must not be below sample_min");
		return -EINVAL;
	}
	return 0;
}

static void config_apply(const struct dynmem_config *config)
{
	int i;

	for (i = 1; i <= DYNMEM_A_CONFIG_MAX; i++)
		WRITE_ONCE(dynmem_config.value[i], config->value[i]);
}

static void config_resize(struct dynmem_config *config, u32 computed, u64 memory)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(config_thresholds); i++)
		if (computed & BIT(config_thresholds[i]))
			config->value[config_thresholds[i]] =
				DYNMEM_THRESHOLD_AUTO;
	dynmem_threshold_compute(config, memory);
}

/* Let computed thresholds follow the memory that is there now. */
static void config_refresh(void)
{
	static u64 last;
	struct dynmem_config config = dynmem_config;
	u64 memory = config_memory();

	lockdep_assert_held(&config_lock);
	if (memory == last)
		return;
	last = memory;
	config_resize(&config_loaded, config_loaded_auto, memory);
	config_resize(&config, config_auto, memory);
	config_apply(&config);
	dynmem_sampler_trigger_all();
}

static void config_refresh_work(struct work_struct *work)
{
	mutex_lock(&config_lock);
	config_refresh();
	mutex_unlock(&config_lock);
}

static DECLARE_WORK(config_work, config_refresh_work);

/**
 * dynmem_config_poll() - let computed thresholds follow pools of huge pages
 * @now: ns
 *
 * Nothing reports when a pool grows or shrinks. Called in passes, by one thread,
 * which must not wait: a worker reads the pools, at most once in an interval.
 */
void dynmem_config_poll(u64 now)
{
	static u64 polled;

	if (!(dynmem_capabilities & DYNMEM_CAPABILITY_HUGETLB) ||
	    now - polled < CONFIG_REFRESH_INTERVAL)
		return;
	polled = now;
	schedule_work(&config_work);
}

/* Memory came or went. */
static int config_memory_changed(struct notifier_block *nb,
				 unsigned long action, void *data)
{
	if (action == MEM_ONLINE || action == MEM_OFFLINE)
		config_refresh_work(&config_work);
	return NOTIFY_OK;
}

static struct notifier_block config_memory_nb = {
	.notifier_call = config_memory_changed,
};

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
	config_refresh();
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
	u32 computed;
	int err;
	int i;

	err = dynmem_may_set(skb, info->extack);
	if (err)
		return err;
	mutex_lock(&config_lock);
	config_refresh();
	config = attrs[DYNMEM_A_CONFIG_DEFAULTS] ? config_loaded : dynmem_config;
	computed = attrs[DYNMEM_A_CONFIG_DEFAULTS] ? config_loaded_auto : config_auto;
	for (i = DYNMEM_A_CONFIG_DEFAULTS; i <= DYNMEM_A_CONFIG_MAX; i++) {
		if (!attrs[i])
			continue;
		any = true;
		computed &= ~BIT(i);
		if (i != DYNMEM_A_CONFIG_DEFAULTS)
			config.value[i] = nla_get_uint(attrs[i]);
	}
	if (!any) {
		NL_SET_ERR_MSG(info->extack, "no setting given");
		err = -EINVAL;
	} else {
		err = config_check_order(&config, attrs, info->extack);
	}
	if (!err) {
		config_auto = computed;
		config_apply(&config);
	}
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
	struct netlink_ext_ack extack = {};
	int err;

	mutex_lock(&config_lock);
	config_set_defaults(&config_loaded);
	mutex_unlock(&config_lock);
	err = config_check_ranges(&config_loaded);
	if (err)
		return err;
	err = config_check_order(&config_loaded, none, &extack);
	if (err) {
		pr_err("%s\n", extack._msg);
		return err;
	}
	config_apply(&config_loaded);
	return 0;
}

/**
 * dynmem_config_watch() - let computed thresholds follow the size of memory
 *
 * Return: 0 or a negative errno.
 */
int __init dynmem_config_watch(void)
{
	return register_memory_notifier(&config_memory_nb);
}

void dynmem_config_unwatch(void)
{
	unregister_memory_notifier(&config_memory_nb);
}

/*
 * To be called when no pass runs any more, which would start the worker, and
 * before a sampler is gone, which it may trigger.
 */
void dynmem_config_exit(void)
{
	cancel_work_sync(&config_work);
}
