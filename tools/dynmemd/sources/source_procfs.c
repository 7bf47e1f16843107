// SPDX-License-Identifier: GPL-2.0
/*
 * The host's pressure without the module: PSI triggers for stalls, and looks
 * at MemAvailable, the more often the closer it is to the next threshold.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "dynmemd/host/meminfo.h"
#include "dynmemd/sources/ksm_sysfs.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager.h"
#include "dynmemd/host/procfile.h"
#include "dynmemd/sources/source.h"
#include "common/util.h"

/*
 * Shares of a second that tasks stalled, as the module has them by default:
 * 1 % is noticed by users, 7 % is what PSI's own documentation calls heavy,
 * 70 % is standstill.
 */
static const struct {
	enum policy_level level;
	unsigned int stall_ms;
} triggers[] = {
	{ POLICY_LEVEL_LOW, 10 },
	{ POLICY_LEVEL_MEDIUM, 70 },
	{ POLICY_LEVEL_CRITICAL, 700 },
};

/* Without CAP_SYS_RESOURCE windows are whole multiples of two seconds. */
#define PSI_WINDOW_MS		   1000
#define PSI_WINDOW_UNPRIVILEGED_MS 2000

/* A stall's level lasts so long, as in the module; a trigger fires once a window. */
#define HOLD (2 * USEC_PER_SEC)

/*
 * The fastest that memory is expected to go, bytes a second: the memset of one
 * guest and that of a second one. The module's default too.
 */
#define FILL_RATE (4 * GIB)

/*
 * Between two looks at MemAvailable: at the very edge one in 10 ms is cheap
 * enough, and with plenty the daemon should sleep.
 */
#define LOOK_MIN (10 * USEC_PER_MSEC)
#define LOOK_MAX (60 * USEC_PER_SEC)

struct source_procfs;

struct trigger {
	struct source_procfs *source;
	enum policy_level level;
	int fd;
	sd_event_source *io;
	uint64_t until; /* usec, its level holds */
};

struct source_procfs {
	struct source source;
	sd_event *event;
	struct host host;
	struct ksm_sysfs ksm;
	int vmstat;
	uint64_t threshold[POLICY_LEVEL_CRITICAL + 1]; /* bytes; above: lower */
	struct trigger trigger[ARRAY_SIZE(triggers)];
	sd_event_source *look;
	enum policy_level level; /* as it was told last */
	uint64_t oom_kills, stalls;
};

static struct source_procfs *of(struct source *s)
{
	return (struct source_procfs *)s;
}

static uint64_t now_usec(const struct source_procfs *s)
{
	uint64_t now = 0;

	sd_event_now(s->event, CLOCK_MONOTONIC, &now);
	return now;
}

/* Sums the lines that begin with a name. */
static uint64_t vmstat_sum(const char *text, const char *name)
{
	size_t len = strlen(name);
	uint64_t sum = 0;

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, name, len))
			sum += strtoull(p + strcspn(p, " "), NULL, 10);
	}
	return sum;
}

/* Returns whether somebody was killed since the last look. */
static bool read_counters(struct source_procfs *s)
{
	static char text[16 * 1024];
	uint64_t before = s->oom_kills;

	if (proc_read(s->vmstat, text, sizeof(text)) <= 0)
		return false;
	s->oom_kills = vmstat_sum(text, "oom_kill ");
	s->stalls = vmstat_sum(text, "allocstall_");
	return s->oom_kills > before;
}

static enum policy_level available_level(const struct source_procfs *s)
{
	enum policy_level level = POLICY_LEVEL_CRITICAL;

	while (level > POLICY_LEVEL_NONE && s->host.available >= s->threshold[level])
		level--;
	return level;
}

static enum policy_level stall_level(const struct source_procfs *s, uint64_t now)
{
	enum policy_level level = POLICY_LEVEL_NONE;

	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++)
		if (s->trigger[i].until > now)
			level = MAX(level, s->trigger[i].level);
	return level;
}

/* When memory could be at the next threshold, or a hold is over. */
static uint64_t next_look(const struct source_procfs *s, uint64_t now)
{
	enum policy_level level = available_level(s);
	uint64_t usec = LOOK_MAX, distance;

	if (level < POLICY_LEVEL_CRITICAL) {
		distance = s->host.available - s->threshold[level + 1];
		usec = distance / (FILL_RATE / USEC_PER_SEC);
	}
	/* Below a threshold it is looked at whether it is over. */
	if (level > POLICY_LEVEL_NONE)
		usec = MIN(usec, USEC_PER_SEC);
	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++)
		if (s->trigger[i].until > now)
			usec = MIN(usec, s->trigger[i].until - now);
	return MIN(MAX(usec, LOOK_MIN), LOOK_MAX);
}

static void look(struct source_procfs *s, bool stalled)
{
	uint64_t now = now_usec(s);
	bool killed = read_counters(s);
	enum policy_level level;

	if (host_read(&s->host) < 0)
		return;
	level = MAX(available_level(s), stall_level(s, now));
	if (killed)
		level = POLICY_LEVEL_CRITICAL;
	if (stalled || killed || level != s->level) {
		s->level = level;
		source_report(&s->source, &(struct source_pressure){
						  .level = level,
						  .available = s->host.available,
						  .news = true,
						  .stall = stalled,
						  .oom = killed,
						  .has_stalls = true,
						  .stalls = s->stalls,
						  .oom_kills = s->oom_kills,
					  });
	}
	sd_event_source_set_time(s->look, now + next_look(s, now));
	sd_event_source_set_enabled(s->look, SD_EVENT_ONESHOT);
}

static int on_look(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	look(userdata, false);
	return 0;
}

static int on_trigger(_unused_ sd_event_source *source, _unused_ int fd, uint32_t revents,
		      void *userdata)
{
	struct trigger *t = userdata;

	if (revents & EPOLLERR) {
		log_warning(
			"source procfs: a PSI trigger failed; stalls of this kind are not heard of any more");
		t->io = sd_event_source_disable_unref(t->io);
		return 0;
	}
	t->until = now_usec(t->source) + HOLD;
	look(t->source, true);
	return 0;
}

static int write_trigger(int fd, unsigned int stall_ms, unsigned int window_ms)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "some %u %u",
			 stall_ms * 1000 * (window_ms / PSI_WINDOW_MS), window_ms * 1000);

	/* The end of the string belongs to it. */
	return write(fd, text, n + 1) < 0 ? -errno : 0;
}

static int add_trigger(struct source_procfs *s, struct trigger *t, const char *proc,
		       unsigned int stall_ms)
{
	int r;

	t->fd = proc_open(O_RDWR | O_NONBLOCK, "%s/pressure/memory", proc);
	if (t->fd < 0)
		return t->fd;
	r = write_trigger(t->fd, stall_ms, PSI_WINDOW_MS);
	if (r == -EINVAL)
		r = write_trigger(t->fd, stall_ms, PSI_WINDOW_UNPRIVILEGED_MS);
	if (r < 0)
		return r;
	r = sd_event_add_io(s->event, &t->io, t->fd, EPOLLPRI, on_trigger, t);
	if (r < 0)
		return r;
	return sd_event_source_set_priority(t->io, PRIORITY_SOURCE);
}

static void add_triggers(struct source_procfs *s, const char *proc)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(triggers) && r >= 0; i++) {
		s->trigger[i].source = s;
		s->trigger[i].level = triggers[i].level;
		r = add_trigger(s, &s->trigger[i], proc, triggers[i].stall_ms);
	}
	if (r < 0)
		log_warning(
			"source procfs: no PSI (%s): stalls are not heard of, only available memory is looked at; boot with psi=1",
			strerror(-r));
}

unsigned int source_procfs_triggers(const struct source *source)
{
	const struct source_procfs *s = (const struct source_procfs *)source;
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++)
		n += s->trigger[i].io != NULL;
	return n;
}

static void procfs_ksm(struct source *source, struct policy_ksm_sample *ret)
{
	ksm_sysfs_read(&of(source)->ksm, ret);
}

static void procfs_free(struct source *source)
{
	struct source_procfs *s = of(source);

	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++) {
		sd_event_source_disable_unref(s->trigger[i].io);
		closep(&s->trigger[i].fd);
	}
	sd_event_source_disable_unref(s->look);
	closep(&s->vmstat);
	ksm_sysfs_close(&s->ksm);
	host_close(&s->host);
	free(s);
}

static const struct source_ops ops = {
	.name = "procfs",
	.ksm = procfs_ksm,
	.free = procfs_free,
};

static int start(struct source_procfs *s, const char *proc, const struct policy_tunables *t)
{
	uint64_t minfree;
	int r;

	ksm_sysfs_open(&s->ksm);
	r = host_open(&s->host, proc);
	if (r < 0)
		return r;
	minfree = policy_minfree(s->host.total);
	s->threshold[POLICY_LEVEL_LOW] = (double)minfree * t->level_low;
	s->threshold[POLICY_LEVEL_MEDIUM] = (double)minfree * t->level_medium;
	s->threshold[POLICY_LEVEL_CRITICAL] = (double)minfree * t->level_critical;
	s->vmstat = proc_open(O_RDONLY, "%s/vmstat", proc);
	read_counters(s);
	add_triggers(s, proc);
	r = sd_event_add_time_relative(s->event, &s->look, CLOCK_MONOTONIC, 0, USEC_PER_MSEC,
				       on_look, s);
	if (r < 0)
		return r;
	return sd_event_source_set_priority(s->look, PRIORITY_SOURCE);
}

int source_procfs_new(struct source **ret, sd_event *event, const char *proc,
		      const struct policy_tunables *tunables)
{
	struct source_procfs *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->source.ops = &ops;
	s->event = event;
	s->vmstat = -1;
	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++)
		s->trigger[i].fd = -1;
	r = start(s, proc, tunables);
	if (r < 0) {
		procfs_free(&s->source);
		return r;
	}
	*ret = &s->source;
	return 0;
}
