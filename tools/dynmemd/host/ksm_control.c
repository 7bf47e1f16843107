// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "dynmemd/base/worker.h"
#include "dynmemd/host/ksm_control.h"

struct ksm_control {
	char dir[PATH_MAX / 2], note_path[PATH_MAX / 2], boot[64];
	ksm_control_done_t done;
	void *userdata;
	struct worker *worker;
	struct job job;

	/* The thread's, unless it is idle. */
	struct ksm_note note;
	bool holds; /* there is something to put back */
	struct ksm_outcome outcome;

	pthread_mutex_t lock; /* of what follows */
	bool restore, adopt;
	struct ksm_settings want;
};

static void fail(struct ksm_outcome *o, int error, const char *folder, const char *name)
{
	o->done = KSM_DONE_FAILED;
	o->error = error;
	snprintf(o->path, sizeof(o->path), "%.200s%s%s", folder, *name ? "/" : "", name);
}

static void note_foreign(struct ksm_outcome *ret, const struct ksm_settings *now, int i)
{
	ret->done = KSM_DONE_FOREIGN;
	ret->setting = i;
	memcpy(ret->value, now->value[i], KSM_VALUE_MAX);
}

static bool find_foreign(const struct ksm_note *n, const struct ksm_settings *now,
			 struct ksm_outcome *ret)
{
	for (int i = 0; i < KSM_SETTINGS; i++) {
		if (!*now->value[i] || ksm_is_ours(n, i, now->value[i]))
			continue;
		note_foreign(ret, now, i);
		return true;
	}
	return false;
}

/* Only an administrator has all memory unmerged, and would have it merged again. */
static bool is_unmerging(const struct ksm_settings *now)
{
	return !strcmp(now->value[KSM_RUN], "2");
}

static bool write_setting(struct ksm_control *c, enum ksm_setting i, const char *value)
{
	int r = ksm_setting_write(c->dir, i, value);

	if (r < 0)
		fail(&c->outcome, r, c->dir, ksm_setting_name(i));
	return r == 0;
}

static bool keep_note(struct ksm_control *c, const struct ksm_note *n)
{
	int r = *c->note_path ? ksm_note_store(c->note_path, c->boot, n) : 0;

	if (r < 0) {
		fail(&c->outcome, r, c->note_path, "");
		return false;
	}
	c->note = *n;
	c->holds = true;
	return true;
}

static void adopt_foreign(struct ksm_note *n, const struct ksm_settings *now)
{
	for (int i = 0; i < KSM_SETTINGS; i++)
		if (*now->value[i] && !ksm_is_ours(n, i, now->value[i]))
			memcpy(n->found.value[i], now->value[i], KSM_VALUE_MAX);
}

static void set(struct ksm_control *c, const struct ksm_settings *now,
		const struct ksm_settings *want, bool adopt)
{
	struct ksm_note n = c->note;
	bool all = strcmp(now->value[KSM_ADVISOR_MODE], want->value[KSM_ADVISOR_MODE]) != 0;

	if (is_unmerging(now)) {
		note_foreign(&c->outcome, now, KSM_RUN);
		return;
	}
	if (!c->holds)
		n.found = *now;
	else if (adopt)
		adopt_foreign(&n, now);
	else if (find_foreign(&n, now, &c->outcome))
		return;
	n.before = *now;
	n.ours = *want;
	if (!keep_note(c, &n))
		return;
	/* A pace that is refused does not keep ksmd running. */
	if (!strcmp(want->value[KSM_RUN], "0") && strcmp(now->value[KSM_RUN], "0") != 0 &&
	    !write_setting(c, KSM_RUN, "0"))
		return;
	/* A change of the advisor sets the pace as well. */
	for (int i = 0; i < KSM_SETTINGS; i++)
		if (*want->value[i] && (all || strcmp(now->value[i], want->value[i]) != 0) &&
		    !write_setting(c, i, want->value[i]))
			return;
	c->note.before = *want;
	c->outcome.done = KSM_DONE_SET;
}

/* The advisor comes last: with it the pace cannot be written. */
static void restore(struct ksm_control *c, const struct ksm_settings *now)
{
	static const enum ksm_setting order[] = { KSM_PAGES_TO_SCAN, KSM_SLEEP, KSM_RUN,
						  KSM_ADVISOR_MODE };
	const struct ksm_note *n = &c->note;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const char *value = now->value[order[i]], *found = n->found.value[order[i]];

		if (*found && ksm_is_ours(n, order[i], value) && strcmp(value, found) != 0 &&
		    !write_setting(c, order[i], found))
			return;
	}
	if (*c->note_path && unlink(c->note_path) < 0 && errno != ENOENT) {
		fail(&c->outcome, -errno, c->note_path, "");
		return;
	}
	c->holds = false;
	c->outcome.done = KSM_DONE_RESTORED;
}

static void run(struct job *job)
{
	struct ksm_control *c = container_of(job, struct ksm_control, job);
	struct ksm_settings now, want;
	bool put_back, adopt;
	int r;

	pthread_mutex_lock(&c->lock);
	want = c->want;
	put_back = c->restore;
	adopt = c->adopt;
	pthread_mutex_unlock(&c->lock);
	c->outcome = (struct ksm_outcome){ 0 };
	r = ksm_settings_read(c->dir, &now);
	if (r < 0)
		fail(&c->outcome, r, c->dir, "");
	else if (!put_back)
		set(c, &now, &want, adopt);
	else if (c->holds)
		restore(c, &now);
	else
		c->outcome.done = KSM_DONE_RESTORED;
}

static void done(struct job *job)
{
	struct ksm_control *c = container_of(job, struct ksm_control, job);
	struct ksm_outcome o = c->outcome;

	c->done(c->userdata, &o);
}

bool ksm_control_idle(const struct ksm_control *c)
{
	return job_idle(&c->job);
}

const struct ksm_settings *ksm_control_ours(const struct ksm_control *c)
{
	return c->holds ? &c->note.ours : NULL;
}

bool ksm_control_foreign(const struct ksm_control *c, struct ksm_outcome *ret)
{
	struct ksm_settings now;

	return c->holds && ksm_settings_read(c->dir, &now) == 0 &&
	       find_foreign(&c->note, &now, ret);
}

void ksm_control_set(struct ksm_control *c, const struct ksm_settings *want, bool adopt)
{
	pthread_mutex_lock(&c->lock);
	c->want = *want;
	c->adopt = adopt;
	c->restore = false;
	pthread_mutex_unlock(&c->lock);
	worker_push(c->worker, &c->job);
}

void ksm_control_restore(struct ksm_control *c)
{
	pthread_mutex_lock(&c->lock);
	c->restore = true;
	pthread_mutex_unlock(&c->lock);
	worker_push(c->worker, &c->job);
}

static int read_note(struct ksm_control *c, const char *path)
{
	int r;

	if (!path)
		return 0;
	if (snprintf(c->note_path, sizeof(c->note_path), "%s", path) >= (int)sizeof(c->note_path))
		return -ENAMETOOLONG;
	r = ksm_note_load(path, c->boot, &c->note);
	c->holds = r == 0;
	/* One that cannot be understood is replaced by the next. */
	return 0;
}

int ksm_control_new(struct ksm_control **ret, sd_event *event, const char *dir, const char *note,
		    const char *boot, ksm_control_done_t on_done, void *userdata)
{
	struct ksm_control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->done = on_done;
	c->userdata = userdata;
	c->job = (struct job){ .run = run, .done = done };
	pthread_mutex_init(&c->lock, NULL);
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	snprintf(c->boot, sizeof(c->boot), "%s", boot);
	r = read_note(c, note);
	if (r == 0)
		r = worker_new(&c->worker, event);
	if (r < 0) {
		pthread_mutex_destroy(&c->lock);
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct ksm_control *ksm_control_free(struct ksm_control *c)
{
	if (!c)
		return NULL;
	ksm_control_restore(c);
	/* A thread that the kernel keeps also keeps what it works on. */
	if (worker_free(c->worker, true) < 0)
		return NULL;
	pthread_mutex_destroy(&c->lock);
	free(c);
	return NULL;
}
