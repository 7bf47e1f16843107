/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration: /etc/dynmem/dynmem.conf, then all that is called *.conf
 * in the folder dynmem.conf.d beside it, in the order of names. A later
 * setting replaces an earlier one; lists grow, and an empty value empties them.
 */
#ifndef DYNMEMD_CONFIG_H
#define DYNMEMD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/size.h"
#include "policy/policy.h"

#define CONFIG_PATH "/etc/dynmem/dynmem.conf"
#define CONFIG_STOP "/run/dynmem/stop"

/* As qemu-server has it; tests have their own. */
#define PVE_SOCKETS_DEFAULT "/var/run/qemu-server"

enum mode {
	MODE_OBSERVE,
	MODE_MANAGE,
};

enum source_kind {
	SOURCE_AUTO,
	SOURCE_GENL,
	SOURCE_PROCFS,
};

/* What is done about ksmd. */
enum ksm_mode {
	KSM_MODE_OFF,
	KSM_MODE_REPORT,
	KSM_MODE_MANAGE,
};

/* Name of a trust domain, with its end. */
#define CONFIG_TRUST_MAX 64

/*
 * Min of a guest that no rule gives one: a quarter of its memory. An idle
 * guest's kernel and services fit into that, and the engine keeps it above
 * what the guest really uses in any case.
 */
#define CONFIG_MIN_DEFAULT "25%"

/* What is set for a guest, and may be set by several. */
enum guest_setting {
	SETTING_MIN,
	SETTING_MAX,
	SETTING_SHARES,
	SETTING_HOLD, /* left as it is; only at run time */
	SETTING_COUNT,
};

/**
 * struct place - where a setting comes from
 * @text: a file, or what else it is; NULL: nobody set it, it is the default
 * @line: in that file; 0: none
 */
struct place {
	const char *text;
	int line;
};

/**
 * struct guest_rule - one section [guest PATTERN], or what a guest's own
 *	description says
 * @pattern: guests' names, as for a shell
 * @min: below this a guest is never shrunk; a percentage is one of max
 * @max: above this it is never grown; a percentage is one of its memory
 * @shares: its weight against the others; 0: not given
 * @reclaim: whether memory may be reclaimed by its cgroup; meaningless
 *	without @reclaim_set
 * @trust: the trust domain that its memory may be merged within; empty: not given
 * @from: where each of them was set
 * @range_from: the last of min and max, for messages
 */
struct guest_rule {
	char *pattern;
	struct size min;
	struct size max;
	unsigned int shares;
	bool reclaim, reclaim_set;
	char trust[CONFIG_TRUST_MAX];
	struct place from[SETTING_COUNT];
	struct place range_from;
};

/**
 * struct guest_limits - what the rules say about one guest, in bytes
 * @reclaim: memory may be reclaimed by its cgroup when no balloon reaches it
 * @trust: its trust domain; empty: that of all guests without one
 * @clamped: a rule's min was above its max, and was lowered to that
 * @from: where each setting comes from; texts live as long as the rules do
 */
struct guest_limits {
	uint64_t min;
	uint64_t max;
	unsigned int shares;
	bool reclaim;
	char trust[CONFIG_TRUST_MAX];
	bool clamped;
	struct place from[SETTING_COUNT];
};

/**
 * struct config - all of it
 * @state: the file of what outlives the daemon; NULL: where systemd says
 * @stop: while this file exists, nothing is written to guests
 * @ksm_across: memory of more than one trust domain may be merged
 */
struct config {
	enum mode mode;
	enum source_kind source;
	char *state;
	char *stop;

	/* [ksm]; its share of a CPU is the policy's ksm_cpu */
	enum ksm_mode ksm_mode;
	bool ksm_across;

	/* [policy]: the profile's numbers, but for those that have a key of their own */
	enum policy_profile profile;
	struct policy_tunables policy;

	/* [backend qmp] */
	char **qmp_paths;
	size_t n_qmp_paths;
	char **qmp_sockets;
	size_t n_qmp_sockets;

	/* [backend pve] */
	char *pve_guests;  /* folder of VMID.conf; NULL: not such a host */
	char *pve_sockets; /* folder of VMID.qmp; NULL: the default */
	char *pve_pools;   /* file with the pools; NULL: they are no trust domains */

	/* [backend libvirt] */
	char *libvirt_uri; /* NULL: none */

	/* [guest PATTERN], in the order of the files */
	struct guest_rule *rules;
	size_t n_rules;

	/* Their names, for places. */
	char **files;
	size_t n_files;
};

#define CONFIG_SHARES_SYNTAX "1 to 1000000"

/**
 * config_parse_shares() - "1000"
 *
 * Return: 0; -EINVAL: no whole number; -ERANGE: see CONFIG_SHARES_SYNTAX.
 */
int config_parse_shares(unsigned int *ret, const char *text);

/**
 * config_parse_min() - a size. Return: as size_parse(); -EDOM: below 1 MiB, and not 0
 */
int config_parse_min(struct size *ret, const char *text);

/**
 * config_parse_max() - a size above 0. Return: as config_parse_min()
 */
int config_parse_max(struct size *ret, const char *text);

#define CONFIG_TRUST_SYNTAX "up to 63 letters, digits and any of -_.+@/"

/** config_parse_trust() - name of a trust domain. Return: 0; -EINVAL */
int config_parse_trust(char ret[CONFIG_TRUST_MAX], const char *text);

/**
 * config_complain_t - one thing that is wrong
 * @text: "FILE:LINE: what, and what is allowed"
 */
typedef void (*config_complain_t)(const char *text, void *userdata);

/**
 * config_load() - read the files
 * @ret: the configuration; free with config_free()
 * @path: the first file; files of the folder @path.d follow
 * @required: whether it is an error that @path does not exist
 * @complain: called for each error, with its text
 *
 * Return: 0; -EINVAL after complaints; -ENOMEM.
 */
int config_load(struct config **ret, const char *path, bool required, config_complain_t complain,
		void *userdata);

struct config *config_free(struct config *c);

/**
 * config_guest() - apply the rules to a guest; a later rule wins
 * @name: the guest's name
 * @alias: another one, as a VMID, or NULL
 * @memory: its memory as QEMU knows it, bytes
 * @own: what its own description says, which any rule overrides
 * @set: what was set at run time, which overrides any rule; NULL: nothing
 *
 * Return: limits with min <= max <= @memory.
 */
struct guest_limits config_guest(const struct config *c, const char *name, const char *alias,
				 uint64_t memory, const struct guest_rule *own,
				 const struct guest_rule *set);

/** config_names() - whether a rule is about a guest; [guest *] is about none */
bool config_names(const struct config *c, const char *name, const char *alias);

#endif
