// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "dynmemd/host/process_cost.h"
#include "dynmemd/host/procfile.h"
#include "common/util.h"

/* In /proc/PID/ksm_stat. */
#define MERGING "ksm_merging_pages "
#define ZERO	"ksm_zero_pages "

static int open_file(const char *proc, pid_t pid, const char *name)
{
	return proc_open(O_RDONLY, "%s/%d/%s", proc, (int)pid, name);
}

void cost_init(struct cost *c)
{
	*c = (struct cost){ -1, -1, -1, -1 };
}

static bool ran_out(int fd)
{
	return fd == -EMFILE || fd == -ENFILE;
}

/* Before Linux 6.5 the pages that are merged have a file of their own. */
static int open_ksm(const char *proc, pid_t pid)
{
	int fd = open_file(proc, pid, "ksm_stat");
	char buf[1024];

	if (fd >= 0 && proc_read(fd, buf, sizeof(buf)) > 0 && strstr(buf, MERGING))
		return fd;
	closep(&fd);
	return open_file(proc, pid, "ksm_merging_pages");
}

int cost_open(struct cost *c, const char *proc, pid_t pid)
{
	cost_init(c);
	if (pid <= 0)
		return 0;
	c->statm = open_file(proc, pid, "statm");
	c->status = open_file(proc, pid, "status");
	c->stat = open_file(proc, pid, "stat");
	c->ksm = open_ksm(proc, pid);
	if (!ran_out(c->statm) && !ran_out(c->status) && !ran_out(c->stat) && !ran_out(c->ksm))
		return 0;
	cost_close(c);
	return -EMFILE;
}

void cost_close(struct cost *c)
{
	closep(&c->statm);
	closep(&c->status);
	closep(&c->stat);
	closep(&c->ksm);
	cost_init(c);
}

/* Field @n of blank-separated numbers, counted from 0. */
static bool field(const char *text, int n, uint64_t *ret)
{
	char *end;

	while (n-- > 0) {
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	if (!isdigit((unsigned char)*text))
		return false;
	*ret = strtoull(text, &end, 10);
	return true;
}

static void read_rss(const struct cost *c, struct guest_record *s)
{
	char buf[256];
	uint64_t pages;

	if (proc_read(c->statm, buf, sizeof(buf)) > 0 && field(buf, 1, &pages)) {
		s->rss = pages * proc_page_size();
		s->present |= GUEST_HAS_RSS;
	}
}

uint64_t cost_mapped(const struct cost *c)
{
	char buf[256];
	uint64_t pages;

	if (proc_read(c->statm, buf, sizeof(buf)) <= 0 || !field(buf, 0, &pages))
		return UINT64_MAX;
	return pages * proc_page_size();
}

static void read_rss_and_swap(const struct cost *c, struct guest_record *s)
{
	char buf[4096];

	if (proc_read(c->status, buf, sizeof(buf)) <= 0)
		return;
	if (proc_kib(buf, "VmRSS:", &s->rss))
		s->present |= GUEST_HAS_RSS;
	if (proc_kib(buf, "VmSwap:", &s->swapped))
		s->present |= GUEST_HAS_SWAPPED;
	if (proc_kib(buf, "HugetlbPages:", &s->hugetlb))
		s->present |= GUEST_HAS_HUGETLB;
}

static bool number_after(const char *text, const char *key, uint64_t *ret)
{
	const char *p = strstr(text, key);

	return p && field(p + strlen(key), 0, ret);
}

static void read_ksm(const struct cost *c, struct guest_record *s, const struct ksm_pages *host)
{
	uint64_t merged = 0, zero = 0;
	char buf[1024];

	if (proc_read(c->ksm, buf, sizeof(buf)) <= 0)
		return;
	if (!number_after(buf, MERGING, &merged) && !field(buf, 0, &merged))
		return;
	number_after(buf, ZERO, &zero);
	s->ksm_saved = ksm_saved(host, merged * proc_page_size(), zero * proc_page_size());
	s->present |= GUEST_HAS_KSM_SAVED;
}

/*
 * utime and stime are the 12th and 13th after the name, which may hold blanks;
 * starttime is the 20th.
 */
static void read_cpu(const struct cost *c, struct guest_record *s)
{
	char buf[1024], *p;
	uint64_t user, system;

	if (proc_read(c->stat, buf, sizeof(buf)) <= 0)
		return;
	p = strrchr(buf, ')');
	if (p && field(p, 12, &user) && field(p, 13, &system)) {
		s->cpu_ns = (user + system) * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
		s->present |= GUEST_HAS_CPU;
	}
}

uint64_t cost_start(const struct cost *c)
{
	char buf[1024], *p;
	uint64_t start;

	if (proc_read(c->stat, buf, sizeof(buf)) <= 0)
		return 0;
	p = strrchr(buf, ')');
	return p && field(p, 20, &start) ? start : 0;
}

const char *cost_unmergeable(const struct cost *c)
{
	uint64_t anon = 0, shared = 0, huge = 0;
	char buf[4096];

	if (proc_read(c->status, buf, sizeof(buf)) <= 0)
		return NULL;
	proc_kib(buf, "RssAnon:", &anon);
	proc_kib(buf, "RssShmem:", &shared);
	proc_kib(buf, "HugetlbPages:", &huge);
	if (huge > anon)
		return "it is in huge pages of a pool (hugetlbfs)";
	if (shared > anon)
		return "it is shared memory";
	return NULL;
}

void cost_read(const struct cost *c, unsigned int fields, const struct ksm_pages *ksm,
	       struct guest_record *ret)
{
	*ret = (struct guest_record){ 0 };
	if (fields & COST_SWAP)
		read_rss_and_swap(c, ret);
	if (!(ret->present & GUEST_HAS_RSS))
		read_rss(c, ret);
	if (ksm)
		read_ksm(c, ret, ksm);
	if (fields & COST_CPU)
		read_cpu(c, ret);
}
