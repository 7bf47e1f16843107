// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem pve: a guest of Proxmox VE is handed over, or taken back, in one step:
 * a section of its own in the daemon's configuration, and pvestatd stops moving it
 * (shares: 0), or may move it again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adopt.h"
#include "cmd.h"
#include "common/util.h"
#include "dynmemd/backends/pve/pve_conf.h"
#include "out.h"
#include "programs.h"

#define GUESTS_DEFAULT "/etc/pve/qemu-server"
/* As qemu-server has it. */
#define VMID_MIN 100
#define VMID_MAX 999999999

static const char shares_before[] = "# shares before: ";

/**
 * struct pve - one guest
 * @section: our file with its section
 * @backend: our file that turns the backend on
 * @conf: of Proxmox VE
 * @wrote_backend: that one was written just now
 * @before: pvestatd's shares before the hand-over
 */
struct pve {
	struct adopt a;
	char *section, *backend;
	char *conf_path;
	struct pve_conf conf;
	bool wrote_backend;
	unsigned int before;
};

static void pve_clear(struct pve *p)
{
	free(p->section);
	free(p->backend);
	free(p->conf_path);
}

static int set_paths(struct pve *p, const struct config *c)
{
	const char *guests = c->pve_guests ? c->pve_guests : GUESTS_DEFAULT;

	if (asprintf(&p->section, "%s.d/50-pve-%s.conf", p->a.config, p->a.guest) < 0 ||
	    asprintf(&p->backend, "%s.d/40-pve.conf", p->a.config) < 0 ||
	    asprintf(&p->conf_path, "%s/%s.conf", guests, p->a.guest) < 0)
		return adopt_fail(&p->a, "out of memory");
	if (access(guests, F_OK) < 0)
		return adopt_fail(
			&p->a,
			"%s: %s; on a host of Proxmox VE it has the guests ('guests' in [backend pve])",
			guests, strerror(errno));
	return -1;
}

/* Returns -1 to go on, as the others do here. */
static int read_conf(struct pve *p)
{
	_cleanup_(freep) char *text = NULL;
	ssize_t len = adopt_read(p->conf_path, &text);

	if (len == -ENOENT)
		return adopt_fail(&p->a,
				  "this host has no guest %s: %s is not there; see 'qm list'",
				  p->a.guest, p->conf_path);
	if (len < 0)
		return adopt_fail(&p->a, "%s: %s", p->conf_path, strerror((int)-len));
	pve_conf_parse(&p->conf, text, len);
	return -1;
}

static int check_range(const struct pve *p)
{
	const struct guest_rule *r = &p->a.rule;
	uint64_t max = r->max.set ? MIN(size_resolve(&r->max, p->conf.memory), p->conf.memory)
				  : p->conf.memory;
	uint64_t min = r->min.set ? size_resolve(&r->min, max) : p->conf.balloon;
	char bytes[OUT_BYTES_MAX], least[OUT_BYTES_MAX];

	if (p->conf.no_balloon)
		return adopt_fail(
			&p->a,
			"guest %s has no balloon device (balloon: 0); 'qm set %s --delete balloon' gives it one at its next start",
			p->a.guest, p->a.guest);
	if (max < p->conf.balloon)
		return adopt_fail(&p->a, "--max is %s, but its configuration promises it %s",
				  out_bytes(max, least), out_bytes(p->conf.balloon, bytes));
	if (min > max)
		return adopt_fail(&p->a, "--min is above what it may have at most, %s",
				  out_bytes(max, bytes));
	if (min < p->conf.balloon)
		return adopt_fail(
			&p->a,
			"--min is %s, but its configuration promises it %s; to change that: qm set %s --balloon %llu",
			out_bytes(min, least), out_bytes(p->conf.balloon, bytes), p->a.guest,
			(unsigned long long)(min / MIB));
	return -1;
}

/* What pvestatd had, from our file of an earlier hand-over. */
static bool read_before(struct pve *p)
{
	_cleanup_(freep) char *text = NULL;
	const char *line;

	p->before = p->conf.shares;
	if (adopt_read(p->section, &text) < 0)
		return false;
	line = strstr(text, shares_before);
	if (line)
		p->before = (unsigned int)strtoul(line + strlen(shares_before), NULL, 10);
	return true;
}

static int write_file(const struct pve *p, const char *path, const char *text)
{
	_cleanup_(freep) char *folder = NULL;
	int r;

	if (asprintf(&folder, "%s.d", p->a.config) < 0)
		return adopt_fail(&p->a, "out of memory");
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return adopt_fail(&p->a, "%s: %s", folder, strerror(errno));
	r = adopt_write(path, text);
	if (r < 0)
		return adopt_fail(&p->a, "%s: %s%s", path, strerror(-r),
				  r == -EACCES ? "; this needs root" : "");
	return -1;
}

static int write_backend(const struct pve *p)
{
	return write_file(
		p, p->backend,
		"# Written by 'dynmem pve adopt'.\n[backend pve]\nguests = " GUESTS_DEFAULT "\n");
}

static int write_section(const struct pve *p)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return adopt_fail(&p->a, "out of memory");
	fprintf(f, "# Written by 'dynmem pve adopt %s'; 'dynmem pve release %s' removes it.\n",
		p->a.guest, p->a.guest);
	fprintf(f, "%s%u\n[guest %s]\n", shares_before, p->before, p->a.guest);
	if (p->a.min)
		fprintf(f, "min = %s\n", p->a.min);
	if (p->a.max)
		fprintf(f, "max = %s\n", p->a.max);
	if (p->a.shares)
		fprintf(f, "shares = %s\n", p->a.shares);
	else
		fprintf(f, "shares = %u\n", p->before ? p->before : PVE_SHARES_DEFAULT);
	r = fclose(f);
	return r == 0 ? write_file(p, p->section, text) : adopt_fail(&p->a, "out of memory");
}

/* A hand-over that failed leaves the configuration as it was; @old: NULL: there was none. */
static void undo(const struct pve *p, const char *old)
{
	if (old)
		adopt_write(p->section, old);
	else
		unlink(p->section);
	if (p->wrote_backend)
		unlink(p->backend);
}

/* qm set VMID --shares N; EXIT_PARTLY: it is for somebody else to run. */
static int set_shares(const struct pve *p, unsigned int shares, bool delete)
{
	char number[16], out[PROGRAM_OUT_MAX];
	const char *argv[] = { "qm",
			       "set",
			       p->a.guest,
			       delete ? "--delete" : "--shares",
			       delete ? "shares" : number,
			       NULL };
	int r;

	snprintf(number, sizeof(number), "%u", shares);
	if (!program_exists("qm")) {
		printf("qm is not here; run this on the host of the guest:\n  ");
		program_print(argv);
		return EXIT_PARTLY;
	}
	r = program_run(argv, out);
	if (r == 0)
		return EXIT_SUCCESS;
	return adopt_fail(&p->a, "'qm set %s %s %s' failed: %s", argv[2], argv[3], argv[4],
			  *out ? out_safe(out) : "no reason given");
}

static void print_adopted(const struct pve *p, const struct config *c)
{
	struct guest_rule own = { .min = { .set = p->conf.balloon > 0, .value = p->conf.balloon } };
	const char *name = *p->conf.name ? p->conf.name : p->a.guest;
	struct guest_limits l = config_guest(c, name, p->a.guest, p->conf.memory, &own, NULL);
	char min[OUT_BYTES_MAX], max[OUT_BYTES_MAX];

	printf("guest %s (%s) is handed over: %s to %s, shares %u; section in %s\n", p->a.guest,
	       out_safe(name), out_bytes(l.min, min), out_bytes(l.max, max), l.shares, p->section);
	if (c->mode == MODE_OBSERVE)
		printf("dynmemd only observes: guests are moved with 'mode = manage' in [daemon]\n");
}

/* The section is in place: is the whole configuration sound, and does pvestatd stop? */
static int finish_adopt(const struct pve *p, const char *old)
{
	struct config *c = NULL;
	int status = EXIT_SUCCESS, reload;

	if (adopt_config(&p->a, &c) < 0) {
		undo(p, old);
		return adopt_fail(&p->a, "nothing was changed");
	}
	if (p->conf.shares)
		status = set_shares(p, 0, false);
	if (status == EXIT_FAILURE) {
		undo(p, old);
		config_free(c);
		return status;
	}
	reload = adopt_reload(&p->a);
	print_adopted(p, c);
	config_free(c);
	return status ? status : reload;
}

static int adopt(struct pve *p, const struct config *c)
{
	_cleanup_(freep) char *old = NULL;
	int status = set_paths(p, c);

	if (status < 0)
		status = read_conf(p);
	if (status < 0)
		status = check_range(p);
	if (status >= 0)
		return status;
	if (read_before(p))
		adopt_read(p->section, &old);
	p->wrote_backend = !c->pve_guests;
	status = p->wrote_backend ? write_backend(p) : -1;
	if (status < 0)
		status = write_section(p);
	if (status >= 0)
		undo(p, old);
	return status < 0 ? finish_adopt(p, old) : status;
}

/* Another section, or a pattern, may still be about it. */
static void warn_named(const struct pve *p)
{
	struct config *c = NULL;

	if (adopt_config(&p->a, &c) < 0)
		return;
	if (config_names(c, *p->conf.name ? p->conf.name : p->a.guest, p->a.guest))
		printf("another section of %s is about guest %s still; it counts as long as pvestatd leaves the guest alone\n",
		       p->a.config, p->a.guest);
	config_free(c);
}

static int release(struct pve *p, const struct config *c)
{
	int status = set_paths(p, c), reload;
	bool gone;

	if (status >= 0)
		return status;
	gone = access(p->conf_path, F_OK) < 0;
	status = gone ? -1 : read_conf(p);
	if (status >= 0)
		return status;
	if (!read_before(p))
		return adopt_fail(
			&p->a,
			"guest %s was not handed over by 'dynmem pve adopt': %s is not there. What was done by hand is undone by hand: remove its section, and 'qm set %s --delete shares'",
			p->a.guest, p->section, p->a.guest);
	if (unlink(p->section) < 0)
		return adopt_fail(&p->a, "%s: %s", p->section, strerror(errno));
	reload = adopt_reload(&p->a);
	status = EXIT_SUCCESS;
	if (!gone && p->before && !p->conf.shares)
		status = set_shares(p, p->before, p->before == PVE_SHARES_DEFAULT);
	printf("guest %s is released: %s\n", p->a.guest,
	       gone		 ? "its file is gone"
	       : !p->before	 ? "shares: 0 stays, as it was before: pvestatd does not move it"
	       : p->conf.balloon ? "pvestatd may move it again"
				 : "nobody moves it: it has no 'balloon'");
	warn_named(p);
	return status ? status : reload;
}

static void help_adopt(void)
{
	fputs("Usage: dynmem pve adopt VMID [--min SIZE] [--max SIZE] [--shares N] [--config FILE]\n\n"
	      "Hands a guest of Proxmox VE over to dynmemd: gives it a section in\n"
	      "dynmem.conf.d/50-pve-VMID.conf, stops pvestatd from moving it ('qm set VMID --shares 0'),\n"
	      "and reloads dynmemd. Where qm is missing, its command is printed. Done again, it\n"
	      "replaces the section.\n\n"
	      "Options:\n"
	      "      --min SIZE     it is never shrunk below, as 1G or 25%; default, and the least:\n"
	      "                     'balloon' of its configuration\n"
	      "      --max SIZE     it is never grown above; default: its memory\n"
	      "      --shares N     its weight against others, 1 to 1000000; default: what it had\n"
	      "  -c, --config FILE  the configuration (default: " CONFIG_PATH ")\n"
	      "  -h, --help         this text\n\n"
	      "Exit status: 0 done, 1 failed, nothing was changed, 5 something is left to do.\n",
	      stdout);
}

static void help_release(void)
{
	fputs("Usage: dynmem pve release VMID [--config FILE]\n\n"
	      "Takes back what 'dynmem pve adopt' did: removes the guest's section, reloads dynmemd,\n"
	      "and gives it the shares that it had for pvestatd.\n\n"
	      "Options:\n"
	      "  -c, --config FILE  the configuration (default: " CONFIG_PATH ")\n"
	      "  -h, --help         this text\n\n"
	      "Exit status: 0 done, 1 failed, 5 something is left to do.\n",
	      stdout);
}

static int run(bool adopting, int argc, char **argv)
{
	struct pve p = { .a = { .command = adopting ? "pve adopt" : "pve release",
				.config = CONFIG_PATH } };
	struct config *c = NULL;
	unsigned long vmid;
	int status = adopt_parse(&p.a, adopting, false, adopting ? help_adopt : help_release, argc,
				 argv);

	if (status >= 0)
		return status;
	if (!cmd_whole(p.a.guest, VMID_MIN, VMID_MAX, &vmid) || *p.a.guest == '0')
		return cmd_usage_error(p.a.command, "a VMID is a whole number, %d to %d, not '%s'",
				       VMID_MIN, VMID_MAX, p.a.guest);
	if (adopt_config(&p.a, &c) < 0)
		return EXIT_FAILURE;
	status = adopting ? adopt(&p, c) : release(&p, c);
	config_free(c);
	pve_clear(&p);
	return status;
}

int cmd_pve(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : NULL;

	if (!what)
		return cmd_usage_error("pve", "adopt or release?");
	if (!strcmp(what, "adopt") || !strcmp(what, "release"))
		return run(*what == 'a', argc - 1, argv + 1);
	if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
		help_adopt();
		putchar('\n');
		help_release();
		return EXIT_SUCCESS;
	}
	return cmd_usage_error("pve", "unknown %s '%s'; there are adopt and release",
			       *what == '-' ? "option" : "command", what);
}
