/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and unloading the module under test, which DYNMEM_KO names. */
#ifndef DYNMEM_TEST_MODULE_H
#define DYNMEM_TEST_MODULE_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nl.h"

/* Return: 0 or a negative errno. */
_maybe_unused_ static int module_load(const char *parameters)
{
	const char *path = getenv("DYNMEM_KO");
	int fd, r;

	fd = open(path ? path : "", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "# DYNMEM_KO: %s\n", strerror(errno));
		return -errno;
	}
	r = (int)syscall(SYS_finit_module, fd, parameters, 0);
	r = r < 0 ? -errno : 0;
	close(fd);
	return r;
}

_maybe_unused_ static int module_unload(void)
{
	return syscall(SYS_delete_module, "dynmem", O_NONBLOCK) < 0 ? -errno : 0;
}

/* Somebody may be about to finish a dump: that holds the module. */
_maybe_unused_ static int module_unload_patiently(void)
{
	int r = -EAGAIN;

	for (int i = 0; i < 200 && r == -EAGAIN; i++) {
		r = module_unload();
		if (r == -EAGAIN)
			sleep_ms(20);
	}
	return r;
}

#endif
