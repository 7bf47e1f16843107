/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a program allocates: counted, or refused. Include it in one file of a
 * program. A sanitizer has a malloc of its own: nothing is counted then.
 */
#ifndef MALLOC_WATCH_H
#define MALLOC_WATCH_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * @on: they are counted
 * @count: so many so far
 * @first, @last: which of them fail, counted from 1; none while @first is 0
 *
 * Volatile, since malloc() looks at it behind the compiler's back.
 */
static volatile struct {
	bool on;
	unsigned int count;
	unsigned int first, last;
} allocations;

#ifndef __SANITIZE_ADDRESS__
#define MALLOC_WATCHED 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static bool allocation_fails(void)
{
	unsigned int n;

	if (!allocations.on)
		return false;
	n = ++allocations.count;
	if (!allocations.first || n < allocations.first || n > allocations.last)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return allocation_fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return allocation_fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return allocation_fails() ? NULL : __libc_realloc(p, size);
}
#else
#define MALLOC_WATCHED 0
#endif

/* One allocation that the compiler leaves in. */
static inline void *allocate_something(void)
{
	void *(*volatile real_malloc)(size_t size) = malloc;

	return real_malloc(1);
}

#endif
