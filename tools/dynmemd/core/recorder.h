/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The recorder: all that enters the engine and what it decides, as the lines of
 * a recording, to whoever asked for them.
 */
#ifndef DYNMEMD_RECORDER_H
#define DYNMEMD_RECORDER_H

#include <stdbool.h>

#include "policy/policy.h"

#define RECORDER_SINKS 8 /* that are served at a time */

struct recorder;

/** recorder_line_t - one more line, without its end; NULL: there was no memory */
typedef void (*recorder_line_t)(void *userdata, const char *line);

/** recorder_new() - 0 or -ENOMEM */
int recorder_new(struct recorder **ret, struct policy *p);

struct recorder *recorder_free(struct recorder *r);

/**
 * recorder_add() - begin a recording
 * @userdata: distinguishes it from others
 *
 * @f gets its first lines before this returns. Return: 0; -EBUSY.
 */
int recorder_add(struct recorder *r, recorder_line_t f, void *userdata);

/** recorder_remove() - end it */
void recorder_remove(struct recorder *r, const void *userdata);

/**
 * recorder_open() - record into a file until the end
 *
 * Return: 0; -EEXIST: there is such a file; another negative errno.
 */
int recorder_open(struct recorder *r, const char *path);

#endif
