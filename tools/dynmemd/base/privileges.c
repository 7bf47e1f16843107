// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "dynmemd/base/log.h"
#include "dynmemd/base/privileges.h"
#include "common/util.h"

/* Freed memory is kept up to this, so that a steady state asks for none. */
#define KEEP (1 << 20)

static int write_oom_score(void)
{
	_cleanup_(closep) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) < 0)
		return -errno;
	return 0;
}

void protect_stdio(void)
{
	signal(SIGPIPE, SIG_IGN);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return;
}

void protect_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int protect_capabilities(void)
{
	static const uint32_t keep =
		1U << CAP_DAC_OVERRIDE | 1U << CAP_SYS_RESOURCE | 1U << CAP_IPC_LOCK;
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* Nothing that root could run gets them back. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capget, &head, sets) < 0)
		return -errno;
	if (!(sets[0].permitted & ~keep) && !sets[1].permitted)
		return 0;
	sets[0].permitted &= keep;
	sets[0].effective = sets[0].permitted;
	sets[0].inheritable = 0;
	sets[1] = (struct __user_cap_data_struct){ 0 };
	return syscall(SYS_capset, &head, sets) < 0 ? -errno : 0;
}

void protect_self(void)
{
	int r;

	mallopt(M_TRIM_THRESHOLD, KEEP);
	mallopt(M_MMAP_THRESHOLD, KEEP);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_warning(
			"the daemon cannot lock itself in memory (%s) and may be swapped out when it is needed most; give it CAP_IPC_LOCK or LimitMEMLOCK=infinity",
			strerror(errno));
	r = write_oom_score();
	if (r < 0)
		log_warning(
			"the daemon cannot keep the OOM killer away (%s); give it CAP_SYS_RESOURCE or OOMScoreAdjust=-1000",
			strerror(-r));
}
