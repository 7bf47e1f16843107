// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem adopt, dynmem release: range and shares of a libvirt domain in its
 * metadata, where the daemon reads them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "cmd.h"
#include "common/util.h"
#include "out.h"
#include "programs.h"

#define URI_DEFAULT "qemu:///system"
/* As the daemon's backend reads it. */
#define XMLNS "urn:dynmem:guest:1"
#define KEY   "dynmem"

struct domain {
	struct adopt a;
	const char *uri;
	char name[256]; /* an option that begins with it cannot be another one */
	bool running, persistent;
	char trust[CONFIG_TRUST_MAX]; /* in its metadata; "": none */
};

/* Returns -1 to go on; what virsh prints of one domain is in @out. */
static int ask(const struct domain *d, const char *what, char out[static PROGRAM_OUT_MAX])
{
	const char *argv[] = { "virsh", "--quiet", "--connect", d->uri, what, d->name, NULL };
	int r = program_run(argv, out);

	if (r == 0)
		return -1;
	return adopt_fail(&d->a, "%s: %s", d->uri,
			  r < 0	 ? strerror(-r)
			  : *out ? out_safe(out)
				 : "virsh failed");
}

static int find(struct domain *d)
{
	char out[PROGRAM_OUT_MAX];
	const char *line;
	int status = ask(d, "dominfo", out);

	if (status >= 0)
		return status;
	line = strstr(out, "State:");
	if (line)
		line += strlen("State:") + strspn(line + strlen("State:"), " ");
	d->running = line && strncmp(line, "shut off", 8) != 0;
	line = strstr(out, "Persistent:");
	d->persistent =
		line && strstr(line, "yes") == line + strlen("Persistent:") +
						       strspn(line + strlen("Persistent:"), " ");
	return -1;
}

static void read_trust(struct domain *d, const char *metadata)
{
	const char *value = strstr(metadata, " trust=");
	char text[CONFIG_TRUST_MAX];
	size_t len;

	if (!value)
		return;
	value += strlen(" trust=");
	len = *value ? strcspn(value + 1, (char[]){ *value, 0 }) : 0;
	snprintf(text, sizeof(text), "%.*s", (int)len, value + !!*value);
	if (len >= sizeof(text) || config_parse_trust(d->trust, text) < 0)
		*d->trust = 0;
}

/*
 * The domain as it is. Its trust domain keeps KSM from merging tenants: this command
 * does not write it, and must not lose it. Returns -1 to go on.
 */
static int read_domain(struct domain *d)
{
	const char *argv[] = { "virsh", "--quiet", "--connect", d->uri, "metadata",
			       d->name, "--uri",   XMLNS,	NULL };
	char out[PROGRAM_OUT_MAX];
	int r;

	if (!program_exists("virsh"))
		return -1;
	r = find(d);
	if (r >= 0)
		return r;
	r = program_run(argv, out);
	if (r == 0)
		read_trust(d, out);
	else if (!strstr(out, "metadata not found"))
		return adopt_fail(&d->a, "virsh metadata: %s", *out ? out_safe(out) : "failed");
	return -1;
}

/* @xml: NULL: remove it */
static int set_metadata(struct domain *d, const char *xml)
{
	const char *argv[16] = { "virsh",    "--quiet", "--connect", d->uri,
				 "metadata", d->name,	"--uri",     XMLNS };
	char out[PROGRAM_OUT_MAX];
	size_t n = 8;
	int r;

	if (xml) {
		argv[n++] = "--key";
		argv[n++] = KEY;
		argv[n++] = "--set";
		argv[n++] = xml;
	} else {
		argv[n++] = "--remove";
	}
	if (!program_exists("virsh")) {
		argv[n++] = "--config";
		printf("virsh is not here (libvirt-clients); run this, with --live as well if the domain runs:\n  ");
		program_print(argv);
		return EXIT_PARTLY;
	}
	if (d->running)
		argv[n++] = "--live";
	if (d->persistent)
		argv[n++] = "--config";
	r = program_run(argv, out);
	/* Removing what is not there is what was asked for. */
	if (r == 0 || (!xml && strstr(out, "metadata not found")))
		return EXIT_SUCCESS;
	return adopt_fail(&d->a, "virsh metadata: %s", *out ? out_safe(out) : "failed");
}

static char *describe(const struct domain *d)
{
	const struct {
		const char *name, *value;
	} all[] = { { "min", d->a.min },
		    { "max", d->a.max },
		    { "shares", d->a.shares },
		    { "trust", *d->trust ? d->trust : NULL } };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fputs("<guest", f);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].value)
			fprintf(f, " %s=\"%s\"", all[i].name, all[i].value);
	fputs("/>", f);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* What keeps the metadata from counting. */
static void print_notes(const struct domain *d, const struct config *c)
{
	if (config_names(c, d->a.guest, NULL))
		printf("a section [guest ...] of %s is about it too, and comes first\n",
		       d->a.config);
	if (!c->libvirt_uri)
		printf("dynmemd does not ask libvirt yet: put 'uri = %s' in [backend libvirt] of %s, and 'systemctl reload dynmemd'\n",
		       d->uri, d->a.config);
	else if (c->mode == MODE_OBSERVE)
		printf("dynmemd only observes: guests are moved with 'mode = manage' in [daemon]\n");
}

static int adopt(struct domain *d, const struct config *c)
{
	_cleanup_(freep) char *xml = NULL;
	int status = read_domain(d);

	if (status >= 0)
		return status;
	xml = describe(d);
	status = xml ? set_metadata(d, xml) : adopt_fail(&d->a, "out of memory");
	if (status)
		return status;
	printf("%s: %s in its metadata, %s\n", out_safe(d->a.guest), xml,
	       !d->running     ? "from its next start on"
	       : d->persistent ? "now and at its next starts"
			       : "as long as it runs: it is a transient domain");
	print_notes(d, c);
	return EXIT_SUCCESS;
}

static int release(struct domain *d, const struct config *c)
{
	_cleanup_(freep) char *xml = NULL;
	int status = read_domain(d);

	if (status >= 0)
		return status;
	if (*d->trust) {
		xml = describe(d);
		if (!xml)
			return adopt_fail(&d->a, "out of memory");
	}
	status = set_metadata(d, xml);
	if (status)
		return status;
	printf("%s: nothing about dynmem in its metadata%s; the configuration's sections and defaults hold for it\n",
	       out_safe(d->a.guest), xml ? " but its trust domain" : "");
	print_notes(d, c);
	return EXIT_SUCCESS;
}

static void help_adopt(void)
{
	fputs("Usage: dynmem adopt DOMAIN [--min SIZE] [--max SIZE] [--shares N] [--uri URI]\n"
	      "                    [--config FILE]\n\n"
	      "Writes range and shares of a libvirt domain into its metadata, by virsh: at once for\n"
	      "one that runs, and for its next starts. What stood there before is replaced, but not\n"
	      "its trust domain.\n\n"
	      "Options, at least one of the first three:\n"
	      "      --min SIZE     it is never shrunk below, as 1G, or 25% of max\n"
	      "      --max SIZE     it is never grown above, as 8G, or 75% of its memory\n"
	      "      --shares N     its weight against others, 1 to 1000000\n"
	      "      --uri URI      libvirt's (default: that of [backend libvirt], else " URI_DEFAULT
	      ")\n"
	      "  -c, --config FILE  the daemon's configuration (default: " CONFIG_PATH ")\n"
	      "  -h, --help         this text\n\n"
	      "Exit status: 0 done, 1 failed, 5 virsh is missing: its command was printed.\n",
	      stdout);
}

static void help_release(void)
{
	fputs("Usage: dynmem release DOMAIN [--uri URI] [--config FILE]\n\n"
	      "Removes what 'dynmem adopt' wrote into a libvirt domain's metadata. The domain stays\n"
	      "dynmemd's, with the range that the configuration gives it, and in its trust domain.\n\n"
	      "Options:\n"
	      "      --uri URI      libvirt's (default: that of [backend libvirt], else " URI_DEFAULT
	      ")\n"
	      "  -c, --config FILE  the daemon's configuration (default: " CONFIG_PATH ")\n"
	      "  -h, --help         this text\n\n"
	      "Exit status: 0 done, 1 failed, 5 virsh is missing: its command was printed.\n",
	      stdout);
}

static int run(bool adopting, int argc, char **argv)
{
	struct domain d = { .a = { .command = adopting ? "adopt" : "release",
				   .config = CONFIG_PATH } };
	struct config *c = NULL;
	int status =
		adopt_parse(&d.a, adopting, true, adopting ? help_adopt : help_release, argc, argv);

	if (status >= 0)
		return status;
	if (adopting && !d.a.min && !d.a.max && !d.a.shares)
		return cmd_usage_error(d.a.command,
				       "nothing to write: give --min, --max or --shares");
	if ((size_t)snprintf(d.name, sizeof(d.name), "--domain=%s", d.a.guest) >= sizeof(d.name))
		return cmd_usage_error(d.a.command, "the domain's name is too long");
	if (adopt_config(&d.a, &c) < 0)
		return EXIT_FAILURE;
	d.uri = d.a.uri ? d.a.uri : c->libvirt_uri ? c->libvirt_uri : URI_DEFAULT;
	status = adopting ? adopt(&d, c) : release(&d, c);
	config_free(c);
	return status;
}

int cmd_adopt(int argc, char **argv)
{
	return run(true, argc, argv);
}

int cmd_release(int argc, char **argv)
{
	return run(false, argc, argv);
}
