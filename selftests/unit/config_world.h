/* SPDX-License-Identifier: GPL-2.0 */
/* A file of configuration, and what is complained of in it. */
#ifndef CONFIG_WORLD_H
#define CONFIG_WORLD_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "dynmemd/config/daemon_config.h"

static char folder[] = "/tmp/dynmem-config-XXXXXX";
static char path[sizeof(folder) + 16];
static char complaints[4096];

static int setup(_unused_ void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/c", folder);
	return 0;
}

static int teardown(_unused_ void **state)
{
	unlink(path);
	return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Complaints without the folder's name, which differs from run to run. */
static void complain(const char *text, _unused_ void *userdata)
{
	size_t n = strlen(complaints);

	if (!strncmp(text, folder, strlen(folder)))
		text += strlen(folder) + 1;
	snprintf(complaints + n, sizeof(complaints) - n, "%s%s", n ? "\n" : "", text);
}

static int load(struct config **ret, const char *text)
{
	complaints[0] = 0;
	write_file(path, text);
	return config_load(ret, path, true, complain, NULL);
}

static void refuses(const char *text, const char *complaint)
{
	struct config *c = NULL;

	assert_int_equal(load(&c, text), -EINVAL);
	assert_null(c);
	assert_string_equal(complaints, complaint);
}

#endif
