// SPDX-License-Identifier: GPL-2.0
/* Checks of the daemon, the kernel, and the module. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmem/bus.h"
#include "dynmem/doctor/doctor.h"
#include "dynmem/out.h"

/* There is such a folder for each module that DKMS knows. */
#define DKMS_STATE   "/var/lib/dkms/dynmem"
#define MODULE_SYSFS "/sys/module/dynmem"

static const char *stop_remedy(const struct doctor *d, char buf[static DOCTOR_TEXT])
{
	snprintf(buf, DOCTOR_TEXT, "rm %s", out_safe(out_str(d->host, DYNMEM_HOST_STOP)));
	return buf;
}

void check_daemon(const struct doctor *d, struct findings *f)
{
	const char *mode = out_str(d->host, DYNMEM_HOST_MODE);
	char remedy[DOCTOR_TEXT];

	if (!d->host)
		found(f, DOCTOR_WARN,
		      d->daemon_error == -EACCES || d->daemon_error == -EPERM
			      ? "sudo dynmem doctor"
			      : "systemctl enable --now dynmemd; its log: journalctl -u dynmemd",
		      "%s; checked is what /proc and /sys show", bus_error(d->daemon_error));
	else if (!strcmp(mode, "observe"))
		found(f, DOCTOR_NOTE,
		      "mode = manage in /etc/dynmem/dynmem.conf, then systemctl "
		      "reload dynmemd",
		      "dynmemd only observes: it moves no memory");
	else if (!strcmp(mode, "stopped"))
		found(f, DOCTOR_WARN, stop_remedy(d, remedy),
		      "the kill switch has stopped dynmemd: nothing is written to guests");
	else if (!strcmp(mode, "drain"))
		found(f, DOCTOR_NOTE, "dynmem resume",
		      "dynmemd gives guests all their memory back");
	else
		found(f, DOCTOR_OK, NULL, "dynmemd runs, mode %s", mode);
}

static bool kernel_version(const struct doctor *d, unsigned int *major, unsigned int *minor,
			   char release[static 128])
{
	return fact(d, release, 128, "/proc/sys/kernel/osrelease") > 0 &&
	       sscanf(release, "%u.%u", major, minor) == 2;
}

void check_kernel(const struct doctor *d, struct findings *f)
{
	unsigned int major, minor;
	char release[128];

	if (!kernel_version(d, &major, &minor, release))
		found(f, DOCTOR_WARN, "mount -t proc proc /proc",
		      "/proc does not have its version");
	else if (major < 6 || (major == 6 && minor < 1))
		found(f, DOCTOR_WARN, "install Linux 6.1 or newer",
		      "Linux %s is older than 6.1, the oldest that dynmem is tested on", release);
	else
		found(f, DOCTOR_OK, NULL, "Linux %s", release);
}

/* Where it was installed, of the lines of modules.dep. */
static bool module_file(const struct doctor *d, char path[static PATH_MAX])
{
	char release[128], name[PATH_MAX], line[DOCTOR_TEXT];
	bool here = false;
	FILE *deps;

	if (fact(d, release, sizeof(release), "/proc/sys/kernel/osrelease") <= 0 ||
	    snprintf(name, sizeof(name), "%s/lib/modules/%s/modules.dep", d->root, release) >=
		    PATH_MAX)
		return false;
	deps = fopen(name, "re");
	while (deps && !here && fgets(line, sizeof(line), deps)) {
		line[strcspn(line, ":\n")] = '\0';
		here = strstr(line, "/dynmem.ko") != NULL;
	}
	if (deps)
		fclose(deps);
	return here &&
	       snprintf(path, PATH_MAX, "%s/lib/modules/%s/%s", d->root, release, line) < PATH_MAX;
}

void check_module(const struct doctor *d, struct findings *f)
{
	char version[64], path[PATH_MAX];

	if (!fact_exists(d, MODULE_SYSFS)) {
		if (module_file(d, path))
			found(f, DOCTOR_NOTE, "modprobe dynmem && systemctl restart dynmemd",
			      "installed but not loaded: pressure is reported later, by PSI");
		else if (fact_exists(d, DKMS_STATE))
			found(f, DOCTOR_NOTE,
			      "apt install linux-headers-$(uname -r) && dkms autoinstall && modprobe dynmem && systemctl restart dynmemd",
			      "DKMS has not built it for this kernel: pressure is reported later, by PSI");
		else
			found(f, DOCTOR_NOTE, "apt install dynmem-dkms",
			      "not installed for this kernel: pressure is reported later, by PSI");
		return;
	}
	fact(d, version, sizeof(version), MODULE_SYSFS "/version");
	if (*version && strcmp(version, DYNMEM_VERSION) != 0)
		found(f, DOCTOR_WARN, "modprobe -r dynmem && modprobe dynmem",
		      "the loaded module has version %s, this program %s", version, DYNMEM_VERSION);
	else
		found(f, DOCTOR_OK, NULL, "loaded, version %s", DYNMEM_VERSION);
}

/* sign-file appends a signature, and this line after it. */
static bool file_signed(const char *path)
{
	static const char magic[] = "~Module signature appended~\n";
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char end[sizeof(magic)] = "";

	return fd >= 0 && lseek(fd, -(off_t)strlen(magic), SEEK_END) >= 0 &&
	       read(fd, end, strlen(magic)) == (ssize_t)strlen(magic) && !strcmp(end, magic);
}

/* Whether this kernel refuses modules that nobody has signed. */
static bool signatures_enforced(const struct doctor *d)
{
	char text[128];

	if (fact(d, text, sizeof(text), "/sys/module/module/parameters/sig_enforce") > 0 &&
	    *text == 'Y')
		return true;
	return fact(d, text, sizeof(text), "/sys/kernel/security/lockdown") > 0 &&
	       !strstr(text, "[none]");
}

void check_signature(const struct doctor *d, struct findings *f)
{
	static const char mend[] =
		"mokutil --import /var/lib/dkms/mok.pub, then reboot; see secure-boot.rst";
	char taint[32], path[PATH_MAX];

	if (fact_exists(d, MODULE_SYSFS)) {
		fact(d, taint, sizeof(taint), MODULE_SYSFS "/taint");
		if (strchr(taint, 'E'))
			found(f, DOCTOR_NOTE, mend,
			      "the kernel does not know its signature, or it has none; this kernel "
			      "takes it, one with Secure Boot would not");
		else
			found(f, DOCTOR_OK, NULL, "the kernel has accepted it");
		return;
	}
	if (!module_file(d, path))
		return;
	/* A compressed one hides what it ends with. */
	if (strcmp(path + strlen(path) - 3, ".ko") != 0 || file_signed(path))
		found(f, DOCTOR_OK, NULL, "nothing speaks against it");
	else if (signatures_enforced(d))
		found(f, DOCTOR_FAIL, mend,
		      "it is not signed, and this kernel loads signed ones only");
	else
		found(f, DOCTOR_NOTE, mend, "it is not signed; this kernel would load it");
}

void check_source(const struct doctor *d, struct findings *f)
{
	const char *source = out_str(d->host, DYNMEM_HOST_SOURCE);

	if (!d->host)
		return;
	if (!strcmp(source, "none"))
		found(f, DOCTOR_FAIL, "modprobe dynmem, or boot with psi=1",
		      "dynmemd has no source of memory pressure");
	else if (!strcmp(source, "procfs") && fact_exists(d, MODULE_SYSFS))
		found(f, DOCTOR_NOTE, "systemctl restart dynmemd",
		      "dynmemd uses PSI although the module is loaded");
	else
		found(f, DOCTOR_OK, NULL, "dynmemd hears of pressure by %s", source);
}

void check_psi(const struct doctor *d, struct findings *f)
{
	char text[128];

	if (fact(d, text, sizeof(text), "/proc/pressure/memory") > 0)
		found(f, DOCTOR_OK, NULL, "on");
	else if (fact_exists(d, MODULE_SYSFS))
		found(f, DOCTOR_NOTE, "add psi=1 to the kernel's command line",
		      "off: without the module dynmemd would have no events");
	else
		found(f, DOCTOR_FAIL, "modprobe dynmem, or add psi=1 to the kernel's command line",
		      "off, and the module is not loaded: nothing reports memory pressure");
}

void check_cgroup(const struct doctor *d, struct findings *f)
{
	char text[512];

	if (fact(d, text, sizeof(text), "/sys/fs/cgroup/cgroup.controllers") < 0)
		found(f, DOCTOR_WARN,
		      "add systemd.unified_cgroup_hierarchy=1 to the kernel's command line",
		      "version 2 is not mounted: guests without a balloon cannot be reclaimed");
	else if (!strstr(text, "memory"))
		found(f, DOCTOR_WARN, "remove cgroup_disable=memory from the kernel's command line",
		      "version 2 without its memory controller: guests without a balloon cannot be "
		      "reclaimed");
	else
		found(f, DOCTOR_OK, NULL, "version 2 with the memory controller");
}
