// SPDX-License-Identifier: GPL-2.0
/* All checks, in the order of the output. */
#include <stdlib.h>

#include "dynmem/doctor/doctor.h"

const struct host_check doctor_host_checks[] = {
	{ "daemon", check_daemon },
	{ "kernel", check_kernel },
	{ "module", check_module },
	{ "signature", check_signature },
	{ "source", check_source },
	{ "psi", check_psi },
	{ "cgroup", check_cgroup },
	{ "swap", check_swap },
	{ "overcommit", check_overcommit },
	{ "minima", check_minima },
	{ "strict", check_strict },
	{ "zfs", check_zfs },
	{ "huge-pages", check_huge_pages },
	{ "ksm", check_ksm },
	{ "rivals", check_rivals },
	{ "oom", check_oom },
	{ 0 },
};

const struct guest_check doctor_guest_checks[] = {
	{ "known", check_known },	  { "qemu", check_qemu },
	{ "balloon", check_balloon },	  { "statistics", check_statistics },
	{ "reporting", check_reporting }, { "pinned", check_pinned },
	{ "range", check_range },	  { "rival", check_rival },
	{ "mergeable", check_mergeable }, { "own-cgroup", check_own_cgroup },
	{ "alert", check_alert },	  { 0 },
};

void doctor_examine(const struct doctor *d, struct findings *f)
{
	struct doctor_guest *guests;
	size_t n;

	*f = (struct findings){ .list = json_object_new_array() };
	for (const struct host_check *c = doctor_host_checks; c->name; c++) {
		f->check = c->name;
		c->run(d, f);
	}
	guests = doctor_guests(d, &n);
	for (size_t i = 0; i < n; i++) {
		f->guest = guests[i].name;
		for (const struct guest_check *c = doctor_guest_checks; c->name; c++) {
			f->check = c->name;
			c->run(d, &guests[i], f);
		}
	}
	f->guest = NULL;
	free(guests);
}
