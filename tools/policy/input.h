/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that enters an engine, as a listener sees it: who writes it down can have
 * another engine decide the same.
 */
#ifndef DYNMEM_POLICY_INPUT_H
#define DYNMEM_POLICY_INPUT_H

#include "policy.h"

enum policy_input_type {
	POLICY_INPUT_TUNABLES,	      /* @tunables */
	POLICY_INPUT_DRAIN,	      /* @on */
	POLICY_INPUT_HOST,	      /* @host */
	POLICY_INPUT_HOST_STATE,      /* @host_state */
	POLICY_INPUT_GUEST_ADD,	      /* @config, @bytes: its balloon's size */
	POLICY_INPUT_GUEST_REMOVE,    /* nothing more */
	POLICY_INPUT_GUEST_CONFIGURE, /* @config */
	POLICY_INPUT_GUEST,	      /* @record */
	POLICY_INPUT_GUEST_STATE,     /* @state */
	POLICY_INPUT_GUEST_EVENT,     /* @event */
	POLICY_INPUT_POLLING,	      /* @on */
	POLICY_INPUT_COMMAND,	      /* @bytes: the target */
	POLICY_INPUT_RESERVE,	      /* @guest: the reservation's number; @bytes, @ttl */
	POLICY_INPUT_RESERVE_RESTORE, /* the same */
	POLICY_INPUT_RESERVE_STARTED, /* @bytes: its number */
	POLICY_INPUT_RELEASE,	      /* @guest: its number */
	/* What the engine was asked, and its answer. */
	POLICY_INPUT_DECIDE,	     /* @result */
	POLICY_INPUT_EMERGENCY,	     /* @step, @steps */
	POLICY_INPUT_EMERGENCY_NEXT, /* @step, @steps */
	POLICY_INPUT_COUNT
};

/** policy_input_name() - "guest-add", "decide", ... */
const char *policy_input_name(enum policy_input_type type);

/** policy_guest_event_name() - "reboot", "pause", ...; NULL beyond the last */
const char *policy_guest_event_name(enum policy_guest_event event);

/**
 * struct policy_input - one call
 * @guest: handle, of a type that is about a guest
 */
struct policy_input {
	enum policy_input_type type;
	unsigned int guest;
	uint64_t now;
	uint64_t bytes, ttl;
	bool on;
	enum policy_guest_event event;
	const struct policy_tunables *tunables;
	const struct policy_guest_config *config;
	const struct guest_record *record;
	const struct policy_guest_state *state;
	const struct host_record *host;
	const struct policy_host_state *host_state;
	const struct policy_result *result;
	const struct policy_plan_step *step;
	unsigned int steps;
};

/** policy_input_t - called after the engine took @in */
typedef void (*policy_input_t)(void *userdata, const struct policy_input *in);

/**
 * policy_listen() - have all input reported
 * @f: NULL: not any more
 *
 * First comes what brings a new engine to about the same state: short memories,
 * as of the last seconds' growth, are left out. See policy_is_new().
 */
void policy_listen(struct policy *p, policy_input_t f, void *userdata);

/** policy_is_new() - it had no input so far: a listener from now on misses nothing */
bool policy_is_new(const struct policy *p);

#endif /* DYNMEM_POLICY_INPUT_H */
