/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's D-Bus API, as JSON objects.
 */
#ifndef DYNMEM_BUS_H
#define DYNMEM_BUS_H

#include <json-c/json.h>
#include <systemd/sd-bus.h>

/**
 * bus_open() - connect to the system bus
 * @ret_bus: set on success, free with sd_bus_flush_close_unref()
 *
 * Return: 0, or a negative errno: no bus runs, or no permission.
 */
int bus_open(sd_bus **ret_bus);

/**
 * bus_call() - call a method of the daemon's manager without arguments
 * @bus: from bus_open()
 * @method: "GetHost" (gives an object) or "ListGuests" (gives an array)
 * @ret: set on success, free with json_object_put()
 *
 * Return: 0; -ESRCH when no daemon runs; another negative errno.
 */
int bus_call(sd_bus *bus, const char *method, struct json_object **ret);

#define BUS_WHY_MAX 256

/**
 * bus_order() - call a method of the daemon's manager with arguments
 * @bus: from bus_open()
 * @method: see dynmemd/api.h
 * @ret: as of bus_call(); NULL: there is no answer but that it was done
 * @why: on failure, what is wrong, in words
 * @types: signature of the arguments that follow, as for
 *	sd_bus_message_append()
 *
 * Return: 0; -ESRCH when no daemon runs; -EROFS when it refuses; another
 * negative errno.
 */
int bus_order(sd_bus *bus, const char *method, struct json_object **ret,
	      char why[static BUS_WHY_MAX], const char *types, ...);

/**
 * bus_fail() - say what went wrong
 * @command: the subcommand
 * @error: of bus_open() or bus_order()
 *
 * Return: the exit status for it
 */
int bus_fail(const char *command, int error, const char *why);

/**
 * bus_read_value() - the next value of a message
 * @m: a message
 * @type: its signature, one complete type: basic, 'v', 'a{sv}' or an array
 * @ret: set on success; a map becomes an object, an array an array
 *
 * Return: 1, 0 at the end of the container, or a negative errno.
 */
int bus_read_value(sd_bus_message *m, const char *type, struct json_object **ret);

/**
 * bus_error() - what a failed bus_open() or bus_call() means, and what to do
 * @error: the negative errno that it gave
 */
const char *bus_error(int error);

#endif
