// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "dynmemd/host/meminfo.h"
#include "dynmemd/host/procfile.h"
#include "common/util.h"

int host_open(struct host *h, const char *proc)
{
	*h = (struct host){ .proc = proc, .meminfo = -1, .arcstats = -1 };
	h->meminfo = proc_open(O_RDONLY, "%s/meminfo", proc);
	return h->meminfo < 0 ? h->meminfo : host_read(h);
}

/* A line "name  type  data". */
static uint64_t arc_value(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, name, len) != 0 || text[len] != ' ')
			continue;
		text += len + strspn(text + len, " ");
		text += strcspn(text, " ");
		return strtoull(text, NULL, 10);
	}
	return 0;
}

/*
 * ZFS may be loaded after the daemon, and unloaded: a cache that is not known makes a
 * shortage that is none, and one that is gone hides one.
 */
static void read_arc(struct host *h)
{
	static char buf[16 * 1024];

	h->arc_size = h->arc_min = 0;
	if (h->arcstats < 0)
		h->arcstats = proc_open(O_RDONLY, "%s/spl/kstat/zfs/arcstats", h->proc);
	if (proc_read(h->arcstats, buf, sizeof(buf)) <= 0) {
		closep(&h->arcstats);
		h->arcstats = -1;
		return;
	}
	h->arc_size = arc_value(buf, "size");
	h->arc_min = arc_value(buf, "c_min");
}

int host_read(struct host *h)
{
	struct host now = *h;
	char buf[4096];
	int r = proc_read(h->meminfo, buf, sizeof(buf));

	if (r < 0)
		return r;
	if (!proc_kib(buf, "MemTotal:", &now.total) || !proc_kib(buf, "MemFree:", &now.free) ||
	    !proc_kib(buf, "MemAvailable:", &now.available) ||
	    !proc_kib(buf, "SwapTotal:", &now.swap_total) ||
	    !proc_kib(buf, "SwapFree:", &now.swap_free))
		return -EBADMSG;
	/* Kernels before 4.16 do not have it. */
	if (!proc_kib(buf, "Hugetlb:", &now.hugetlb) || now.hugetlb > now.total)
		now.hugetlb = 0;
	read_arc(&now);
	*h = now;
	return 0;
}

void host_close(struct host *h)
{
	closep(&h->meminfo);
	closep(&h->arcstats);
	*h = (struct host){ .meminfo = -1, .arcstats = -1 };
}
