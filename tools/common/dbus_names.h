/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The names of dynmemd's D-Bus API on the system bus: the contract between
 * the daemon and whoever asks it (the command dynmem, agents, busctl).
 *
 * Object /org/dynmem1, interface org.dynmem1.Manager:
 *
 *   GetHost()		-> a{sv}	the host; keys DYNMEM_HOST_*
 *   ListGuests()	-> aa{sv}	all guests; keys DYNMEM_GUEST_*
 *   GetGuest(s name)	-> a{sv}	one, with keys DYNMEM_DETAIL_* as well; error
 *					org.dynmem1.Error.NoSuchGuest
 *   SetGuest(s name, s key, s value, t seconds) -> s done	change "min", "max",
 *					"shares" (values as in dynmem.conf) or "hold"
 *					("yes": leave it as it is) at run time, for so
 *					long, 0: for ever; "default": as configured
 *					again. Errors NoSuchGuest, BadValue
 *   GetRecords()	-> s		the records of host and guests, JSON: {"schema",
 *					"host", "guests": [{"name", "record"}]}; record.h
 *   Record()				send a recording, a signal Record a line, until
 *					the caller leaves the bus; error NoRoom
 *   Drain()				give guests all their memory back; error
 *					org.dynmem1.Error.NotManaging
 *   Resume()				manage guests again
 *   PlanReload()	-> as lines, s path	what a reload of that file would
 *					change; error InvalidArgs: it is wrong
 *   Reserve(t bytes, s guest, t seconds)	-> a{sv}	keep memory for a
 *					guest that is about to start; keys
 *					DYNMEM_RESERVE_*; errors NotManaging
 *					and org.dynmem1.Error.NoRoom
 *   ListReservations()	-> aa{sv}	all that hold
 *   GetReservation(t id) -> a{sv}	error org.dynmem1.Error.NoReservation
 *   Release(t id)			the same error
 *
 *   signal Decision(s guest, t from, t to, s code, s reason, a{sv} more)
 *   signal Record(s line)		JSON, to who called Record() alone
 *   signal GuestAdded(s guest)
 *   signal GuestRemoved(s guest, s reason)
 *
 *   property s Version	constant
 *   property s Mode	"observe" | "manage" | "dry-run" | "drain" | "stopped"
 *							   emits a change
 *   property s Level	"none" | "low" | "medium" | "critical" emits a change
 *   property s Source	"genl" | "procfs" | "none"	   emits a change
 *
 * Sizes are bytes, times microseconds of CLOCK_MONOTONIC, ages microseconds, and
 * what ends with "until" seconds since the epoch. A key whose value
 * is not known is left out, it is never 0 for "unknown". New keys may be
 * added at any time: a reader skips those that it does not know.
 */
#ifndef DYNMEMD_API_H
#define DYNMEMD_API_H

#define DYNMEM_BUS_NAME		"org.dynmem1"
#define DYNMEM_BUS_PATH		"/org/dynmem1"
#define DYNMEM_BUS_INTERFACE	"org.dynmem1.Manager"
#define DYNMEM_BUS_NO_GUEST	"org.dynmem1.Error.NoSuchGuest"
#define DYNMEM_BUS_NOT_MANAGING "org.dynmem1.Error.NotManaging"

#define DYNMEM_BUS_NO_ROOM    "org.dynmem1.Error.NoRoom"
#define DYNMEM_BUS_NO_RESERVE "org.dynmem1.Error.NoReservation"
#define DYNMEM_BUS_BAD_VALUE  "org.dynmem1.Error.BadValue"

/* GetHost() */
#define DYNMEM_HOST_LEVEL      "level"	    /* s, as the property */
#define DYNMEM_HOST_MODE       "mode"	    /* s, as the property */
#define DYNMEM_HOST_STOP       "stop-file"  /* s, the kill switch, while it is on */
#define DYNMEM_HOST_SOURCE     "source"	    /* s, as the property */
#define DYNMEM_HOST_PROFILE    "profile"    /* s, of the policy */
#define DYNMEM_HOST_TOTAL      "total"	    /* t */
#define DYNMEM_HOST_AVAILABLE  "available"  /* t, MemAvailable */
#define DYNMEM_HOST_FREE       "free"	    /* t, MemFree */
#define DYNMEM_HOST_SWAP_TOTAL "swap-total" /* t */
#define DYNMEM_HOST_SWAP_FREE  "swap-free"  /* t */
#define DYNMEM_HOST_MINFREE    "minfree"    /* t, the sliding scale */
#define DYNMEM_HOST_RESERVE    "reserve"    /* t, kept for the host itself */
#define DYNMEM_HOST_EXPOSURE   "exposure"   /* t, guests can call it in */
#define DYNMEM_HOST_HOLD       "hold"	    /* t, held against it */
#define DYNMEM_HOST_DEFICIT    "deficit"    /* x, > 0: lacks memory */
#define DYNMEM_HOST_LARGEST    "largest"    /* t, guest that could be started */
#define DYNMEM_HOST_LARGEST_SQUEEZED \
	"largest-squeezed"			  /* t, with all others
							   at their floors */
#define DYNMEM_HOST_KSM_SAVED  "ksm-saved"	  /* t, saved by merging */
#define DYNMEM_HOST_KSM_RUN    "ksm-run"	  /* t, as in sysfs */
#define DYNMEM_HOST_KSM_GUESTS "ksm-saved-guests" /* t, of it in guests */
#define DYNMEM_HOST_KSM_MODE   "ksm-mode"	  /* s: off, report, manage */
#define DYNMEM_HOST_KSM_DRIVER "ksm-driver"	  /* s, who sets ksmd's pace */
#define DYNMEM_HOST_KSM_CPU    "ksm-cpu"	  /* d, of one CPU that ksmd takes */
#define DYNMEM_HOST_KSM_REASON "ksm-reason"	  /* s, of the pace that is decided */
#define DYNMEM_HOST_KSM_ALERT  "ksm-alert"	  /* s, merging crosses trust domains */
#define DYNMEM_HOST_KSM_ERROR  "ksm-error"	  /* s, what could not be set */
#define DYNMEM_HOST_STALLS     "stalls"		  /* t, direct reclaims so far */
#define DYNMEM_HOST_OOM_KILLS  "oom-kills"	  /* t, so far */
#define DYNMEM_HOST_TAKEN      "taken"		  /* t, from guests within a minute */
#define DYNMEM_HOST_TAKE_MAX   "take-max"	  /* t, so much may be */
#define DYNMEM_HOST_GATE       "gate"	/* s, what held more back in it; left out: nothing */
#define DYNMEM_HOST_GUESTS     "guests" /* t, how many */
/* Since the daemon's start: a{sv}, code -> t */
#define DYNMEM_HOST_DECISIONS	       "decisions"	    /* applied */
#define DYNMEM_HOST_DECISIONS_OBSERVED "decisions-observed" /* only logged */
#define DYNMEM_HOST_REACTIONS	       "reactions"     /* t, events with a command to a guest */
#define DYNMEM_HOST_REACTION_TIME      "reaction-time" /* t, summed: event to its first command */

/* ListGuests(), GetGuest() */
#define DYNMEM_GUEST_NAME	 "name"		       /* s */
#define DYNMEM_GUEST_BACKEND	 "backend"	       /* s, of dynmem.conf */
#define DYNMEM_GUEST_SOCKET	 "socket"	       /* s */
#define DYNMEM_GUEST_PID	 "pid"		       /* t, QEMU's */
#define DYNMEM_GUEST_CLASS	 "class"	       /* s: reporting, silent, … */
#define DYNMEM_GUEST_MIN	 "min"		       /* t */
#define DYNMEM_GUEST_MAX	 "max"		       /* t */
#define DYNMEM_GUEST_SHARES	 "shares"	       /* t */
#define DYNMEM_GUEST_ACTUAL	 "actual"	       /* t, what the balloon left it */
#define DYNMEM_GUEST_TARGET	 "target"	       /* t, last commanded */
#define DYNMEM_GUEST_USED	 "used"		       /* t, by its statistics */
#define DYNMEM_GUEST_DEMAND	 "demand"	       /* t, what it should have */
#define DYNMEM_GUEST_FLOOR	 "floor"	       /* t, less would do harm */
#define DYNMEM_GUEST_ENTITLED	 "entitled"	       /* t, its share right now */
#define DYNMEM_GUEST_RSS	 "rss"		       /* t, what the host pays */
#define DYNMEM_GUEST_KSM_SAVED	 "ksm-saved"	       /* t */
#define DYNMEM_GUEST_UNMERGEABLE "unmergeable"	       /* s, why KSM cannot merge */
#define DYNMEM_GUEST_UNMERGED	 "unmerged"	       /* s, why KSM merges nothing of it */
#define DYNMEM_GUEST_TRUST	 "trust"	       /* s, its trust domain */
#define DYNMEM_GUEST_RECLAIMED	 "reclaimed"	       /* t, so far by its cgroup */
#define DYNMEM_GUEST_HIGH	 "memory-high"	       /* t, of its cgroup, enforced */
#define DYNMEM_GUEST_EXPOSURE	 "exposure"	       /* t, can still call in */
#define DYNMEM_GUEST_YIELD	 "yield"	       /* d, host bytes per balloon byte */
#define DYNMEM_GUEST_PRESSED	 "pressed"	       /* b */
#define DYNMEM_GUEST_OBSERVED	 "observed"	       /* s, why it is not moved */
#define DYNMEM_GUEST_PINNED	 "pinned"	       /* s, why a balloon frees nothing */
#define DYNMEM_GUEST_REPORTING	 "free-page-reporting" /* b */
#define DYNMEM_GUEST_DEFLATE	 "deflate-on-oom"      /* b */
#define DYNMEM_GUEST_ALERT	 "alert"	       /* b, an operator should know */
#define DYNMEM_GUEST_CODE	 "last-code"	       /* s, of its last decision */
#define DYNMEM_GUEST_REASON	 "last-reason"	       /* s, the same in words */

#define DYNMEM_GUEST_HELD	"held"	     /* b, left as it is, by an operator */
#define DYNMEM_GUEST_SAMPLE_AGE "sample-age" /* t, of its statistics */

/* GetGuest() alone: settings and their origins, texts for people. */
#define DYNMEM_DETAIL_MIN_FROM	   "min-from"	  /* s: "default", "FILE:LINE", "run time", ... */
#define DYNMEM_DETAIL_MAX_FROM	   "max-from"	  /* s */
#define DYNMEM_DETAIL_SHARES_FROM  "shares-from"  /* s */
#define DYNMEM_DETAIL_MIN_UNTIL	   "min-until"	  /* t, of a setting of run time that ends */
#define DYNMEM_DETAIL_MAX_UNTIL	   "max-until"	  /* t */
#define DYNMEM_DETAIL_SHARES_UNTIL "shares-until" /* t */
#define DYNMEM_DETAIL_HOLD_UNTIL   "hold-until"	  /* t */

/* GetGuest() alone: what is known of machine, statistics and costs. */
#define DYNMEM_DETAIL_RECORD	  "record"	/* a{sv}, t or s: as in record.h */
#define DYNMEM_DETAIL_ACTUAL_AGE  "actual-age"	/* t, QEMU reported the balloon's size */
#define DYNMEM_DETAIL_POLL_PERIOD "poll-period" /* t, it is asked so often; left out: not */

/* GetGuest() alone: from what it uses to what it gets, as in policy.rst. */
#define DYNMEM_DETAIL_OVERHEAD	 "overhead"   /* t, of its kernel: actual - total */
#define DYNMEM_DETAIL_DEBT	 "debt"	      /* t, swapped out for lack of memory */
#define DYNMEM_DETAIL_CACHE	 "cache"      /* t */
#define DYNMEM_DETAIL_HOT	 "hot"	      /* t, of the cache, what is read again */
#define DYNMEM_DETAIL_ACTIVE	 "active"     /* t, used + overhead + debt + hot */
#define DYNMEM_DETAIL_ROOM	 "room"	      /* t, to grow until the next decision */
#define DYNMEM_DETAIL_LACKING	 "lacking"    /* t, more since it was under pressure */
#define DYNMEM_DETAIL_LEARNED	 "learned"    /* t, margin of the floor learned from harm */
#define DYNMEM_DETAIL_WANTED	 "wanted"     /* t, demand at the last decision */
#define DYNMEM_DETAIL_GRANTED	 "granted"    /* t, target after the last decision */
#define DYNMEM_DETAIL_PRESSED_BY "pressed-by" /* s, a clause */
#define DYNMEM_DETAIL_BACKOFF	 "backoff"    /* t, so long no shrink; left out: none */
#define DYNMEM_DETAIL_HARMS	 "harms"      /* t, shrinks that did harm lately */
#define DYNMEM_DETAIL_HARM_BY	 "harm-by"    /* s, what the last one did, a clause */
#define DYNMEM_DETAIL_HARM_SIZE	 "harm-size"  /* t, at this size */
#define DYNMEM_DETAIL_HARM_AGE	 "harm-age"   /* t; left out: before the daemon started */
#define DYNMEM_DETAIL_WAITS_FOR	 "waits-for"  /* aa{sv}, DYNMEM_WAIT_*, the most first */

/* DYNMEM_DETAIL_WAITS_FOR */
#define DYNMEM_WAIT_GUEST "guest" /* s, that has the bytes */
#define DYNMEM_WAIT_BYTES "bytes" /* t */
#define DYNMEM_WAIT_MOVES "moves" /* b, its balloon brings them; false: not commanded yet */

/* Reserve(), GetReservation(), ListReservations() */
#define DYNMEM_RESERVE_ID      "id"	 /* t */
#define DYNMEM_RESERVE_STATE   "state"	 /* s: ready, freeing, started, expired */
#define DYNMEM_RESERVE_BYTES   "bytes"	 /* t, asked for */
#define DYNMEM_RESERVE_MISSING "missing" /* t, still to be freed, or kept */
#define DYNMEM_RESERVE_WHY     "why"	 /* s, a sentence */
#define DYNMEM_RESERVE_NAME    "name"	 /* s, of the guest; ListReservations() alone */
#define DYNMEM_RESERVE_UNTIL   "until"	 /* t; the same */

/* Decision's "more" */
#define DYNMEM_DECISION_WANTED	"wanted"  /* t, what would be right */
#define DYNMEM_DECISION_APPLIED "applied" /* b, false: only observed */
#define DYNMEM_DECISION_LEVEL	"level"	  /* s */
#define DYNMEM_DECISION_TIME	"time"	  /* t */

#endif
