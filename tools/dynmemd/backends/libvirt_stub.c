// SPDX-License-Identifier: GPL-2.0
/* The backend "libvirt" where there was no libvirt to build it with. */
#include "dynmemd/backends/backend.h"
#include "dynmemd/base/log.h"
#include "common/util.h"

static struct backend nothing = { .ops = &backend_libvirt };

static bool configured(const struct config *config)
{
	return config->libvirt_uri != NULL;
}

static int reload(_unused_ struct backend *b, const struct config *config)
{
	if (configured(config))
		log_error(
			"the backend libvirt is not in this dynmemd: install libvirt-dev and libxml2-dev, and build it again; until then no guest of %s is managed",
			config->libvirt_uri);
	return 0;
}

static int new_backend(struct backend **ret, _unused_ struct manager *m, _unused_ sd_event *event,
		       const struct config *config)
{
	*ret = &nothing;
	return reload(*ret, config);
}

static void free_backend(_unused_ struct backend *b)
{
}

const struct backend_ops backend_libvirt = {
	.name = "libvirt",
	.configured = configured,
	.new = new_backend,
	.reload = reload,
	.free = free_backend,
};
