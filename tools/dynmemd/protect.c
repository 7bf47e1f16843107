// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dynmemd/log.h"
#include "dynmemd/protect.h"
#include "dynmemd/util.h"

/* Freed memory is kept up to this, so that a steady state asks for none. */
#define KEEP (1 << 20)

static int write_oom_score(void)
{
	_cleanup_(closep) int fd =
		open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) < 0)
		return -errno;
	return 0;
}

void protect_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void protect_self(void)
{
	int r;

	mallopt(M_TRIM_THRESHOLD, KEEP);
	mallopt(M_MMAP_THRESHOLD, KEEP);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_warning("the daemon cannot lock itself in memory (%s) and may be swapped out when it is needed most; give it CAP_IPC_LOCK or LimitMEMLOCK=infinity",
			    strerror(errno));
	r = write_oom_score();
	if (r < 0)
		log_warning("the daemon cannot keep the OOM killer away (%s); give it CAP_SYS_RESOURCE or OOMScoreAdjust=-1000",
			    strerror(-r));
}
