/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A snapshot of the host and its guests: from the daemon, else from the kernel.
 */
#ifndef DYNMEM_STATE_H
#define DYNMEM_STATE_H

#include <json-c/json.h>
#include <systemd/sd-bus.h>

/**
 * state_collect() - the host and its guests as one object
 * @ret: { "host": {DYNMEM_HOST_*}, "guests": [{DYNMEM_GUEST_*}] }; NULL when
 *	neither daemon nor module answers, and why was printed
 * @ret_daemon_error: 0, or the negative errno that the daemon was not reached
 *	with
 *
 * Return: an exit status: EXIT_SUCCESS, EXIT_NO_DAEMON, EXIT_NO_MODULE
 */
int state_collect(struct json_object **ret, int *ret_daemon_error);

/**
 * state_ask() - the same of the daemon alone, on a bus that is open
 * @bus: from bus_open()
 * @ret: as above, set on success
 *
 * Return: 0, or a negative errno as of bus_call()
 */
int state_ask(sd_bus *bus, struct json_object **ret);

/**
 * state_guest() - one guest, with all that is known of it
 * @cmd: the subcommand, for messages
 * @ret: {DYNMEM_GUEST_*, DYNMEM_DETAIL_*}, set on success
 *
 * Return: an exit status; what is wrong was printed.
 */
int state_guest(const char *cmd, const char *name, struct json_object **ret);

/** state_add_records() - "records" of host and guests, if the daemon has them */
void state_add_records(sd_bus *bus, struct json_object *state);

#endif
