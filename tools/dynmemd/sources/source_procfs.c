// SPDX-License-Identifier: GPL-2.0
/*
 * The host's pressure without the module: a PSI trigger for stalls, and samples
 * of MemAvailable, the more often the closer it is to the next threshold.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "dynmemd/host/meminfo.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager.h"
#include "dynmemd/host/procfile.h"
#include "dynmemd/sources/source.h"
#include "common/util.h"

/*
 * A hundredth of a second that tasks stalled, as the module has it by default:
 * users notice that. It is no measure of the host's shortage, since a cgroup
 * that is at its own limit stalls too.
 */
#define STALL_MS 10

/* Without CAP_SYS_RESOURCE windows are whole multiples of two seconds. */
#define PSI_WINDOW_MS		   1000
#define PSI_WINDOW_UNPRIVILEGED_MS 2000

/*
 * The fastest that memory is expected to go, bytes a second: the memset of one
 * guest and that of a second one. The module's default too.
 */
#define FILL_RATE (4 * GIB)

/*
 * Between two samples of MemAvailable: at the very edge one in 10 ms is cheap
 * enough, and with plenty the daemon should sleep.
 */
#define LOOK_MIN (10 * USEC_PER_MSEC)
#define LOOK_MAX (60 * USEC_PER_SEC)

struct source_procfs {
	struct source source;
	sd_event *event;
	struct host host;
	int vmstat;
	uint64_t threshold[POLICY_LEVELS]; /* bytes */
	int trigger;			   /* of PSI */
	sd_event_source *stall;
	sd_event_source *timer;
	enum policy_level level; /* as it was reported last */
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

/* Returns whether somebody was killed since the last sample. */
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

/* When memory could be at the next threshold. */
static uint64_t next_sample(const struct source_procfs *s)
{
	enum policy_level level = available_level(s);
	uint64_t usec = LOOK_MAX, distance;

	if (level < POLICY_LEVEL_CRITICAL) {
		distance = s->host.available - s->threshold[level + 1];
		usec = distance / (FILL_RATE / USEC_PER_SEC);
	}
	/* Below a threshold it is sampled to find the end. */
	if (level > POLICY_LEVEL_NONE)
		usec = MIN(usec, USEC_PER_SEC);
	return MIN(MAX(usec, LOOK_MIN), LOOK_MAX);
}

static void sample(struct source_procfs *s, bool stalled)
{
	bool killed = read_counters(s), known = host_read(&s->host) == 0;
	enum policy_level level = available_level(s);

	if (known && (stalled || killed || level != s->level)) {
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
	/* What cannot be read now may be soon. */
	sd_event_source_set_time(s->timer,
				 now_usec(s) + (known ? next_sample(s) : USEC_PER_SEC / 2));
	sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	sample(userdata, false);
	return 0;
}

static int on_trigger(_unused_ sd_event_source *source, _unused_ int fd, uint32_t revents,
		      void *userdata)
{
	struct source_procfs *s = userdata;

	if (revents & EPOLLERR) {
		log_warning(
			"source procfs: the PSI trigger failed; stalls are not reported any more");
		s->stall = sd_event_source_disable_unref(s->stall);
		return 0;
	}
	sample(s, true);
	return 0;
}

static int write_trigger(int fd, unsigned int window_ms)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "some %u %u",
			 STALL_MS * 1000 * (window_ms / PSI_WINDOW_MS), window_ms * 1000);

	/* The end of the string belongs to it. */
	return write(fd, text, n + 1) < 0 ? -errno : 0;
}

static int set_trigger(struct source_procfs *s, const char *proc)
{
	int r;

	s->trigger = proc_open(O_RDWR | O_NONBLOCK, "%s/pressure/memory", proc);
	if (s->trigger < 0)
		return s->trigger;
	r = write_trigger(s->trigger, PSI_WINDOW_MS);
	if (r == -EINVAL)
		r = write_trigger(s->trigger, PSI_WINDOW_UNPRIVILEGED_MS);
	if (r < 0)
		return r;
	r = sd_event_add_io(s->event, &s->stall, s->trigger, EPOLLPRI, on_trigger, s);
	if (r < 0)
		return r;
	return sd_event_source_set_priority(s->stall, PRIORITY_SOURCE);
}

bool source_procfs_hears_stalls(const struct source *source)
{
	return ((const struct source_procfs *)source)->stall != NULL;
}

static int procfs_watch(struct source *source, const uint64_t threshold[POLICY_LEVELS])
{
	struct source_procfs *s = of(source);

	memcpy(s->threshold, threshold, sizeof(s->threshold));
	s->level = available_level(s);
	sd_event_source_set_time(s->timer, now_usec(s) + next_sample(s));
	return 0;
}

static void procfs_free(struct source *source)
{
	struct source_procfs *s = of(source);

	sd_event_source_disable_unref(s->stall);
	closep(&s->trigger);
	sd_event_source_disable_unref(s->timer);
	closep(&s->vmstat);
	host_close(&s->host);
	free(s);
}

static const struct source_ops ops = {
	.name = "procfs",
	.watch = procfs_watch,
	.free = procfs_free,
};

static int start(struct source_procfs *s, const char *proc)
{
	int r;

	r = host_open(&s->host, proc);
	if (r < 0)
		return r;
	s->vmstat = proc_open(O_RDONLY, "%s/vmstat", proc);
	read_counters(s);
	r = set_trigger(s, proc);
	if (r < 0)
		log_warning(
			"source procfs: no PSI (%s): stalls are not reported, only available memory is sampled; boot with psi=1",
			strerror(-r));
	r = sd_event_add_time_relative(s->event, &s->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC,
				       on_timer, s);
	if (r < 0)
		return r;
	return sd_event_source_set_priority(s->timer, PRIORITY_SOURCE);
}

int source_procfs_new(struct source **ret, sd_event *event, const char *proc)
{
	struct source_procfs *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->source.ops = &ops;
	s->event = event;
	s->vmstat = -1;
	s->trigger = -1;
	r = start(s, proc);
	if (r < 0) {
		procfs_free(&s->source);
		return r;
	}
	*ret = &s->source;
	return 0;
}
