/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KSM as `dynmem ksm` shows it: collected by ksm_read.c, printed by ksm_show.c.
 */
#ifndef DYNMEM_KSM_VIEW_H
#define DYNMEM_KSM_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct ksm_host - /sys/kernel/mm/ksm and ksmd
 * @run: 0 stopped, 1 merging, 2 unmerging
 * @pages_to_scan: for each wake-up
 * @sleep_ms: between wake-ups
 * @shared: pages that are left of those that were merged
 * @sharing: pages that were given up for them
 * @unshared: pages that were found once
 * @volatiles: pages that change too fast
 * @zero_pages: pages replaced by the kernel's zero page; not in @sharing
 * @scanned: pages, since boot; 0 where the kernel does not count
 * @full_scans: since boot
 * @cpu_ns: of ksmd since boot
 * @profit: bytes, by the kernel or estimated
 * @saved: bytes
 * @advisor: the kernel's advisor drives the pace
 * @driver: who is known to write the settings ("ksmtuned", "dynmemd"), or ""
 * @mode: of dynmemd's [ksm]; "": no daemon answers
 */
struct ksm_host {
	unsigned int run;
	uint64_t pages_to_scan, sleep_ms;
	uint64_t shared, sharing, unshared, volatiles, zero_pages;
	uint64_t scanned, full_scans, cpu_ns;
	int64_t profit;
	uint64_t saved;
	bool advisor;
	char driver[160], mode[16];
};

enum ksm_by {
	KSM_BY_PROCESS,
	KSM_BY_CGROUP,
	KSM_BY_GUEST,
};

/**
 * struct ksm_row - a process, cgroup or guest
 * @name: comm, path or guest
 * @pid: of a process or guest, else 0
 * @processes: that it sums
 * @merging: pages that share with others
 * @zero_pages: pages replaced by the kernel's zero page
 * @rmap_items: pages that ksmd knows of it
 * @saved: bytes, of which the sum over all rows is the host's
 * @profit: bytes, @saved less what ksmd needs to remember
 * @rss: bytes
 * @mergeable: it asked for merging
 */
struct ksm_row {
	char name[256];
	pid_t pid;
	unsigned int processes;
	uint64_t merging, zero_pages, rmap_items;
	uint64_t saved;
	int64_t profit;
	uint64_t rss;
	bool mergeable;
};

struct ksm_table {
	struct ksm_row *rows;
	size_t n, space;
	bool from_module;
	bool partly; /* of some processes nothing could be read: not root */
};

/** ksm_read_host() - 0; -ENOSYS: this kernel has no KSM */
int ksm_read_host(struct ksm_host *ret);

/** ksm_ask_daemon() - what dynmemd does about it, and who else; fills in @driver and @mode */
void ksm_ask_daemon(struct ksm_host *h);

/**
 * ksm_read_table() - those that KSM knows, by the module if it is loaded, else by /proc
 * @all: also processes that did not ask for merging
 *
 * Sorted by profit. Return: 0 or a negative errno; free with ksm_table_free().
 */
int ksm_read_table(const struct ksm_host *host, enum ksm_by by, bool all, struct ksm_table *ret);

void ksm_table_free(struct ksm_table *t);

/**
 * ksm_read_process() - one process, by /proc
 *
 * Return: 0; -ESRCH: it is gone, or a kernel thread; -EACCES; another negative errno.
 */
int ksm_read_process(const struct ksm_host *host, pid_t pid, struct ksm_row *ret);

/** ksm_descends() - whether a process is a child of another one, or a child's child, ... */
bool ksm_descends(pid_t pid, pid_t from);

/** ksm_run() - dynmem ksm run; @argv: the command. Return: exit status */
int ksm_run(bool json, char **argv);

#endif
