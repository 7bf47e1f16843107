/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Recordings: all that entered an engine and what it decided, a JSON object a
 * line. The daemon writes them, the simulator's command replays them.
 */
#ifndef DYNMEM_RECORDING_H
#define DYNMEM_RECORDING_H

#include <json-c/json.h>

#include "common/record_json.h"
#include "policy/input.h"

#define RECORDING_TYPE "recording" /* "type" of the first line */

/**
 * recording_header() - the first line
 * @exact: a replay decides the same, see policy_listen()
 */
struct json_object *recording_header(const char *version, bool exact);

/**
 * recording_line() - a line for an input
 * @name: of the guest that it is about; NULL: it is about none, or not known
 *
 * Return: a new object, NULL: no memory.
 */
struct json_object *recording_line(const struct policy_input *in, const char *name);

struct replay;

/**
 * struct replay_decision - what one guest got, in the replay and as recorded
 * @name: of the guest
 * @d: of the replay
 * @recorded: there is a recorded one, of which @target and @reason are set
 */
struct replay_decision {
	const char *name;
	uint64_t now;
	const struct policy_decision *d;
	bool recorded;
	uint64_t target;
	const char *reason;
};

/** struct replay_sums - @differ: decisions and emergency steps unlike the recorded ones */
struct replay_sums {
	bool exact;
	unsigned long lines, decides, decisions, sent, steps, differ;
};

typedef void (*replay_decision_t)(void *userdata, const struct replay_decision *d);

/** replay_new() - @f: hears of each decision; NULL: nobody does. 0 or -ENOMEM */
int replay_new(struct replay **ret, replay_decision_t f, void *userdata);

/**
 * replay_line() - give the engine what a line says
 * @why: on failure, in words
 *
 * Return: 0, -EBADMSG, -ENOMEM.
 */
int replay_line(struct replay *r, struct json_object *line, char why[RECORD_WHY_MAX]);

const struct replay_sums *replay_sums(const struct replay *r);

struct replay *replay_free(struct replay *r);

#endif
