/* SPDX-License-Identifier: GPL-2.0 */
/*
 * State that outlives the daemon: which guests there are and were, their targets,
 * what was learned about them and the host; and its text, two lines of JSON:
 *
 *	{"dynmem-state":2,"time":1700000000,"boot":"...",...,"guests":[{"name":"web1",...},...]}
 *	{"fnv1a":"0123456789abcdef"}
 *
 * The second line is a checksum (FNV-1a, 64 bits) of the first. A key that is not
 * known is skipped and one that is missing has its default, so that keys may come
 * and go; a change that an older daemon would misunderstand takes another number in
 * "dynmem-state".
 */
#ifndef DYNMEMD_STATE_H
#define DYNMEMD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dynmemd/core/guest.h"
#include "policy/policy.h"

#define STATE_VERSION 2

/* A host with as many guests as the engine takes stays far below. */
#define STATE_SIZE_MAX (64u << 20)

/**
 * struct record - one guest
 * @name: printable UTF-8
 * @pid: of its QEMU
 * @start: when that started, clock ticks since boot; 0: not known
 * @memory: what its balloon was seen to count from, bytes
 * @actual: its size when it was seen last, bytes
 * @target: size last commanded, bytes
 * @gone: seconds since the epoch since when it is gone; 0: it is there
 * @from: the end of the path where it was found
 * @learned: the engine's
 */
struct record {
	char name[GUEST_NAME_MAX];
	char from[40];
	uint64_t pid, start;
	uint64_t memory, actual, target;
	uint64_t gone;
	struct policy_guest_state learned;
};

/**
 * struct reservation - memory kept for a guest that is about to start
 * @id: its number, which no other has or had
 * @bytes: how much
 * @until: seconds since the epoch when it lapses
 * @name: of that guest, printable ASCII; empty: not known
 */
struct reservation {
	uint32_t id;
	uint64_t bytes, until;
	char name[GUEST_NAME_MAX];
};

/* Guests with settings of run time; nobody sets so many by hand. */
#define STATE_SETTINGS_MAX 4096u

/**
 * struct setting - one that was made at run time
 * @value: a struct size's; shares; for a hold 1
 * @relative: a struct size's
 * @at: seconds since the epoch, when it was made; 0: it was not
 * @until: when it ends; 0: never
 */
struct setting {
	uint64_t value;
	uint32_t relative;
	uint64_t at, until;
};

/**
 * struct settings - those of one guest, whether it is there or not
 * @name: printable UTF-8
 */
struct settings {
	char name[GUEST_NAME_MAX];
	struct setting of[SETTING_COUNT];
};

/**
 * struct state - all of it
 * @time: seconds since the epoch when it was written
 * @boot: the kernel's boot ID then; PIDs of another boot mean nothing
 * @drain: the operator wants guests to have their memory back
 * @host: the engine's
 * @gate_taken: what the gate let through within the minute before @time
 * @next_reservation: number of the next one
 * @reserved: reservations that hold, and perhaps some that are over
 * @set: what was set at run time
 * @records: each of them stays where it is until state_expire()
 */
struct state {
	uint64_t time;
	char boot[40];
	uint32_t drain;
	struct policy_host_state host;
	uint64_t gate_taken;
	uint32_t next_reservation;
	struct reservation reserved[POLICY_RESERVES_MAX];
	size_t n_reserved;
	struct settings *set;
	size_t n_set;
	struct record **records;
	size_t n, space;
};

/**
 * state_parse() - read what state_render() wrote
 * @s: all zero
 *
 * Takes any bytes. On failure @s is all zero again.
 *
 * Return: 0; -EBADMSG: damaged; -EPROTONOSUPPORT: of another version;
 * -ENOMEM.
 */
int state_parse(struct state *s, const char *text, size_t len);

/** state_version() - the version that the text begins with; 0: none */
unsigned int state_version(const char *text, size_t len);

/**
 * state_render() - as text
 * @ret_len: its length
 * @ret_sum: checksum of all but the time at which it was written
 *
 * Return: the text, for free(); NULL: no memory.
 */
char *state_render(const struct state *s, size_t *ret_len, uint64_t *ret_sum);

/** state_find() - the record of a guest, or NULL */
struct record *state_find(const struct state *s, const char *name);

/** state_find_settings() - those of a guest, or NULL */
struct settings *state_find_settings(const struct state *s, const char *name);

/** state_add_settings() - without content; NULL: no memory, or too many */
struct settings *state_add_settings(struct state *s, const char *name);

/** state_forget_settings() - @n of state.set */
void state_forget_settings(struct state *s, size_t n);

/** state_add() - a record without content; NULL: no memory */
struct record *state_add(struct state *s, const char *name);

/**
 * state_expire() - forget guests that are gone
 * @now: seconds since the epoch
 *
 * After 30 days, or the longest gone first where there are more than 1000.
 */
void state_expire(struct state *s, uint64_t now);

/** state_clear() - free what it holds; all zero afterwards */
void state_clear(struct state *s);

#endif
