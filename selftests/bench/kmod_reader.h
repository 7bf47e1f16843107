/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's reader needs of the kernel to run in user space: its
 * per-CPU areas are pages of one array each, of as many CPUs as are wanted.
 */
#ifndef DYNMEM_BENCH_KMOD_READER_H
#define DYNMEM_BENCH_KMOD_READER_H

#include <linux/kernel.h>
#include <sched.h>
#include <time.h>

#define AREA	 4096
#define CPUS_MAX 1024

static int possible_cpus = 1;

#define __percpu
#define ____cacheline_aligned	     __attribute__((aligned(64)))
#define ____cacheline_aligned_in_smp ____cacheline_aligned
#define unlikely(x)		     __builtin_expect(!!(x), 0)
#define BITS_PER_LONG		     64
#define for_each_possible_cpu(cpu)   for ((cpu) = 0; (cpu) < possible_cpus; (cpu)++)
#define for_each_online_cpu(cpu)     for_each_possible_cpu (cpu)
#define DECLARE_PER_CPU(type, name)  extern type name
/* The first of them is at the start of an array of areas. */
#define DEFINE_PER_CPU(type, name)                                               \
	static char name##_areas[CPUS_MAX][AREA] __attribute__((aligned(AREA))); \
	extern type name __attribute__((alias(#name "_areas")))
#define per_cpu(lvalue, cpu)	(*(__typeof__(lvalue) *)((char *)&(lvalue) + (size_t)(cpu)*AREA))
#define this_cpu_add(lvalue, n) (per_cpu(lvalue, 0) += (n))

typedef struct {
	int counter;
} atomic_t;

#define atomic_read(v)	       __atomic_load_n(&(v)->counter, __ATOMIC_RELAXED)
#define atomic_or(bits, v)     __atomic_fetch_or(&(v)->counter, (int)(bits), __ATOMIC_RELAXED)
#define atomic_xchg(v, n)      __atomic_exchange_n(&(v)->counter, n, __ATOMIC_SEQ_CST)
#define smp_mb()	       __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_mb__after_atomic() smp_mb()
#define WRITE_ONCE(x, v)       (*(volatile __typeof__(x) *)&(x) = (v))

static inline u64 ktime_get_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* Enough for stall.c: a task is a thread of the benchmark. */
struct task_struct {
	u32 tgid;
	u64 start_boottime;
	struct task_struct *group_leader;
};

static __thread struct task_struct *current;

typedef struct {
	int unused;
} raw_spinlock_t;

#define raw_spin_lock_init(lock)  ((void)(lock))
#define raw_spin_lock(lock)	  ((void)(lock))
#define raw_spin_unlock(lock)	  ((void)(lock))
#define lockdep_assert_held(lock) ((void)(lock))
#define cond_resched()		  ((void)0)
#define cpus_read_lock()	  ((void)0)
#define cpus_read_unlock()	  ((void)0)
#define cpus_read_trylock()	  true
#define smp_load_acquire(p)	  __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	  __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define smp_rmb()		  __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define cmpxchg(p, old, new)	  __sync_val_compare_and_swap(p, old, new)
#define hash_ptr(p, bits)	  (((u64)(p)*0x61C8864680B583EBULL) >> (64 - (bits)))
#define clamp(v, lo, hi)	  max(lo, min(v, hi))
#define ilog2(n)		  (31 - __builtin_clz((unsigned int)(n)))
#define roundup_pow_of_two(n)	  ((n) > 1 ? 2U << ilog2((n)-1) : 1U)
#define nr_cpu_ids		  ((unsigned int)possible_cpus)
#define L1_CACHE_BYTES		  64
#define __alloc_percpu(size, a)	  calloc(CPUS_MAX, AREA * 8)
#define per_cpu_ptr(p, cpu)	  ((__typeof__(p))((char *)(p) + (size_t)(cpu)*AREA * 8))
#define get_cpu_ptr(p)		  per_cpu_ptr(p, 0)
#define put_cpu_ptr(p)		  ((void)(p))
#define free_percpu		  free
#define kvcalloc(n, size, gfp)	  calloc(n, size)
#define kvfree			  free
#define __init

/* Where vmstat.c finds its events, as far apart as in the kernel. */
enum {
	PGSCAN_DIRECT_THROTTLE = 20,
	PGSTEAL_KSWAPD = 24,
	PGSCAN_DIRECT = 30,
	PGSCAN_KSWAPD,
	ALLOCSTALL_NORMAL = 8,
	PSWPIN = 40,
	PSWPOUT,
	ZONE_NORMAL = 2,
	ZONE_MOVABLE
};
#define HAVE_VM_EVENT_PGSCAN 1
#define CONFIG_SWAP	     1

struct vm_event_state {
	unsigned long event[100];
};

DECLARE_PER_CPU(struct vm_event_state, vm_event_states);

/* Not what is measured, and full of the kernel. */
#define _DYNMEM_COMPAT_H
#define _DYNMEM_CGROUP_ID_H

#endif
