// SPDX-License-Identifier: GPL-2.0
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "common/util.h"

#define LIBRARY "libvirt.so.0"

struct libvirt_api lv;

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define FUNCTION(name) { #name, offsetof(struct libvirt_api, name) },
	LIBVIRT_FUNCTIONS(FUNCTION)
};

int libvirt_api_load(const char **ret_why)
{
	static void *library;
	void *handle;

	if (library)
		return 0;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle) {
		*ret_why = dlerror();
		return -ELIBACC;
	}
	/* Also searches the libraries that it was linked with. */
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		void *f = dlsym(handle, functions[i].name);

		if (!f) {
			*ret_why = dlerror();
			dlclose(handle);
			return -ELIBACC;
		}
		*(void **)((char *)&lv + functions[i].offset) = f;
	}
	library = handle;
	return 0;
}
