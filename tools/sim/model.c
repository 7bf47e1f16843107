// SPDX-License-Identifier: GPL-2.0
#include "sim/model.h"

#include "sim/least.h"

#define PAGE 4096.0

/* Pages that a swap-in brings with it (vm.page-cluster = 3). */
#define SWAP_CLUSTER 8

/* ksmd scans a page in about this time, s. */
#define KSM_PAGE_TIME 2e-6

/* A guest that takes memory from its page cache faster than this does direct
 * reclaim: kswapd does not keep up, bytes per second.
 */
#define KSWAPD_RATE (1024 * SIM_MIB)

/* A guest that lacks more than this share of its demand answers only so often,
 * ms. */
#define LATE_SHARE 0.20
#define LATE	   3000

/* Differences below a page are rounding. */
#define NOTHING PAGE

void sim_physics_init(struct sim_physics *p)
{
	*p = (struct sim_physics){
		/*
		 * virtio-balloon sends 256 page numbers a kick: measured. A
		 * quarter of that time goes into allocating pages in the guest
		 * and freeing them on the host (profile in the cover letter of
		 * VIRTIO_BALLOON_F_SG, 2017), and giving back needs neither.
		 */
		.inflate = 0.95 * SIM_GIB,
		.deflate = 0.95 / 0.745 * SIM_GIB,
		/*
		 * A nightly backup or a search reads a guest's size in an hour.
		 */
		.cache_fill = 3600,
		/* mm/page_reporting.c: a sixteenth of each free list every 2 s,
		 * but 500 MiB were seen to go in 4 s.
		 */
		.report_min = 128 * SIM_MIB,
		.report_time = 32,
		/* A virtual disk on SSDs; swap as installers make it. */
		.guest_swap = 200 * SIM_MIB,
		.guest_swap_share = 0.25,
		.guest_swap_max = 4 * SIM_GIB,
		/* zram with LZ4 on some cores, or an NVMe disk. */
		.host_swap = 1 * SIM_GIB,
		/* Sixteen fruitless rounds of direct reclaim. */
		.oom_patience = 0.5,
		.reboot = 60,
		/* The trace's "active" already has it in it. */
		.hot = 0,
		.ksm_share = 0,
		.ksm_break = 3600,
		/* Kernel, page tables, daemons. */
		.host_base = 512 * SIM_MIB,
		.host_base_share = 0.005,
		.qemu = 40 * SIM_MIB,
	};
}

const char *sim_cache_name(enum sim_cache cache)
{
	static const char *const name[SIM_CACHES] = {
		[SIM_CACHE_NONE] = "none",
		[SIM_CACHE_GROW] = "grow",
		[SIM_CACHE_TRACE] = "trace",
	};

	return name[cache];
}

/* The kernel's image and tables, and struct page: 64 bytes per page of max. Of
 * a tiny machine not everything.
 */
double sim_overhead(double max)
{
	return least(48 * SIM_MIB + max / 64, 0.08 * max);
}

/* What stays free: the high watermarks. */
static double watermark(const struct sim_guest *g)
{
	return least(64 * SIM_MIB, g->actual / 128);
}

void sim_guest_init(struct sim_host *h, struct sim_guest *g, const struct sim_curve *curve,
		    double min, double max, double disk_rate)
{
	*g = (struct sim_guest){
		.curve = curve,
		.min = min,
		.max = max,
		.overhead = sim_overhead(max),
		.shares = 1000,
		.target = h->start_at_min ? min : max,
		.actual = max,
		.cache_rate = h->cache == SIM_CACHE_GROW    ? max / h->physics.cache_fill
			      : h->cache == SIM_CACHE_TRACE ? disk_rate
							    : 0,
	};
	g->stats.actual = max;
	g->until = h->now;
}

void sim_guest_set_target(struct sim_host *h, struct sim_guest *g, double target)
{
	g->target = clamp(target, g->min, g->max);
	g->until = h->now;
}

/* Bytes that are free: first from those that the host still pays for. */
static void take_free(struct sim_guest *g, double bytes)
{
	g->touched -= least(bytes, g->touched);
}

/* A balloon takes free pages as they come, then has the cache reclaimed, then
 * swaps. */
static void inflate(const struct sim_host *h, struct sim_guest *g, double dt)
{
	double want = least(g->actual - g->target, h->physics.inflate * dt);
	double unused = sim_guest_free(g);
	double x = least(want, unused);

	if (unused > 0)
		g->touched -= x * least(1, g->touched / unused);
	want -= x;
	g->actual -= x;
	x = least(want, g->cache);
	g->cache -= x;
	g->actual -= x;
	want -= x;
	if (want > 0) {
		x = least(want, h->physics.guest_swap * dt);
		x = least(x, g->resident - g->overhead);
		if (x > 0) {
			g->resident -= x;
			g->actual -= x;
		}
	}
}

static void move_balloon(const struct sim_host *h, struct sim_guest *g, double dt)
{
	if (g->target < g->actual)
		inflate(h, g, dt);
	else if (g->target > g->actual)
		g->actual += least(g->target - g->actual, h->physics.deflate * dt);
}

static double swap_size(const struct sim_host *h, const struct sim_guest *g)
{
	return least(h->physics.guest_swap_share * g->max, h->physics.guest_swap_max);
}

/* From its disk, and it waits for that. */
static void read_back(struct sim_guest *g, double bytes)
{
	g->disk_read += bytes;
	g->major_faults += bytes / PAGE / SWAP_CLUSTER;
}

/* What it has to do without: page cache in use goes first, then it swaps. */
static void do_without(struct sim_host *h, struct sim_guest *g, double dt)
{
	double missing = g->demand - g->resident;
	double hot = h->physics.hot * (g->demand - g->overhead);
	double refaults = least(least(missing, hot), h->physics.guest_swap * dt);
	double out = most(0, missing - hot - g->swapped);

	read_back(g, refaults);
	g->alloc_stall += 1;
	out = least(out, h->physics.guest_swap * dt);
	g->swapped += out;
	g->swap_out += out;
	/*
	 * What is swapped is in demand: it comes in, and something else goes.
	 */
	out = least(g->swapped, h->physics.guest_swap * dt / 2);
	g->swap_out += out;
	g->swap_in += out;
	read_back(g, out);
	if (g->swapped >= swap_size(h, g) && missing - hot > g->swapped) {
		g->oom_kill += 1;
		h->guest_ooms++;
		g->down = true;
		g->down_until = h->now + (int64_t)(h->physics.reboot * 1000);
	}
}

static void grow(struct sim_host *h, struct sim_guest *g, double dt)
{
	double missing = g->demand - g->resident;
	double unused = sim_guest_free(g);
	double room = unused + g->cache;
	double fresh, in, from_cache;

	/* Demand has fallen, but not below what it has: some of the swap is
	 * free again. */
	g->swapped = least(g->swapped, missing);
	fresh = least(missing - g->swapped, room);
	in = least(least(g->swapped, room - fresh), h->physics.guest_swap * dt);
	g->swapped -= in;
	g->swap_in += in;
	read_back(g, in);
	g->resident += fresh + in;
	take_free(g, least(fresh + in, unused));
	from_cache = most(0, fresh + in - unused);
	g->cache -= from_cache;
	if (from_cache > KSWAPD_RATE * dt)
		g->alloc_stall += 1;
	missing = g->demand - g->resident;
	if (missing < NOTHING)
		g->resident = g->demand;
	else if (missing - g->swapped > NOTHING || g->swapped > NOTHING)
		do_without(h, g, dt);
}

static void meet_demand(struct sim_host *h, struct sim_guest *g, double dt)
{
	if (g->demand >= g->resident) {
		if (g->demand > g->resident)
			grow(h, g, dt);
		return;
	}
	g->touched += g->resident - g->demand;
	if (g->merged > 0)
		g->merged *= g->demand / g->resident;
	g->resident = g->demand;
	g->swapped = 0;
}

static void grow_cache(struct sim_guest *g, double dt)
{
	double x = least(g->cache_rate * dt, sim_guest_free(g) - watermark(g));

	if (x <= 0)
		return;
	take_free(g, x);
	g->cache += x;
	/* Files that are read for the first time: disks do not distinguish them. */
	g->disk_read += x;
}

static void report_free(const struct sim_host *h, struct sim_guest *g, double dt)
{
	g->touched -= least(g->touched,
			    most(h->physics.report_min, g->touched / h->physics.report_time) * dt);
}

/* Merging approaches what can be merged within two scans; writes undo it. */
static void merge(const struct sim_host *h, struct sim_guest *g, double dt)
{
	double twins = h->physics.ksm_share * g->resident;
	double rate = h->ksm_run ? h->ksm_pages * PAGE * 1000 / most(1, h->ksm_sleep_ms) : 0;
	double share = rate > 0 ? rate * dt / (2 * most(PAGE, h->rss)) : 0;

	g->merged -= g->merged * least(1, dt / h->physics.ksm_break);
	g->merged += most(0, twins - g->merged) * least(1, share);
}

/* How long it stays as it is, if nobody moves its balloon. */
static int64_t quiet_until(const struct sim_host *h, const struct sim_guest *g)
{
	const struct sim_knot *k = &g->curve->knot[g->cursor];

	if (g->down)
		return h->now;
	if (g->target != g->actual || g->demand != g->resident || g->host_cold > 0 ||
	    g->host_hot > 0 || h->physics.ksm_share > 0)
		return h->now;
	if (h->reporting && g->touched > 0)
		return h->now;
	if (g->cache_rate > 0 && sim_guest_free(g) - watermark(g) > NOTHING)
		return h->now;
	if (g->cursor + 1 < g->curve->count && k[0].value != k[1].value)
		return h->now;
	if (g->cursor + 1 >= g->curve->count)
		return SIM_NEVER;
	return (int64_t)(k[1].time * 1000);
}

static void set_rss(struct sim_guest *g)
{
	g->rss = most(0,
		      g->resident + g->cache + g->touched - g->host_cold - g->host_hot - g->merged);
}

static void guest_step(struct sim_host *h, struct sim_guest *g, int64_t end, double dt)
{
	double cold = g->cache + g->touched;

	g->demand = sim_curve_at(g->curve, &g->cursor, (double)end / 1000);
	if (g->down && end < g->down_until) {
		g->demand = 0;
	} else if (g->down) {
		g->down = false;
		g->actual = g->max;
		g->target = h->start_at_min ? g->min : g->max;
	}
	if (g->target != g->actual)
		move_balloon(h, g, dt);
	meet_demand(h, g, dt);
	if (g->cache_rate > 0 && !g->down)
		grow_cache(g, dt);
	if (h->reporting && g->touched > 0)
		report_free(h, g, dt);
	if (h->physics.ksm_share > 0)
		merge(h, g, dt);
	if (g->host_cold > 0)
		g->host_cold =
			cold > 0 ? g->host_cold * least(1, (g->cache + g->touched) / cold) : 0;
	g->host_hot = least(g->host_hot, g->resident);
	set_rss(g);
	g->until = quiet_until(h, g);
}

/* ------------------------------------------------------------------- host */

static void ksm_step(struct sim_host *h, double dt)
{
	double pages;

	if (!h->ksm_run || h->physics.ksm_share <= 0)
		return;
	pages = h->ksm_pages * dt * 1000 / most(1, h->ksm_sleep_ms);
	h->ksm_scanned += pages;
	h->ksm_cpu += pages * KSM_PAGE_TIME;
	h->ksm_position += pages * PAGE;
	if (h->rss > 0 && h->ksm_position > h->rss) {
		h->ksm_scans += 1;
		h->ksm_position = 0;
	}
}

static void add_up(struct sim_host *h)
{
	double rss = 0, out = 0, saved = 0;

	for (unsigned int i = 0; i < h->count; i++) {
		const struct sim_guest *g = &h->guest[i];

		rss += g->rss;
		out += g->host_cold + g->host_hot;
		saved += g->merged;
	}
	h->rss = rss;
	h->ksm_saved = saved;
	h->swap_used = most(0, out - h->unbacked);
	h->available = h->total - h->physics.host_base - h->physics.host_base_share * h->total -
		       rss - h->count * h->physics.qemu;
	if (h->zram_ratio > 0)
		h->available -= h->swap_used / h->zram_ratio;
}

/* What a swapped byte brings the host. */
static double swap_gain(const struct sim_host *h)
{
	return h->zram_ratio > 0 ? 1 - 1 / h->zram_ratio : 1;
}

/*
 * Cold memory first, as a perfect LRU would: generous to whoever relies on it.
 */
static void swap_out(struct sim_host *h, double want)
{
	double cold = 0, warm = 0, from_cold, from_warm;

	for (unsigned int i = 0; i < h->count; i++) {
		const struct sim_guest *g = &h->guest[i];

		cold += g->cache + g->touched - g->host_cold;
		warm += g->resident - g->host_hot;
	}
	from_cold = clamp(cold, 0, want);
	from_warm = clamp(warm, 0, want - from_cold);
	for (unsigned int i = 0; i < h->count; i++) {
		struct sim_guest *g = &h->guest[i];

		if (cold > 0)
			g->host_cold += (g->cache + g->touched - g->host_cold) * from_cold / cold;
		if (warm > 0)
			g->host_hot += (g->resident - g->host_hot) * from_warm / warm;
		set_rss(g);
		g->until = h->now;
	}
}

/* Hot memory comes back as soon as there is room. */
static void swap_in(struct sim_host *h, double room)
{
	double out = 0;

	for (unsigned int i = 0; i < h->count; i++)
		out += h->guest[i].host_hot;
	if (out <= 0 || room <= 0)
		return;
	for (unsigned int i = 0; i < h->count; i++) {
		struct sim_guest *g = &h->guest[i];

		g->host_hot -= g->host_hot * least(1, room / out);
		if (g->host_hot < NOTHING)
			g->host_hot = 0;
		set_rss(g);
	}
	h->unbacked -= least(h->unbacked, room);
}

static void oom_kill(struct sim_host *h)
{
	struct sim_guest *victim = h->guest;

	for (unsigned int i = 1; i < h->count; i++)
		if (h->guest[i].rss > victim->rss)
			victim = &h->guest[i];
	h->unbacked -= least(h->unbacked, victim->host_hot);
	victim->down = true;
	victim->down_until = h->now + (int64_t)(h->physics.reboot * 1000);
	victim->until = h->now;
	victim->resident = victim->cache = victim->touched = 0;
	victim->host_cold = victim->host_hot = victim->merged = 0;
	victim->demand = victim->swapped = 0;
	victim->target = victim->actual = victim->max;
	victim->rss = 0;
	h->oom_kills++;
	h->dry_time = 0;
}

/* Keeps what kswapd keeps free; the rest of a lack is what nobody gets. */
static void reclaim(struct sim_host *h, double dt)
{
	double low = h->total / 512;
	double lack = low - h->available;
	double can = most(0, least(h->swap_total - h->swap_used, h->physics.host_swap * dt));

	if (lack > 0 && can > 0) {
		swap_out(h, least(can, lack / swap_gain(h)));
		add_up(h);
	} else if (lack < 0) {
		swap_in(h, least(-lack, h->physics.host_swap * dt));
		add_up(h);
	}
	if (h->available < 0) {
		double dry = -h->available;

		swap_out(h, dry);
		h->unbacked += dry;
		add_up(h);
		h->dry_time += dt;
		if (h->dry_time > h->physics.oom_patience) {
			oom_kill(h);
			add_up(h);
		}
	} else if (h->unbacked < NOTHING) {
		h->dry_time = 0;
	}
}

void sim_host_step(struct sim_host *h, int64_t ms)
{
	int64_t end = h->now + ms;
	double dt = (double)ms / 1000;

	for (unsigned int i = 0; i < h->count; i++)
		if (h->guest[i].until < end)
			guest_step(h, &h->guest[i], end, dt);
	ksm_step(h, dt);
	h->now = end;
	add_up(h);
	if (h->available < h->total / 512 || h->swap_used > 0 || h->unbacked > 0)
		reclaim(h, dt);
}

int64_t sim_host_next(const struct sim_host *h)
{
	int64_t next = SIM_NEVER;

	for (unsigned int i = 0; i < h->count; i++)
		if (h->guest[i].until < next)
			next = h->guest[i].until;
	return next;
}

void sim_guest_latch(const struct sim_host *h, struct sim_guest *g)
{
	/* What it has to do without is hot cache first: that is not there to be had. */
	double missing = most(0, g->demand - g->resident);
	double hot = most(0, h->physics.hot * most(0, g->demand - g->overhead) - missing);
	double unused = sim_guest_free(g);
	struct sim_stats *s = &g->stats;

	if (g->demand - g->resident > LATE_SHARE * g->demand && h->now - s->time < LATE)
		return;
	s->time = h->now;
	s->actual = g->actual;
	s->total = most(0, g->actual - g->overhead);
	s->free = unused;
	s->available = most(0, unused + g->cache + hot - watermark(g) / 2);
	s->disk_caches = g->cache + hot;
	s->swap_in = g->swap_in;
	s->swap_out = g->swap_out;
	s->major_faults = g->major_faults;
	s->oom_kill = g->oom_kill;
	s->alloc_stall = g->alloc_stall;
}
