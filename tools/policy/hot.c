// SPDX-License-Identifier: GPL-2.0
/*
 * Page cache in use: how much of it keeps a guest from reading again.
 *
 * It looks available.  What a host can see is what a guest reads: of one that has less
 * than its max and no free memory that is perhaps cache that was taken.  It is given
 * back, and reading that falls then proves it; reading that goes on is of files that
 * are read once.  Cache with which it still read is kept for hours: nothing is read again
 * while it is there, so nothing else would show that it is used.
 */
#include "engine.h"

/* A shrink after which so much more is read again took page cache in use. */
#define HOT_RISE 1.1
/* Re-reading is averaged over this. */
#define REREAD_LIFE (10 * SEC)
/* A move is judged so long after it: the averages have followed by then. */
#define JUDGE_AFTER (15 * SEC)
#define READ_NOISE  (256.0 * (double)KIB)
/* Less is a program being started, not a guest short of cache. */
#define READS_MUCH (4.0 * (double)MIB)
/* A size that was found is forgotten by half in this time, and tried anew. */
#define KEPT_LIFE (21600 * SEC)
/* So is the verdict that reading is of files read once. */
#define DOUBT_LIFE (3600 * SEC)

void hot_watch(const struct policy *p, struct policy_guest *g, int direction)
{
	struct hot_watch *w = &g->seen->probe;

	if (w->on || (direction > 0 && g->seen->reread < READS_MUCH))
		return;
	*w = (struct hot_watch){
		.on = true,
		.direction = direction,
		.since = p->now,
		.rate = g->seen->reread,
		.cache = g->seen->cache,
	};
}

/* Has the move that is being watched changed what is read? */
static void judge(const struct policy *p, struct guest_history *s)
{
	struct hot_watch *w = &s->probe;
	bool used;

	if (!w->on || since(p->now, w->since) < JUDGE_AFTER)
		return;
	w->on = false;
	used = w->direction < 0 ? s->reread > HOT_RISE * w->rate + READ_NOISE
				: s->reread * HOT_RISE < w->rate;
	if (used) {
		s->sigma += (1 - s->sigma) / 2;
	} else if (w->direction > 0 && s->cache > w->cache + w->cache / 4) {
		s->sigma /= 2;
		s->kept /= 2;
	}
}

/* Free memory that it could cache in, and does not: it does not lack cache. */
static bool lacks_cache(const struct policy_guest *g)
{
	return g->target < g->max && g->seen->free < g->slack;
}

u64 hot_fade(u64 kept, u64 age)
{
	return scale(kept, half_life(min_of(age, 64 * KEPT_LIFE), KEPT_LIFE));
}

void hot_read(const struct policy *p, struct policy_guest *g, u64 faulted, u64 swapped, u64 dt)
{
	double keep = half_life(min_of(dt, REREAD_LIFE * 64), REREAD_LIFE), prior = HOT_PRIOR;
	struct guest_history *s = g->seen;
	double rate;

	/*
	 * What is faulted in is read from disks too, where they can be seen: the larger of
	 * both.  What made page cache grow was read for the first time, and what came from
	 * swap is no page cache.
	 */
	rate = (double)over(max_of(faulted, s->reads), swapped + over(s->cache, s->cache_before));
	rate *= (double)SEC / (double)max_of(dt, MSEC);
	s->reads = 0;
	s->cache_before = s->cache;
	s->reread = keep * s->reread + (1 - keep) * rate;
	judge(p, s);
	s->kept = hot_fade(s->kept, dt);
	if (s->sigma < prior)
		s->sigma += (prior - s->sigma) *
			    (1 - half_life(min_of(dt, 64 * DOUBT_LIFE), DOUBT_LIFE));
	if (s->reread >= READS_MUCH && lacks_cache(g) && s->sigma >= prior / 2)
		s->kept = max_of(s->kept, s->cache);
}

/* What is likely to be read again within the window, or was not enough. */
u64 hot_size(const struct policy *p, const struct policy_guest *g)
{
	double bytes = (double)p->t.hot_window / (double)SEC * g->seen->reread * g->seen->sigma;

	return min_of(g->seen->cache, max_of((u64)min_of(bytes, (double)g->max), g->seen->kept));
}
