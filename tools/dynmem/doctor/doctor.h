/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dynmem doctor: checks of this host and its guests.
 *
 * A check is a small function that reads /proc and /sys, or what the daemon
 * knows, and adds findings. All of them stand in the tables of doctor_checks.c.
 */
#ifndef DYNMEM_DOCTOR_H
#define DYNMEM_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

/* Of the output of --json; raised when a member changes its meaning. */
#define DOCTOR_SCHEMA 1

enum doctor_status {
	DOCTOR_OK,
	DOCTOR_NOTE, /* works, and could be better */
	DOCTOR_WARN, /* something will not work as wanted */
	DOCTOR_FAIL, /* dynmem cannot do its job */
	DOCTOR_STATUSES
};

/**
 * struct doctor - what checks read
 * @root: in front of /proc, /sys and /lib: "" or the folder of a test
 * @host: GetHost() of the daemon; NULL: it was not reached
 * @guests: ListGuests() of the daemon; NULL: it was not reached
 * @daemon_error: 0, or the negative errno that the daemon was not reached with
 */
struct doctor {
	const char *root;
	struct json_object *host, *guests;
	int daemon_error;
};

/**
 * struct doctor_guest - a guest, or a QEMU that the daemon does not know
 * @name: by the daemon, else of QEMU's command line, else of its process
 * @pid: of its QEMU; 0: not known
 * @known: one of ListGuests(), or NULL
 */
struct doctor_guest {
	char name[128];
	pid_t pid;
	struct json_object *known;
};

/**
 * struct findings - what was found
 * @list: an array of objects with "check", "status", "text", and where they
 *	apply "guest" and "mend"
 * @count: how many of each status
 * @check: the check that runs
 * @guest: whom it is about; NULL: the host
 */
struct findings {
	struct json_object *list;
	unsigned int count[DOCTOR_STATUSES];
	const char *check, *guest;
};

/** struct host_check - a check of the host */
struct host_check {
	const char *name;
	void (*run)(const struct doctor *d, struct findings *f);
};

/** struct guest_check - a check of one guest */
struct guest_check {
	const char *name;
	void (*run)(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
};

/* Up to an entry without a name. */
extern const struct host_check doctor_host_checks[];
extern const struct guest_check doctor_guest_checks[];

/** doctor_examine() - run all checks; free @f->list with json_object_put() */
void doctor_examine(const struct doctor *d, struct findings *f);

/* doctor_findings.c */

/**
 * found() - add a finding of the check that runs
 * @mend: the command, or what else to do; NULL: nothing is to be done
 * @format: the reason, one sentence without a full stop
 */
void found(struct findings *f, enum doctor_status status, const char *mend, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** doctor_status_name() - "ok", "note", "warn", "fail" */
const char *doctor_status_name(enum doctor_status status);

/* doctor_facts.c */

#define DOCTOR_TEXT 4096

/**
 * fact() - the start of a file below the root, as a string
 * @buf: gets it without the newline at its end; empty if it cannot be read
 * @size: of @buf
 * @format: of the path
 *
 * Return: its length; -1 if it cannot be read.
 */
ssize_t fact(const struct doctor *d, char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** fact_exists() - whether there is such a file below the root */
bool fact_exists(const struct doctor *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** fact_u64() - a file that holds a number; false: it does not, or is not there */
bool fact_u64(const struct doctor *d, uint64_t *ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * fact_row() - the number in a line "KEY  NUMBER" or "KEY  NUMBER kB"
 * @text: lines
 * @key: with its colon, where there is one
 * @ret: in bytes where the line has kB
 */
bool fact_row(const char *text, const char *key, uint64_t *ret);

/** fact_meminfo() - the same of /proc/meminfo */
bool fact_meminfo(const struct doctor *d, const char *key, uint64_t *ret);

/**
 * fact_processes() - each process, by its /proc/PID/comm
 * @each: gets its name; false ends the walk
 */
void fact_processes(const struct doctor *d, bool (*each)(void *data, pid_t pid, const char *comm),
		    void *data);

/** is_qemu() - whether a process's name is that of a QEMU with a machine */
bool is_qemu(const char *comm);

/* doctor_guests.c */

/**
 * doctor_guests() - all guests: those of the daemon, then QEMUs that it does not know
 * @ret_count: how many
 *
 * Return: an array; free() it
 */
struct doctor_guest *doctor_guests(const struct doctor *d, size_t *ret_count);

/* The checks: doctor_kernel.c, doctor_memory.c, doctor_ksm.c, doctor_guest.c */
void check_daemon(const struct doctor *d, struct findings *f);
void check_kernel(const struct doctor *d, struct findings *f);
void check_module(const struct doctor *d, struct findings *f);
void check_signature(const struct doctor *d, struct findings *f);
void check_source(const struct doctor *d, struct findings *f);
void check_psi(const struct doctor *d, struct findings *f);
void check_cgroup(const struct doctor *d, struct findings *f);
void check_swap(const struct doctor *d, struct findings *f);
void check_overcommit(const struct doctor *d, struct findings *f);
void check_minima(const struct doctor *d, struct findings *f);
void check_strict(const struct doctor *d, struct findings *f);
void check_zfs(const struct doctor *d, struct findings *f);
void check_huge_pages(const struct doctor *d, struct findings *f);
void check_oom(const struct doctor *d, struct findings *f);
void check_ksm(const struct doctor *d, struct findings *f);
void check_rivals(const struct doctor *d, struct findings *f);

void check_known(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_qemu(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_balloon(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_statistics(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_reporting(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_pinned(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_range(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_rival(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_mergeable(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_own_cgroup(const struct doctor *d, const struct doctor_guest *g, struct findings *f);
void check_alert(const struct doctor *d, const struct doctor_guest *g, struct findings *f);

#endif
