// SPDX-License-Identifier: GPL-2.0
/* Checks of KSM, and of programs that drive what dynmem drives. */
#include <string.h>

#include "common/dbus_names.h"
#include "dynmem/doctor/doctor.h"
#include "dynmem/out.h"

#define KSM_SYSFS "/sys/kernel/mm/ksm"

/* Programs that move balloons or drive ksmd. */
static const struct rival {
	const char *name;
	const char *does, *mend;
} rivals[] = {
	{ "pvestatd", "moves balloons of guests with shares (Proxmox VE)",
	  "dynmem pve adopt VMID for each guest that dynmem is to manage" },
	{ "ksmtuned", "starts, stops and tunes KSM", "systemctl disable --now ksmtuned" },
	{ "momd", "moves balloons and tunes KSM (MoM)", "systemctl disable --now momd" },
	{ "vdsmd", "moves balloons and tunes KSM (oVirt)",
	  "switch ballooning and KSM off in the cluster's policy" },
};

#define N_RIVALS (sizeof(rivals) / sizeof(rivals[0]))

/*
 * A script has the name of its interpreter on some systems: then the program is
 * its first argument.
 */
static const struct rival *rival_of(const struct doctor *d, pid_t pid, const char *comm)
{
	char args[512];
	const char *name = comm;
	ssize_t n;

	if (!strncmp(comm, "python", 6) || !strcmp(comm, "bash") || !strcmp(comm, "perl")) {
		n = fact(d, args, sizeof(args), "/proc/%d/cmdline", pid);
		if (n > 0 && (size_t)n > strlen(args) + 1) {
			name = args + strlen(args) + 1;
			name = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
		}
	}
	for (size_t i = 0; i < N_RIVALS; i++)
		if (!strcmp(name, rivals[i].name))
			return &rivals[i];
	return NULL;
}

struct rival_walk {
	const struct doctor *d;
	struct findings *f;
	const char *only; /* NULL: any */
	pid_t pid;	  /* of the last that was found */
};

static bool report_rival(void *data, pid_t pid, const char *comm)
{
	struct rival_walk *w = data;
	const struct rival *r = rival_of(w->d, pid, comm);

	if (!r || (w->only && strcmp(r->name, w->only) != 0))
		return true;
	w->pid = pid;
	if (w->f)
		found(w->f, DOCTOR_WARN, r->mend, "%s (pid %d) runs, which %s", r->name, (int)pid,
		      r->does);
	return true;
}

void check_rivals(const struct doctor *d, struct findings *f)
{
	struct rival_walk w = { .d = d, .f = f };

	fact_processes(d, report_rival, &w);
	if (!w.pid)
		found(f, DOCTOR_OK, NULL,
		      "no other program is known to move balloons or to drive KSM");
}

static const char *ksm_driver(const struct doctor *d)
{
	struct rival_walk w = { .d = d, .only = "ksmtuned" };
	const char *known = out_str(d->host, DYNMEM_HOST_KSM_DRIVER);
	char advisor[64];

	if (*known)
		return known;
	fact_processes(d, report_rival, &w);
	if (w.pid)
		return "ksmtuned";
	fact(d, advisor, sizeof(advisor), KSM_SYSFS "/advisor_mode");
	if (strstr(advisor, "[scan-time]"))
		return "the kernel's advisor";
	return "what is set in " KSM_SYSFS;
}

void check_ksm(const struct doctor *d, struct findings *f)
{
	uint64_t run;

	if (!fact_u64(d, &run, KSM_SYSFS "/run"))
		found(f, DOCTOR_NOTE, "boot a kernel with CONFIG_KSM=y", "this kernel has none");
	else if (run == 0)
		found(f, DOCTOR_NOTE,
		      "[ksm] mode = manage in dynmem.conf, or echo 1 >" KSM_SYSFS "/run",
		      "off: equal pages of guests are kept many times");
	else if (run == 2)
		found(f, DOCTOR_WARN, "echo 1 >" KSM_SYSFS "/run",
		      "set to take apart what it has merged; guests need that memory now");
	else if (out_has(d->host, DYNMEM_HOST_KSM_ERROR))
		found(f, DOCTOR_WARN, "journalctl -u dynmemd -g KSM", "dynmemd cannot set it: %s",
		      out_str(d->host, DYNMEM_HOST_KSM_ERROR));
	else if (out_has(d->host, DYNMEM_HOST_KSM_ALERT))
		found(f, DOCTOR_WARN, "see [ksm] in dynmem.conf(5)", "%s",
		      out_str(d->host, DYNMEM_HOST_KSM_ALERT));
	else
		found(f, DOCTOR_OK, NULL, "runs; driven by: %s", ksm_driver(d));
}
