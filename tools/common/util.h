/* SPDX-License-Identifier: GPL-2.0 */
/* Small things that every file of the daemon may want. */
#ifndef DYNMEMD_UTIL_H
#define DYNMEMD_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <json-c/json.h>

#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL
#define NSEC_PER_USEC 1000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC  1000000000ULL

#define KIB (1ULL << 10)
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define _unused_	__attribute__((unused))
#define _printf_(f, a)	__attribute__((format(printf, f, a)))
#define _cleanup_(func) __attribute__((cleanup(func)))

/* a - b, but never below 0 */
static inline uint64_t over(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void json_putp(struct json_object **o)
{
	json_object_put(*o);
}

#endif
