/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Handing a guest over, and taking it back: what the ways of Proxmox VE and of
 * libvirt share.
 */
#ifndef DYNMEM_ADOPT_H
#define DYNMEM_ADOPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dynmemd/config/daemon_config.h"

/**
 * struct adopt - one command line
 * @command: "pve adopt", for messages
 * @guest: VMID or domain
 * @min: as typed, valid, or NULL; so are @max and @shares
 * @rule: the same, read
 * @config: path of the daemon's configuration
 * @uri: of libvirt, or NULL
 */
struct adopt {
	const char *command;
	const char *guest;
	const char *min, *max, *shares;
	struct guest_rule rule;
	const char *config;
	const char *uri;
};

/**
 * adopt_parse() - read the command line
 * @a: with @command and @config set
 * @ranges: --min, --max and --shares are taken
 * @libvirt: --uri is taken
 * @help: prints the help
 *
 * Return: -1 to go on, else the exit status.
 */
int adopt_parse(struct adopt *a, bool ranges, bool libvirt, void (*help)(void), int argc,
		char **argv);

/** adopt_fail() - print an error. Return: EXIT_FAILURE */
int adopt_fail(const struct adopt *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * adopt_config() - read the daemon's configuration
 * @ret: free with config_free()
 *
 * Return: 0, or -EINVAL when the complaints were printed.
 */
int adopt_config(const struct adopt *a, struct config **ret);

/**
 * adopt_read() - a small file as a string
 *
 * Return: its length; a negative errno.
 */
ssize_t adopt_read(const char *path, char **ret);

/** adopt_write() - replace a file as a whole, or not at all. Return: 0 or a negative errno. */
int adopt_write(const char *path, const char *text);

/**
 * adopt_reload() - have a daemon that runs read its configuration
 *
 * Return: EXIT_SUCCESS; EXIT_PARTLY after printing what is left to do.
 */
int adopt_reload(const struct adopt *a);

#endif
