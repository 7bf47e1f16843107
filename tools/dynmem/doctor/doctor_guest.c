// SPDX-License-Identifier: GPL-2.0
/* Checks of a guest: what the daemon knows of it, and its QEMU in /proc. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/dbus_names.h"
#include "dynmem/doctor/doctor.h"
#include "dynmem/out.h"

static bool is_class(const struct doctor_guest *g, const char *class)
{
	return !strcmp(out_str(g->known, DYNMEM_GUEST_CLASS), class);
}

void check_known(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	if (!d->guests)
		return;
	if (!g->known)
		found(f, DOCTOR_WARN,
		      "start it with -qmp unix:/run/dynmem/qmp/NAME.qmp,server=on,wait=off, or "
		      "configure [backend libvirt] or [backend pve]",
		      "dynmemd does not know this QEMU (pid %d)", (int)g->pid);
	else if (out_has(g->known, DYNMEM_GUEST_OBSERVED))
		found(f, DOCTOR_NOTE, "dynmem pve adopt VMID, or dynmem.conf(5)",
		      "only observed: %s", out_str(g->known, DYNMEM_GUEST_OBSERVED));
	else if (json_object_get_boolean(json_object_object_get(g->known, DYNMEM_GUEST_HELD)))
		found(f, DOCTOR_NOTE, "see dynmem.conf(5)", "an operator has it left as it is");
	else
		found(f, DOCTOR_OK, NULL, "found by the backend %s",
		      out_str(g->known, DYNMEM_GUEST_BACKEND));
}

/* "-machine pc-q35-9.0,accel=kvm" has the version that it was made for. */
static bool machine_version(const char *args, size_t len, unsigned int *major, unsigned int *minor)
{
	for (const char *arg = args; arg < args + len; arg += strlen(arg) + 1) {
		const char *type = strstr(arg, "pc-i440fx-") ?: strstr(arg, "pc-q35-");

		if (type &&
		    sscanf(type + strcspn(type, "-") + 1, "%*[a-z0-9]-%u.%u", major, minor) == 2)
			return true;
	}
	return false;
}

void check_qemu(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	char args[16 * DOCTOR_TEXT], path[PATH_MAX], exe[PATH_MAX];
	unsigned int major = 0, minor = 0;
	ssize_t n;

	if (!g->pid)
		return;
	snprintf(path, sizeof(path), "%s/proc/%d/exe", d->root, (int)g->pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	if (strstr(exe, " (deleted)")) {
		found(f, DOCTOR_NOTE, "shut the guest down and start it again, or migrate it",
		      "its program was replaced by another version since it was started");
		return;
	}
	n = fact(d, args, sizeof(args), "/proc/%d/cmdline", (int)g->pid);
	if (n > 0 && machine_version(args, (size_t)n, &major, &minor) &&
	    (major < 7 || (major == 7 && minor < 2)))
		found(f, DOCTOR_NOTE, "newer machine type, once the guest is shut down",
		      "its machine type is of QEMU %u.%u; dynmem is tested with 7.2 and newer",
		      major, minor);
	else
		found(f, DOCTOR_OK, NULL, "pid %d", (int)g->pid);
}

/* The daemon knows best; else a device on the command line, which libvirt's JSON has as well. */
static bool has_balloon(const struct doctor *d, const struct doctor_guest *g)
{
	char args[16 * DOCTOR_TEXT];
	ssize_t n;

	if (g->known)
		return !is_class(g, "no-balloon");
	n = fact(d, args, sizeof(args), "/proc/%d/cmdline", (int)g->pid);
	for (const char *arg = args; n > 0 && arg < args + n; arg += strlen(arg) + 1)
		if (strstr(arg, "virtio-balloon"))
			return true;
	return false;
}

void check_balloon(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	if (!has_balloon(d, g))
		found(f, DOCTOR_WARN,
		      "-device virtio-balloon-pci,free-page-reporting=on; in libvirt "
		      "<memballoon model='virtio'/>",
		      "it has no balloon: dynmem cannot move its memory");
	else if (g->known && is_class(g, "stuck"))
		found(f, DOCTOR_WARN,
		      "in the guest: modprobe virtio_balloon; on Windows, install the "
		      "driver Balloon of virtio-win",
		      "its balloon does not move: the driver is not loaded, or the guest hangs");
	else
		found(f, DOCTOR_OK, NULL, "it has one%s",
		      g->known ? "" : "; its driver was not asked");
}

void check_statistics(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	(void)d;
	if (!g->known || is_class(g, "no-balloon"))
		return;
	if (is_class(g, "silent"))
		found(f, DOCTOR_WARN,
		      "in the guest: modprobe virtio_balloon; on Windows: blnsvr.exe -i as "
		      "administrator",
		      "it reports none: no driver, or on Windows no service of it");
	else if (is_class(g, "starting") || is_class(g, "rebooting"))
		found(f, DOCTOR_NOTE, NULL, "not yet: it %s",
		      is_class(g, "starting") ? "starts" : "boots again");
	else if (is_class(g, "paused") || is_class(g, "frozen"))
		found(f, DOCTOR_NOTE, NULL, "none while it is paused or migrated");
	else if (out_has(g->known, DYNMEM_GUEST_USED))
		found(f, DOCTOR_OK, NULL, "it reports");
	else
		found(f, DOCTOR_NOTE, "dynmem status", "none so far; its class is %s",
		      out_str(g->known, DYNMEM_GUEST_CLASS));
}

void check_reporting(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	(void)d;
	if (!g->known || !out_has(g->known, DYNMEM_GUEST_REPORTING))
		return;
	if (json_object_get_boolean(json_object_object_get(g->known, DYNMEM_GUEST_REPORTING)))
		found(f, DOCTOR_OK, NULL, "on");
	else
		found(f, DOCTOR_NOTE,
		      "-device virtio-balloon-pci,free-page-reporting=on; in libvirt "
		      "<memballoon freePageReporting='on'>",
		      "off: what the guest frees comes back only by its balloon");
}

/* Memory that the kernel counts as locked, pinned or in huge pages, in bytes. */
static const char *counted_pin(const struct doctor *d, pid_t pid)
{
	static const struct {
		const char *key, *why;
	} rows[] = {
		{ "VmLck:", "its memory is locked" },
		{ "VmPin:", "a device keeps all of its memory in place" },
		{ "HugetlbPages:", "its memory is in reserved huge pages" },
	};
	uint64_t rss = 0, bytes;
	char text[DOCTOR_TEXT];

	if (!pid || fact(d, text, sizeof(text), "/proc/%d/status", (int)pid) <= 0)
		return NULL;
	fact_row(text, "VmRSS:", &rss);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fact_row(text, rows[i].key, &bytes) && bytes && bytes >= rss / 2)
			return rows[i].why;
	return NULL;
}

void check_pinned(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	const char *why = out_str(g->known, DYNMEM_GUEST_PINNED);

	if (!*why)
		why = counted_pin(d, g->pid);
	if (why)
		found(f, DOCTOR_WARN,
		      "give it no more memory than it needs, or start it without that",
		      "no balloon gives its memory back to the host: %s", why);
	else
		found(f, DOCTOR_OK, NULL, "nothing keeps its memory in place");
}

void check_range(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	uint64_t min = out_u64(g->known, DYNMEM_GUEST_MIN),
		 max = out_u64(g->known, DYNMEM_GUEST_MAX);
	uint64_t actual = out_u64(g->known, DYNMEM_GUEST_ACTUAL);
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX];

	(void)d;
	if (!g->known || !max)
		return;
	out_bytes(actual, a);
	out_bytes(min, b);
	if (actual && actual < min)
		found(f, DOCTOR_WARN, "lower its min in dynmem.conf, or free memory for it",
		      "it has %s, and was promised %s", a, b);
	else if (min >= max)
		found(f, DOCTOR_NOTE, "lower its min in dynmem.conf",
		      "its min is its max (%s): dynmem can take nothing from it", b);
	else
		found(f, DOCTOR_OK, NULL, "%s to %s", b, out_bytes(max, a));
}

void check_rival(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	(void)d;
	if (!g->known)
		return;
	if (is_class(g, "rival"))
		found(f, DOCTOR_WARN, "stop the other one, or remove the guest from dynmem",
		      "somebody else moves its balloon");
	else
		found(f, DOCTOR_OK, NULL, "nobody else moves its balloon");
}

void check_mergeable(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	(void)d;
	if (!g->known)
		return;
	if (out_has(g->known, DYNMEM_GUEST_UNMERGEABLE))
		found(f, DOCTOR_NOTE, "-machine mem-merge=on, and a backend that is not shared",
		      "KSM cannot merge its memory: %s",
		      out_str(g->known, DYNMEM_GUEST_UNMERGEABLE));
	else if (out_has(g->known, DYNMEM_GUEST_UNMERGED))
		found(f, DOCTOR_NOTE, "dynmem ksm --by guest", "KSM merges nothing of it: %s",
		      out_str(g->known, DYNMEM_GUEST_UNMERGED));
	else
		found(f, DOCTOR_OK, NULL, "KSM may merge its memory");
}

/* Another QEMU of a cgroup, by its cgroup.procs. */
static pid_t other_qemu(const struct doctor *d, pid_t own, char *procs)
{
	char comm[32], *save = NULL;

	for (char *line = strtok_r(procs, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		pid_t pid = (pid_t)strtol(line, NULL, 10);

		if (pid > 0 && pid != own &&
		    fact(d, comm, sizeof(comm), "/proc/%d/comm", (int)pid) > 0 && is_qemu(comm))
			return pid;
	}
	return 0;
}

void check_own_cgroup(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	static const char mend[] =
		"give each guest a scope of its own, as libvirt and Proxmox VE do: systemd-run --scope";
	char text[DOCTOR_TEXT], procs[DOCTOR_TEXT];
	const char *path;
	pid_t other;

	if (!g->pid || !fact_exists(d, "/sys/fs/cgroup/cgroup.controllers") ||
	    fact(d, text, sizeof(text), "/proc/%d/cgroup", (int)g->pid) <= 0)
		return;
	path = strstr(text, "0::/");
	if (!path)
		return;
	path += strlen("0::");
	if (!strcmp(path, "/")) {
		found(f, DOCTOR_WARN, mend,
		      "it is in the root of all cgroups: it cannot be reclaimed");
		return;
	}
	if (fact(d, procs, sizeof(procs), "/sys/fs/cgroup%s/cgroup.procs", path) <= 0)
		return;
	other = other_qemu(d, g->pid, procs);
	if (other)
		found(f, DOCTOR_WARN, mend, "it shares its cgroup %s with another QEMU (pid %d)",
		      path, (int)other);
	else
		found(f, DOCTOR_OK, NULL, "%s", path);
}

void check_alert(const struct doctor *d, const struct doctor_guest *g, struct findings *f)
{
	(void)d;
	if (!g->known)
		return;
	if (json_object_get_boolean(json_object_object_get(g->known, DYNMEM_GUEST_ALERT)))
		found(f, DOCTOR_WARN, "dynmem status; journalctl -u dynmemd", "%s",
		      out_str(g->known, DYNMEM_GUEST_REASON));
	else
		found(f, DOCTOR_OK, NULL, "none");
}
