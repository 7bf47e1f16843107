// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "dynmemd/backends/libvirt/libvirt_loop.h"
#include "dynmemd/base/thread.h"
#include "common/util.h"

static pthread_t thread;
static atomic_bool running;

static void *run(_unused_ void *arg)
{
	while (running)
		lv.virEventRunDefaultImpl();
	return NULL;
}

static void wake(int timer, _unused_ void *opaque)
{
	lv.virEventRemoveTimeout(timer);
}

/* libvirt prints errors by default. */
static void print_nothing(_unused_ void *userdata, _unused_ virErrorPtr error)
{
}

int libvirt_loop_start(void)
{
	int r;

	if (running)
		return 0;
	if (lv.virInitialize() < 0 || lv.virEventRegisterDefaultImpl() < 0)
		return -EIO;
	lv.virSetErrorFunc(NULL, print_nothing);
	running = true;
	r = thread_start(&thread, run, NULL);
	running = r == 0;
	return r;
}

void libvirt_loop_stop(void)
{
	if (!running)
		return;
	running = false;
	lv.virEventAddTimeout(0, wake, NULL, NULL);
	thread_join(thread);
}
