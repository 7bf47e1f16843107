// SPDX-License-Identifier: GPL-2.0
/* The configuration: an input is the text of a file. */
#include <sys/mman.h>
#include <unistd.h>

#include "dynmemd/config/daemon_config.h"
#include "common/util.h"
#include "fuzz.h"

static char path[64];
static int file = -1;

int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	file = memfd_create("dynmem.conf", MFD_CLOEXEC);
	promise(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

static void complain(const char *text, void *userdata)
{
	unsigned int *complaints = userdata;

	/* It says which file, or which section. */
	promise(strlen(text) > 2 && strchr(text, ':'));
	(*complaints)++;
}

static void check_guest(const struct config *c, const char *name, uint64_t memory)
{
	static const struct guest_rule none;
	struct guest_limits l = config_guest(c, name, NULL, memory, &none, NULL);

	promise(l.min <= l.max && l.max <= memory && l.shares > 0);
}

static void check(const struct config *c)
{
	const char *why;

	promise(policy_tunables_check(&c->policy, &why) == 0);
	check_guest(c, "web1", 4 * GIB);
	check_guest(c, "", 0);
	check_guest(c, "[*?", UINT64_MAX);
	for (size_t i = 0; i < c->n_rules; i++)
		check_guest(c, c->rules[i].pattern, GIB);
	for (size_t i = 0; i < c->n_qmp_paths; i++)
		promise(*c->qmp_paths[i]);
	for (size_t i = 0; i < c->n_qmp_sockets; i++)
		promise(*c->qmp_sockets[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = NULL;
	unsigned int complaints = 0;
	int r;

	promise(ftruncate(file, 0) == 0);
	promise(pwrite(file, data, size, 0) == (ssize_t)size);
	r = config_load(&c, path, true, complain, &complaints);
	/* What was complained about is not taken, and the other way around. */
	promise((r == 0) == (complaints == 0) && (r == 0) == (c != NULL));
	if (c)
		check(c);
	config_free(c);
	return 0;
}
