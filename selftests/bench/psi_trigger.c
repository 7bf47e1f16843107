// SPDX-License-Identifier: GPL-2.0
/*
 * For LD_PRELOAD: each PSI trigger that a program sets becomes the most
 * sensitive one that the kernel allows, 1 ms of stall in 500 ms. So the peer
 * of the module is PSI at its best, whatever the program would be content with.
 */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) ssize_t write(int fd, const void *buf, size_t n)
{
	static const char trigger[] = "some 1000 500000";

	if (n > 5 && !memcmp(buf, "some ", 5))
		return syscall(SYS_write, fd, trigger, sizeof(trigger)) < 0 ? -1 : (ssize_t)n;
	return syscall(SYS_write, fd, buf, n);
}
