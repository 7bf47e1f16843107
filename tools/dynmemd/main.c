// SPDX-License-Identifier: GPL-2.0
/* dynmemd: the command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynmemd/config/daemon_config.h"
#include "dynmemd/check.h"
#include "dynmemd/daemon.h"
#include "common/util.h"

enum {
	OPTION_DRY_RUN = 256,
	OPTION_MODE,
	OPTION_CHECK,
	OPTION_DIFF,
	OPTION_RECORD,
	OPTION_TUNABLES,
	OPTION_VERSION,
};

static const char help[] =
	"Usage: dynmemd [OPTION]...\n"
	"\n"
	"Moves memory between QEMU guests when the host is short of it.\n"
	"\n"
	"  -c, --config=FILE   read FILE and FILE.d/*.conf (default: " CONFIG_PATH ")\n"
	"      --mode=MODE     observe or manage, instead of the configuration's mode\n"
	"      --dry-run       decide and log, but move nothing, whatever the mode\n"
	"      --record=FILE   record all that decisions hang on into a new FILE\n"
	"      --check         only check the configuration\n"
	"      --diff          with --check: show what a reload of the daemon that runs\n"
	"                      would change, and for which guest\n"
	"  -v, --verbose       log more\n"
	"      --tunables      list all numbers of [policy], their defaults and reasons,\n"
	"                      and what profiles have instead\n"
	"  -h, --help          this text\n"
	"      --version       the version\n"
	"\n"
	"Exit status: 0; 1 a failure; 2 a wrong option; 3 source = genl and no kernel\n"
	"module; 78 a wrong configuration.\n";

/* Where a profile has another value. */
static void print_profiles(const struct policy_tunable *t)
{
	char value[32];

	for (unsigned int i = 0; i < POLICY_PROFILES; i++) {
		double v = policy_profile_value(i, t);

		if (v == t->def)
			continue;
		policy_number_render(v, value, sizeof(value));
		printf("    profile %s: %s\n", policy_profile_name(i), value);
	}
}

static void print_tunables(void)
{
	for (size_t i = 0; i < policy_tunable_count; i++) {
		const struct policy_tunable *t = &policy_tunable_table[i];
		char def[32], min[32], max[32];

		policy_number_render(t->def, def, sizeof(def));
		policy_number_render(t->min, min, sizeof(min));
		policy_number_render(t->max, max, sizeof(max));
		printf("%s\n    %s %s (%s to %s)\n    %s\n", t->name, def,
		       policy_unit_name(t->unit), min, max, t->reason);
		print_profiles(t);
	}
}

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "dynmemd: %s '%s'; see dynmemd --help\n", what, which);
	return EXIT_USAGE;
}

/* Returns -1 to go on, else the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "mode", required_argument, NULL, OPTION_MODE },
		{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
		{ "check", no_argument, NULL, OPTION_CHECK },
		{ "diff", no_argument, NULL, OPTION_DIFF },
		{ "record", required_argument, NULL, OPTION_RECORD },
		{ "verbose", no_argument, NULL, 'v' },
		{ "tunables", no_argument, NULL, OPTION_TUNABLES },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:hv", table, NULL)) >= 0) {
		const char *this = argv[optind - 1];

		switch (c) {
		case 'c':
			o->config = optarg;
			o->config_required = true;
			break;
		case OPTION_MODE:
			if (strcmp(optarg, "observe") != 0 && strcmp(optarg, "manage") != 0)
				return usage_error("--mode is 'observe' or 'manage', not", optarg);
			o->mode = optarg;
			break;
		case OPTION_RECORD:
			o->record = optarg;
			break;
		case OPTION_CHECK:
			o->check = true;
			break;
		case OPTION_DIFF:
			o->diff = true;
			break;
		case OPTION_DRY_RUN:
			o->dry_run = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case OPTION_TUNABLES:
			print_tunables();
			return 0;
		case 'h':
			fputs(help, stdout);
			return 0;
		case OPTION_VERSION:
			puts("dynmemd " DYNMEM_VERSION);
			return 0;
		case ':':
			return usage_error("a value is missing after", this);
		default:
			return usage_error("unknown option", this);
		}
	}
	if (optind < argc)
		return usage_error("unexpected argument", argv[optind]);
	if (o->diff && !o->check)
		return usage_error("only with --check:", "--diff");
	return -1;
}

int main(int argc, char **argv)
{
	struct options o = { .config = CONFIG_PATH };
	int r = parse(&o, argc, argv);

	if (r >= 0)
		return r;
	return o.check ? check_run(&o) : daemon_run(&o);
}
