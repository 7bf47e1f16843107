// SPDX-License-Identifier: GPL-2.0
/*
 * Act on guests' cgroups: reclaim memory from a guest that no balloon reaches, and
 * limit one to what it was granted.
 */
#include <errno.h>
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

/* A cgroup that had no more to give, or refused, is left alone so long. */
#define REST_EMPTY   (10 * NSEC_PER_SEC)
#define REST_REFUSED (60 * NSEC_PER_SEC)

/* So much more was reclaimed, and it is logged again. */
#define LOG_RECLAIMED (64 * MIB)

static const char *error_text(int error)
{
	switch (error) {
	case -ENOENT:
		return "its QEMU is in no cgroup v2 with the memory controller";
	case -EOPNOTSUPP:
		return "this kernel is too old: memory.reclaim came with Linux 5.19, and what memory.high was can be kept from 5.7 on";
	default:
		return strerror(-error);
	}
}

static void complain(struct guest *g, int error)
{
	char other[64];

	g->cgroup_at = manager_now(g->manager) + REST_REFUSED;
	if (error == g->cgroup_error)
		return;
	g->cgroup_error = error;
	if (error == -EBUSY) {
		log_guest(
			LOG_WARNING, g->name,
			"nothing can be done by its cgroup: its QEMU shares it with %s; start each guest in a scope of its own (systemd-run --scope, as libvirt and Proxmox VE do)",
			cgroup_other(&g->cgroup, other, sizeof(other)));
		return;
	}
	log_guest(LOG_WARNING, g->name, "nothing can be done by its cgroup: %s", error_text(error));
}

static void on_done(void *owner, const struct cgroup_work *work)
{
	struct guest *g = owner;
	uint64_t logged = g->reclaimed / LOG_RECLAIMED;
	bool first = !g->reclaimed;

	g->reclaimed += work->freed;
	if (g->reclaimed && (first || g->reclaimed / LOG_RECLAIMED != logged))
		log_guest(
			LOG_INFO, g->name,
			"%.0f MiB reclaimed by its cgroup so far, since no balloon reaches it (class %s)",
			(double)g->reclaimed / MIB, policy_class_name(g->decision.class));
	if (work->error == -EAGAIN || work->error == -EINTR)
		g->cgroup_at = manager_now(g->manager) + REST_EMPTY;
	else if (work->error)
		complain(g, work->error);
	else
		g->cgroup_error = 0;
	if (work->error && work->high)
		g->high = 0;
}

/* A dry run may be beside the daemon that set it, or be what it is: without effect. */
static void release_high(const struct manager *m, struct guest *g)
{
	int r = m->dry_run ? 0 : cgroup_reset_high(&g->cgroup);

	g->high = 0;
	if (r > 0)
		log_guest(LOG_INFO, g->name, "its memory.high is put back to what it was");
	else if (r < 0 && r != -ENODEV && r != -ENOENT)
		log_guest(LOG_WARNING, g->name, "its memory.high cannot be put back: %s",
			  strerror(-r));
}

void cgroup_act_open(struct manager *m, struct guest *g)
{
	cgroup_open(&g->cgroup, m->proc, m->cgroup_root, g->pid);
	/* What another daemon left, that was killed. */
	if (!manager_managing(m) || !m->config->policy.enforce)
		release_high(m, g);
}

void cgroup_act_close(struct manager *m, struct guest *g)
{
	cgroup_worker_forget(m->worker, g);
	release_high(m, g);
	cgroup_close(&g->cgroup);
}

void cgroup_act(struct manager *m, struct guest *g, uint64_t now)
{
	const struct policy_decision *d = &g->decision;
	bool managing = manager_managing(m);
	struct cgroup_work work = { 0 };
	int r;

	if (g->high && (!managing || !d->memory_high))
		release_high(m, g);
	if (!managing || !m->worker || now < g->cgroup_at)
		return;
	if (d->memory_high != g->high)
		work.high = d->memory_high;
	if (g->limits.reclaim && d->reclaim)
		work.reclaim = write_reclaim(m, d->reclaim, now);
	if (!work.high && !work.reclaim)
		return;
	r = cgroup_worker_ask(m->worker, &g->cgroup, &work, g);
	if (r == 0)
		policy_gate_reclaimed(&m->gate, work.reclaim, now);
	if (r == 0 && work.high)
		g->high = work.high;
	else if (r < 0 && r != -EBUSY)
		complain(g, r);
}

void cgroup_act_init(struct manager *m)
{
	int r = cgroup_worker_new(&m->worker, m->event, on_done);

	if (r < 0)
		log_warning(
			"no thread for guests' cgroups (%s): nothing is reclaimed from guests that no balloon reaches",
			strerror(-r));
}
