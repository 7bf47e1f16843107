// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "simulate.h"

#define NAME "simulate"

static const char default_policies[] = "static,fpr,pve,mom,dynmem,oracle";

static void help(void)
{
	printf("Usage: dynmem simulate [OPTION...]\n\n"
	       "Guests of a trace on a host, over days, under dynmem's policy and others: who\n"
	       "lacked memory, how long, and what it cost. Or, with --capacity, how many guests\n"
	       "fit. Without a trace, guests are generated.\n\n"
	       "Scenario:\n"
	       "  -t, --trace PATH      a file, or a folder of them: GWA-T-12, dynmem's CSV, or a\n"
	       "                        recording; may be given again\n"
	       "      --record FILE     the same, for a recording: dynmem monitor --json --every 5\n"
	       "      --lenient         skip bad rows and files, and count them\n"
	       "      --machine-share SHARE  leave out a machine with more of all provisioned memory\n"
	       "                        [none is left out; the benchmark has 25%%]\n"
	       "      --part PART       replay all of it, the first 3/7, or the second part [all]\n"
	       "  -p, --policy NAME,... or 'all' [%s]\n"
	       "  -H, --host SIZE       memory of the host [256G]\n"
	       "  -n, --guests N        the first N machines, in random order [all]\n"
	       "  -m, --min SHARE|SIZE  least memory of a guest [25%%]\n"
	       "      --shape SHAPE     between samples: step or linear [step]\n"
	       "      --cache KIND      page cache: grow, none, or trace (disk throughput) [grow]\n"
	       "      --hot SHARE       of demand that is page cache in use [0%%]\n"
	       "      --ksm SHARE       of memory that has a twin [0%%]\n"
	       "      --tick TIME       of dynmem's policy, 100ms to 60s [1s]\n"
	       "      --profile NAME    of dynmem's policy: cautious, balanced or dense [balanced]\n"
	       "      --set NAME=VALUE  after --profile: a tunable of dynmem's policy; may be given again\n"
	       "      --seed N          same seed, same result [1]\n\n"
	       "Question:\n"
	       "      --capacity        how many of these guests fit, by bisection\n"
	       "      --service SHARE   of its time, a guest may lack memory [0.1%%]\n"
	       "      --episode TIME    without a break, a guest may lack memory [5s]\n\n"
	       "Instead of a simulation:\n"
	       "      --replay FILE     give the engine what a recording has (dynmem record), show\n"
	       "                        its commands, and what is unlike those recorded\n\n"
	       "Output:\n"
	       "  -j, --json            one JSON object; bytes and seconds\n"
	       "      --svg FILE        also a picture\n"
	       "  -h, --help            this text\n\n"
	       "Policies:\n",
	       default_policies);
	for (unsigned int i = 0; sim_policy_nth(i); i++)
		printf("  %-14s %s\n", sim_policy_name(sim_policy_nth(i)),
		       sim_policy_summary(sim_policy_nth(i)));
}

/*
 * A number with a unit behind it; the unit may be missing where @units has "".
 */
struct unit {
	const char *name;
	double factor;
};

static const struct unit units_size[] = {
	{ "", 1 },	   { "K", 0x1p10 },   { "M", 0x1p20 },	 { "G", 0x1p30 },   { "T", 0x1p40 },
	{ "KiB", 0x1p10 }, { "MiB", 0x1p20 }, { "GiB", 0x1p30 }, { "TiB", 0x1p40 }, { 0 },
};
static const struct unit units_time[] = {
	{ "ms", 0.001 }, { "s", 1 }, { "min", 60 }, { "h", 3600 }, { 0 },
};
static const struct unit units_share[] = { { "%", 0.01 }, { 0 } };
static const struct unit units_count[] = { { "", 1 }, { 0 } };

static bool read_unit(const char *text, const struct unit *units, double *ret)
{
	char *end;
	double value;

	/* strtod() takes blanks, signs, "inf" and hexadecimal: none is meant
	 * here. */
	if (!(text[0] >= '0' && text[0] <= '9') || text[1] == 'x' || text[1] == 'X')
		return false;
	value = strtod(text, &end);
	for (; units->name; units++)
		if (!strcmp(units->name, end) && isfinite(value)) {
			*ret = value * units->factor;
			return true;
		}
	return false;
}

enum {
	OPT_HOST = 'H',
	OPT_GUESTS = 'n',
	OPT_MIN = 'm',
	OPT_TRACE = 't',
	OPT_POLICY = 'p',
	OPT_LENIENT = 256,
	OPT_PART,
	OPT_SHAPE,
	OPT_CACHE,
	OPT_HOT,
	OPT_KSM,
	OPT_TICK,
	OPT_PROFILE,
	OPT_SET,
	OPT_SEED,
	OPT_CAPACITY,
	OPT_SERVICE,
	OPT_EPISODE,
	OPT_SVG,
	OPT_REPLAY,
	OPT_MACHINE_SHARE,
};

static const struct option options[] = {
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "record", required_argument, NULL, OPT_TRACE },
	{ "lenient", no_argument, NULL, OPT_LENIENT },
	{ "part", required_argument, NULL, OPT_PART },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "guests", required_argument, NULL, OPT_GUESTS },
	{ "min", required_argument, NULL, OPT_MIN },
	{ "shape", required_argument, NULL, OPT_SHAPE },
	{ "cache", required_argument, NULL, OPT_CACHE },
	{ "hot", required_argument, NULL, OPT_HOT },
	{ "ksm", required_argument, NULL, OPT_KSM },
	{ "tick", required_argument, NULL, OPT_TICK },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "set", required_argument, NULL, OPT_SET },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "capacity", no_argument, NULL, OPT_CAPACITY },
	{ "service", required_argument, NULL, OPT_SERVICE },
	{ "episode", required_argument, NULL, OPT_EPISODE },
	{ "json", no_argument, NULL, 'j' },
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "machine-share", required_argument, NULL, OPT_MACHINE_SHARE },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const char *option_name(int opt)
{
	for (const struct option *o = options; o->name; o++)
		if (o->val == opt)
			return o->name;
	return "?";
}

static int bad_value(int opt, const char *expected)
{
	return cmd_usage_error(NAME, "--%s expects %s, not '%s'", option_name(opt), expected,
			       optarg);
}

static int get_number(int opt, const struct unit *units, double least, double most,
		      const char *expected, double *ret)
{
	double value;

	if (!read_unit(optarg, units, &value) || value < least || value > most)
		return bad_value(opt, expected);
	*ret = value;
	return -1;
}

static int get_choice(int opt, const char *const *names, int count, const char *expected, int *ret)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(names[i], optarg)) {
			*ret = i;
			return -1;
		}
	return bad_value(opt, expected);
}

static int get_whole(int opt, double most, const char *expected, uint64_t *ret)
{
	double value = 0;
	int status = get_number(opt, units_count, 0, most, expected, &value);

	if (status >= 0)
		return status;
	if (value != floor(value))
		return bad_value(opt, expected);
	*ret = (uint64_t)value;
	return -1;
}

static int get_min(struct simulate *s)
{
	double value;

	if (strchr(optarg, '%'))
		return get_number(OPT_MIN, units_share, 0.01, 1,
				  "a share of max from 1% to 100%, or a size",
				  &s->options.min_share);
	if (!read_unit(optarg, units_size, &value) || value < 0x1p20)
		return bad_value(OPT_MIN, "a share of max from 1% to 100%, or a size from 1M");
	s->options.min_bytes = value;
	return -1;
}

static int add_policy(struct simulate *s, const char *name)
{
	const struct sim_policy *p = sim_policy_find(name);

	if (!p)
		return cmd_usage_error(NAME, "there is no policy '%s'", name);
	for (unsigned int i = 0; i < s->policies; i++)
		if (s->policy[i] == p)
			return -1;
	if (s->policies < SIMULATE_POLICIES_MAX)
		s->policy[s->policies++] = p;
	return -1;
}

static int get_policies(struct simulate *s, const char *list)
{
	char text[512], *save, *name;
	int status = -1;

	if (!strcmp(list, "all")) {
		for (unsigned int i = 0; sim_policy_nth(i); i++)
			add_policy(s, sim_policy_name(sim_policy_nth(i)));
		return -1;
	}
	if (strlen(list) >= sizeof(text) || !*list)
		return cmd_usage_error(NAME, "--policy expects names of policies");
	memcpy(text, list, strlen(list) + 1);
	for (name = strtok_r(text, ",", &save); name && status < 0;
	     name = strtok_r(NULL, ",", &save))
		status = add_policy(s, name);
	return status;
}

static int get_profile(struct simulate *s)
{
	int profile = policy_profile_find(optarg);

	if (profile < 0)
		return bad_value(OPT_PROFILE, "cautious, balanced or dense");
	policy_profile_apply(&s->tunables, profile, NULL);
	return -1;
}

static int get_tunable(struct simulate *s)
{
	const struct policy_tunable *row;
	const char *equals = strchr(optarg, '=');
	char name[64];
	double value;
	char *end;

	if (!equals || (size_t)(equals - optarg) >= sizeof(name))
		return bad_value(OPT_SET, "NAME=VALUE");
	memcpy(name, optarg, (size_t)(equals - optarg));
	name[equals - optarg] = '\0';
	row = policy_tunable_find(name);
	if (!row)
		return cmd_usage_error(NAME, "--set: there is no tunable '%s'", name);
	value = strtod(equals + 1, &end);
	if (end == equals + 1 || *end || policy_tunable_set(&s->tunables, row, value))
		return cmd_usage_error(NAME,
				       "--set %s expects a number from %g to %g (%s), not '%s'",
				       name, row->min, row->max, policy_unit_name(row->unit),
				       equals + 1);
	return -1;
}

static int add_path(struct simulate *s)
{
	const char **path = reallocarray(s->path, s->paths + 1, sizeof(*path));

	if (!path) {
		fprintf(stderr, "dynmem simulate: %s\n", strerror(ENOMEM));
		return EXIT_FAILURE;
	}
	s->path = path;
	s->path[s->paths++] = optarg;
	return -1;
}

static int get_option(struct simulate *s, int opt)
{
	static const char *const shapes[] = { "step", "linear" };
	static const char *const caches[] = { "none", "grow", "trace" };
	static const char *const parts[] = { "all", "first", "second" };
	struct sim_options *o = &s->options;
	uint64_t whole = 0;
	double value = 0;
	int status, choice = 0;

	switch (opt) {
	case OPT_TRACE:
		return add_path(s);
	case OPT_LENIENT:
		s->lenient = true;
		return -1;
	case OPT_PART:
		status = get_choice(opt, parts, 3, "all, first or second", &choice);
		s->part = (enum simulate_part)choice;
		return status;
	case OPT_POLICY:
		return get_policies(s, optarg);
	case OPT_HOST:
		return get_number(opt, units_size, 0x1p30, 0x1p50, "a size from 1G to 1024T",
				  &o->host);
	case OPT_GUESTS:
		status = get_whole(opt, SIM_MACHINES_MAX, "a number from 1 to 65536", &whole);
		if (status < 0 && !whole)
			return bad_value(opt, "a number from 1 to 65536");
		s->guests = (unsigned int)whole;
		return status;
	case OPT_MIN:
		return get_min(s);
	case OPT_SHAPE:
		status = get_choice(opt, shapes, 2, "step or linear", &choice);
		o->shape = (enum sim_shape)choice;
		return status;
	case OPT_CACHE:
		status = get_choice(opt, caches, 3, "grow, none or trace", &choice);
		o->cache = (enum sim_cache)choice;
		return status;
	case OPT_HOT:
		return get_number(opt, units_share, 0, 0.9, "a share from 0% to 90%",
				  &o->physics.hot);
	case OPT_KSM:
		return get_number(opt, units_share, 0, 0.9, "a share from 0% to 90%",
				  &o->physics.ksm_share);
	case OPT_TICK:
		status = get_number(opt, units_time, 0.1, 60, "a time from 100ms to 60s", &value);
		if (status < 0)
			o->tick = (int64_t)(value * 1000);
		return status;
	case OPT_PROFILE:
		return get_profile(s);
	case OPT_SET:
		return get_tunable(s);
	case OPT_SEED:
		return get_whole(opt, 0x1p53, "a whole number", &o->seed);
	case OPT_CAPACITY:
		s->capacity = true;
		return -1;
	case OPT_SERVICE:
		return get_number(opt, units_share, 0, 1, "a share from 0% to 100%", &o->service);
	case OPT_EPISODE:
		return get_number(opt, units_time, 0, 86400, "a time from 0s to 24h", &o->episode);
	case OPT_MACHINE_SHARE:
		return get_number(opt, units_share, 0.01, 1, "a share from 1% to 100%",
				  &o->machine_share);
	case OPT_REPLAY:
		s->replay = optarg;
		return -1;
	default: /* OPT_SVG */
		s->svg = optarg;
		return -1;
	}
}

int simulate_parse(int argc, char **argv, struct simulate *s)
{
	struct cmd_line line = {
		.cmd = NAME,
		.shorts = ":t:p:H:n:m:jh",
		.options = options,
		.help = help,
	};
	int opt, status = -1;
	const char *why;

	*s = (struct simulate){ 0 };
	sim_options_init(&s->options, SIMULATE_SPAN);
	policy_tunables_init(&s->tunables);
	s->options.tunables = &s->tunables;

	while (status < 0 && (opt = cmd_option(&line, argc, argv)) != -1)
		status = opt == CMD_ENDS ? line.status : get_option(s, opt);
	s->json = line.json;
	if (status >= 0)
		return status;
	if (optind < argc)
		return cmd_usage_error(NAME, "unexpected argument '%s'", argv[optind]);
	if (s->replay && (s->paths || s->capacity || s->svg || s->policies))
		return cmd_usage_error(NAME, "--replay goes with --json alone");
	if (s->capacity && s->svg)
		return cmd_usage_error(NAME, "--svg draws runs: not with --capacity");
	if (policy_tunables_check(&s->tunables, &why))
		return cmd_usage_error(NAME, "--set: %s", why);
	return s->policies ? -1 : get_policies(s, default_policies);
}

void simulate_clear(struct simulate *s)
{
	free(s->path);
}
