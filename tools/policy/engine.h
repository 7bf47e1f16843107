/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the engine share.  policy.h is the outside.
 *
 *	tunables.c	the table of tunables
 *	input.c		what enters, reported to a listener
 *	listen.c	a listener's first inputs: the engine as it is
 *	record_fields.c	fields of the records that data enter by
 *	engine.c	life of the engine
 *	life.c		life of its guests, events
 *	range.c		its range, dead band and slack
 *	filter.c	averages and quantiles
 *	figures.h	what follows from one guest's numbers
 *	balloon.c	commands sent, sizes seen: yield, probes, stuck balloons
 *	rival.c		somebody else who moves a balloon
 *	guest.c		a sample -> used, overhead, debt, pressure
 *	late.c		answers that do not come
 *	resident.c	what it touches between two samples
 *	hot.c		page cache in use
 *	harm.c		a shrink that hurt: undo, back-off, learned floor
 *	demand.c	a guest's class, active bytes, floor, demand, exposure
 *	fall.c		how fast its memory falls
 *	host.c		levels, reserve, hold, available: the budget
 *	survey.c	demand and budget as of now
 *	sort.c		knees by mu
 *	entitle.c	the budget divided: sort and sweep
 *	grow.c		what is granted, from bytes that exist
 *	shrink.c	what is taken, how fast, from whom
 *	decide.c	all of it in order, and the decisions with their reasons
 *	emergency.c	the plan for critical
 *	gate.c		what stands before every write, whatever was decided
 *	reservation.c	memory for guests that are about to start
 *	ksm_pace.c	KSM's share
 *	reason.c	names and sentences
 *	persist.c	what outlives the daemon
 */
#ifndef DYNMEM_POLICY_ENGINE_H
#define DYNMEM_POLICY_ENGINE_H

#include "fall.h"
#include "input.h"

typedef uint64_t u64;
typedef int64_t s64;
typedef uint32_t u32;

#define KIB    (UINT64_C(1) << 10)
#define MIB    (UINT64_C(1) << 20)
#define GIB    (UINT64_C(1) << 30)
#define MSEC   UINT64_C(1000000)
#define SEC    UINT64_C(1000000000)
#define DAY_NS (86400 * SEC)
#define PAGE   (4 * KIB)
#define NEVER  UINT64_MAX

/* Commands are rounded to this: virtio-balloon moves 256 pages at a time. */
#define GRAIN MIB

#define GROWTH_RING 4u /* samples that of "growth in 3 s" */
/* Rates of first touch are kept so long: patch nights and backups come weekly. */
#define TOUCH_DAYS 7u
#define TOUCH_TOP  6u /* the largest of each day; all but the last are outliers */
/* A byte of balloon that frees less than this is not worth its command. */
#define WORTH_TAKING 0.1
#define SWAP_CREDIT  0.5 /* of free swap: the rest is for others */

/* A balloon's yield, at least: 3 % was measured on memory that was never touched. */
#define YIELD_FLOOR 0.05
/* Of what is read, what is taken to be read again before anything has shown it. */
#define HOT_PRIOR 0.5

/*
 * Growth is forgotten by half in so long: what a guest does once a morning is not seen in
 * its 99th percentile.
 */
#define GROWTH_LIFE (DAY_NS / 4)

/* What a balloon takes in a second; it was measured to be 0.95 GiB. */
#define BALLOON_RATE GIB

/*
 * QEMU reports a balloon's size once a second at most: a report may be from before, and
 * a balloon without progress for so long stands.
 */
#define REPORT_LAG (2 * SEC)

/* A guest that boots reports within a minute. */
#define START_GRACE (60 * SEC)
/* After a reset QEMU repeats the old size of the balloon for 6 s. */
#define REBOOT_GRACE (10 * SEC)
/* Back-off doubles up to this. */
#define BACKOFF_MAX (3600 * SEC)

static inline u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

static inline double min_double(double a, double b)
{
	return a < b ? a : b;
}

static inline double max_double(double a, double b)
{
	return a > b ? a : b;
}

#define min_of(a, b) _Generic((a), double : min_double, default : min_u64)(a, b)
#define max_of(a, b) _Generic((a), double : max_double, default : max_u64)(a, b)

static inline u64 clamp_u64(u64 x, u64 lo, u64 hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

/* a - b, but never below 0 */
static inline u64 over(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

static inline u64 distance(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/* Time since @then; an age of "never" is endless. */
static inline u64 since(u64 now, u64 then)
{
	return then == NEVER ? NEVER : over(now, then);
}

static inline u64 scale(u64 x, double ratio)
{
	return (u64)((double)x * ratio);
}

static inline u64 round_down_to(u64 x, u64 grain)
{
	return x - x % grain;
}

static inline u64 round_up_to(u64 x, u64 grain)
{
	return round_down_to(x + grain - 1, grain);
}

/* What a balloon command started, until its effect has been seen. */
struct yield_watch {
	bool on;
	u64 actual;	/* before */
	u64 cost;	/* rss + swapped before */
	u64 bend;	/* as it was then */
	double touched; /* of free memory, the share that was touched */
};

struct hot_watch {
	bool on;
	int direction; /* -1: a shrink */
	u64 since;
	double rate; /* of re-reading, before */
	u64 cache;   /* page cache then */
};

/*
 * What was seen of a guest and learned about it.  A decision reads the first part of it
 * once: it is apart from the rest, which would only push other guests out of the cache.
 */
struct guest_history {
	void *userdata;

	/* the balloon */
	u64 granted;	  /* the size it was given, whatever it took since */
	u64 moved_at;	  /* last command */
	u64 moved_demand; /* its demand then */
	u64 shrunk_at;
	u64 progress_at; /* when it came nearer to where it was sent */
	u64 stuck_until;
	u64 spent_until;	 /* it has no more, and is not sent further down */
	u64 rival_until;	 /* it is left to somebody else */
	u64 pending, pending_at; /* granted, perhaps not touched yet */
	int direction;		 /* of the last command: -1, 0, +1 */
	bool again;		 /* it did not come where it was sent: that is sent once more */
	bool exhausted;		 /* it stopped because the guest has no more */

	/* events */
	bool frozen, paused, no_balloon, pinned, polling;
	u64 born_at, reboot_at, polling_at, pinned_until;
	u64 boot_need; /* what it needed before a reboot, and while it booted */

	/* the last fresh sample */
	u64 fresh_at; /* own clock */
	u64 available, free, cache;
	u64 used, overhead;
	u64 sample_actual, sample_cost; /* size, rss + swapped when it came */
	u64 debt;			/* swapped out for lack of memory */
	u64 lacking;			/* m, bytes */
	u64 pressed_at;			/* the last sample under pressure */
	u64 growth;			/* bytes in hold_time, now */
	double rise;			/* bytes/ns, between the last two */
	double growth_peak;		/* and the largest growth, sinking */
	double reread;			/* r, bytes/s */
	u32 pressed;
	bool resized; /* since then, by more than was commanded */
	bool overhead_known;
	bool missed; /* an answer was expected, and was not there */
	bool judged; /* the last shrink's outcome is known */

	/* what it costs */
	u64 known; /* GUEST_HAS_* */
	u64 cost_at;
	u64 rss, swapped, ksm_saved;
	u64 payback;	 /* of swapped, what is likely to be read soon */
	u64 grew;	 /* touched since the last decision */
	double touching; /* bytes/ns, between two samples of its cost */

	/* what was learned */
	double yield; /* correction of the structural yield */
	double sigma;
	u64 kept; /* page cache with which it still read again */
	u64 good; /* last size that did no harm */
	u64 learned, learned_at;
	u64 undo, undo_at;
	u64 backoff_until;
	u64 harm_until; /* so long harms count, from the first of them */
	unsigned int harms;

	/* Only samples, events and commands read the rest: of the balloon */
	unsigned int yields_bad;
	u64 actual_at; /* when QEMU last reported its size unasked */
	u64 grown_at;
	u64 nearest; /* smallest |actual - target| since the command */
	u64 stuck_for;
	u64 commanded;		  /* QEMU's last target, whoever set it, as far as we know */
	u64 way;		  /* the nearest to that that it came */
	u64 rose_at;		  /* it went to max, by somebody's command or by itself */
	u64 rival_at, rival_seen; /* somebody else's moves: the first, the last */
	unsigned int rivals;	  /* how many */
	struct yield_watch watch;

	/* samples */
	unsigned int answers; /* in time, in a row */
	unsigned int stable;  /* samples in a row at the same actual */
	int follows;	      /* its total follows the balloon: -1 not known */
	unsigned int follows_votes;
	u64 last_update;
	u64 total;
	u64 swap_in, swap_out, major_faults, oom_kill, alloc_stall;
	u64 counters;		       /* GUEST_HAS_* of those that have a baseline */
	u64 least_actual, most_actual; /* sizes seen since the last sample */
	u64 debt_used;		       /* used when there was debt */
	u64 press_used;		       /* used when there was pressure */
	double refault, refault_p95;   /* bytes/s */
	bool ran_short;		       /* it had next to nothing available */
	bool ran_out;		       /* and less than what its demand leaves it */
	unsigned int ring_at;
	struct {
		u64 at, used;
	} ring[GROWTH_RING];

	/* costs */
	u64 disk_at, cpu_at;
	u64 disk_read, cpu_ns;
	u64 reclaimed;		     /* asked of its cgroup, not seen in swapped yet */
	u64 reclaim_at, reclaim_rss; /* a window of asking began then, with that */
	u64 reclaim_asked;	     /* bytes, in it */
	u64 reclaim_backoff, reclaim_until;
	double busy;	  /* vCPUs' load, CPUs */
	double disk_rate; /* bytes/s */
	u64 reads;	  /* since the last fresh sample */

	/* lessons */
	u64 cache_before; /* at the sample before */
	struct hot_watch probe;
	u64 backoff;
	u32 harm_by;   /* of the last harm: pressed bits ... */
	u64 harm_size; /* ... at this size; 0: there was none */
	u64 harm_last;
	u64 mark, mark_at; /* a size on its way to being good */
};

/*
 * What a decision walks through, several times: small, and apart from the rest,
 * which would only push it out of the cache.
 */
struct policy_guest {
	bool exists;
	bool unmanaged;

	/* configuration, and what follows from it and the tunables */
	u32 shares;
	u64 min_goal, max_goal; /* its range as configured ... */
	u64 min, max;		/* ... widened by what it has until it is there */
	u64 band;		/* dead band */
	u64 slack;		/* of the floor */

	u64 target, actual;

	/* worked out anew for each decision */
	enum policy_class class;
	u32 pressed_now;
	bool fresh, movable;
	u64 least; /* what it may be sent down to at all */
	u64 hot, active, floor, floor_pressed, room, demand, exposure;
	u64 bend;		 /* size at which all its free memory is taken */
	double y;		 /* yield of a byte above bend */
	double c_above, c_below; /* what a byte is worth to the budget there */
	double c;		 /* on the way from target to entitled */
	u64 entitled;
	int need;   /* how badly it needs to grow: enum need */
	bool waits; /* but not right after a shrink */
	u64 lack, grant;
	u64 kept;		   /* of lack, what its balloon has still to take */
	double cost;		   /* of a byte of that */
	u64 excess, within, rated; /* what may be taken: see shrink.c */
	double offer, take;
	enum policy_reason held; /* why it is not shrunk */
	bool lends;

	struct guest_history *seen;
};

static inline bool cost_known(const struct policy_guest *g)
{
	return g->seen->known & GUEST_HAS_RSS;
}

/* What its QEMU process costs the host, resident or paged out. */
static inline u64 process_cost(const struct policy_guest *g)
{
	return g->seen->rss + g->seen->swapped;
}

/* One end of a piece of some guest's line; see entitle.c. */
struct knee {
	double mu, slope;
};

struct reserve {
	bool exists;
	unsigned int id;
	u64 bytes, until;
	bool started; /* it belongs to @guest now, until that has touched it */
	unsigned int guest;
};

struct budget {
	u64 available; /* MemAvailable with ARC's credit */
	u64 left;      /* that, and what it can swap */
	u64 in_flight, payback, pending;
	u64 minfree, reserve, reserve_pressed, reserved, hold, exposure;
	double hold_slope;    /* dHold/dK */
	s64 deficit;	      /* X */
	s64 lack;	      /* X without precaution */
	bool kills, dire;     /* before a balloon has brought anything; now */
	double value, budget; /* of all targets, and of all entitlements */
	double at_tier;	      /* of all guests at the lower end of the tier */
};

/**
 * struct policy_plan - what to do when the host becomes critical
 * @want: bytes that the plan is for
 * @frees: bytes that its steps should bring: less than @want if all guests
 *	together have no more
 * @class: the worst class that was needed
 * @count: of @step
 * @step: at most one per guest, in order of handle
 */
struct policy_plan {
	u64 want, frees;
	enum policy_plan_class class;
	unsigned int count;
	const struct policy_plan_step *step;
};

struct policy {
	struct policy_tunables t;
	bool drain;
	u64 now;

	struct policy_guest *guest;
	struct guest_history *seen;
	unsigned int slots, count;
	struct policy_decision *decision;
	struct policy_plan_step *step;
	struct knee *knee, *knee_tmp;

	struct host_record host;
	bool have_host;
	enum policy_level level, raw; /* raw: without hysteresis */
	u64 well_since[POLICY_LEVEL_CRITICAL + 1];
	struct policy_fall fall;
	u64 touched, touched_at; /* first touch + KSM breaks since then */
	double touch[TOUCH_DAYS][TOUCH_TOP];
	u64 touch_day, touch_born;
	double outside; /* used by others than guests, smoothed */
	u64 outside_at;
	double outside_p999;

	struct budget b;
	enum policy_tier tier;

	struct reserve reserve[POLICY_RESERVES_MAX];
	unsigned int reserve_next;     /* number of the next one */
	bool decided;		       /* there are figures of a decision ... */
	u64 decided_at;		       /* ... of then, at ... */
	enum policy_level decided_raw; /* ... this level, and this one comes before */
	bool between_polls;	       /* and no level was entered */

	policy_input_t listener; /* NULL: none */
	void *listener_data;

	struct policy_plan plan;
	bool emergency;
	u64 emergency_avail;
	unsigned int emergency_round;

	struct {
		struct host_ksm cost_from; /* cost is measured since ... */
		u64 cost_at;		   /* ... then */
		double ns_per_page;
		u64 full_scans, saved_at_scan, walk_at_scan; /* when it was judged last */
		double worth;
		enum policy_level level;
		bool first_scans; /* since the level rose, not judged yet */
		bool seen;
	} ksm;
};

/* Without a guest there was no array yet, and a null pointer takes no sum. */
#define for_each_guest(p, g)                                                       \
	for ((g) = (p)->guest; (p)->slots && (g) < (p)->guest + (p)->slots; (g)++) \
		if ((g)->exists)

/* engine.c */
u64 policy_clock(struct policy *p, u64 now);
struct policy_guest *guest_get(const struct policy *p, unsigned int guest);

/* range.c */
void guest_derive(const struct policy *p, struct policy_guest *g);
void guest_range(const struct policy *p, struct policy_guest *g);

/* life.c */
void guest_restarted(const struct policy *p, struct policy_guest *g);

/* filter.c */
void quantile_step(double *q, double x, double quantile, double samples);
double half_life(u64 dt, u64 life);

/* guest.c */
void late_answered(const struct policy *p, struct policy_guest *g, u64 dt);
void late_unanswered(const struct policy *p, struct policy_guest *g);
u64 guest_silence(const struct policy *p, const struct policy_guest *g);
bool guest_late(const struct policy *p, const struct policy_guest *g);
u64 late_use(const struct policy *p, const struct policy_guest *g);

/* hot.c */
void hot_watch(const struct policy *p, struct policy_guest *g, int direction);
void hot_read(const struct policy *p, struct policy_guest *g, u64 faulted, u64 swapped, u64 dt);
u64 hot_fade(u64 kept, u64 age);
u64 hot_size(const struct policy *p, const struct policy_guest *g);

/* resident.c */
void resident_touched(const struct policy *p, struct policy_guest *g, u64 touched, u64 dt);
u64 resident_ahead(const struct policy *p, const struct policy_guest *g, u64 time);
u64 resident_period(const struct policy_guest *g);

/* balloon.c */
void balloon_settled(struct policy *p, struct policy_guest *g);
void balloon_forget(struct policy_guest *g);
bool balloon_stuck(struct policy *p, struct policy_guest *g);
bool balloon_spent(const struct policy *p, const struct policy_guest *g);
bool balloon_lags(const struct policy *p, const struct policy_guest *g);
void balloon_actual(struct policy *p, struct policy_guest *g, u64 actual);

/* rival.c */
void rival_forget(struct policy_guest *g);
void rival_commanded(struct policy_guest *g, u64 target);
bool rival_rules(const struct policy *p, const struct policy_guest *g);
bool rival_moved(struct policy *p, struct policy_guest *g, u64 actual);

/* harm.c */
void harm_check(struct policy *p, struct policy_guest *g);
u64 harm_backoff_left(const struct policy *p, const struct policy_guest *g);
bool harm_frozen(const struct policy *p, const struct policy_guest *g);
void harm_shrunk(struct policy *p, struct policy_guest *g, u64 from);
double harm_fading(u64 age);
u64 harm_learned(const struct policy *p, const struct policy_guest *g);
u64 harm_floor(const struct policy *p, const struct policy_guest *g);

/* demand.c */
u64 rise_in(const struct policy *p, const struct policy_guest *g, u64 time);
void demand_update(struct policy *p);
void demand_learned(struct policy *p);

/* host.c */
u64 host_available(const struct policy *p);
bool host_kills(const struct policy_tunables *t, u64 left, u64 minfree, double falls);
u64 reserve_left(const struct policy *p, const struct reserve *r);
u64 reserve_sum(const struct policy *p);
u64 reserve_coming(const struct policy *p);
void host_touch(struct policy *p, u64 bytes);
double host_touched(const struct policy *p);
u64 host_touch_rate(const struct policy *p);
void host_budget(struct policy *p);
void host_level(struct policy *p);

/* entitle.c */
void entitle(struct policy *p);
double value_of(const struct policy_guest *g, u64 size);

/* sort.c */
struct knee *sort_knees(struct knee *k, struct knee *tmp, size_t n);

/* grow.c */
struct need_sum {
	double urgent; /* lack of guests below their demand */
	double all;    /* c * lack of all */
	s64 spare;     /* bytes that nobody needs */
	/* By enum need - 1: bytes down to which the host may be drawn, what the
	 * needs before have left of them, and what all of that need lack. */
	s64 pool[3], left[3];
	double lack[3];
	unsigned int count[3];
	double granted;
};

/* How badly a guest needs to grow; each has its own pool of bytes. */
enum need {
	NEED_NONE,
	NEED_PRESSED, /* under pressure or below its floor */
	NEED_DEMAND,  /* below its demand */
	NEED_SHARE,   /* below its entitlement */
};

void grow(struct policy *p, struct need_sum *sum);

/* shrink.c */
void shrink(struct policy *p, const struct need_sum *sum);

/* survey.c */
void survey(struct policy *p);

/* emergency.c */

/**
 * policy_plan_emergency() - what an emergency would take now
 * @want: bytes to free, 0: back to twice minfree
 *
 * The result is valid until the next call that makes a plan,
 * policy_guest_add() or policy_guest_remove().  Return: 0, -ENODATA before the
 * first policy_host_update().
 */
int policy_plan_emergency(struct policy *p, u64 want, u64 now, const struct policy_plan **ret_plan);

/* reservation.c */
bool reserves_end(struct policy *p);

/* ksm_pace.c */
void ksm_sampled(struct policy *p);
void ksm_decide(const struct policy *p, struct policy_ksm_decision *ret);

/* input.c */
void input_heard(const struct policy *p, const struct policy_input *in);

/* A call of a type, with the fields that it has. */
#define HEARD(p, TYPE, ...)                    \
	input_heard(p, &(struct policy_input){ \
			       .type = POLICY_INPUT_##TYPE, .now = (p)->now, ##__VA_ARGS__ })

#endif /* DYNMEM_POLICY_ENGINE_H */
