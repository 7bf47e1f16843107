// SPDX-License-Identifier: GPL-2.0
#include "dynmemd/backends/backend.h"
#include "common/util.h"

const struct backend_ops *const backend_table[] = {
	&backend_qmp,
	&backend_libvirt,
	&backend_pve,
};

const unsigned int backend_count = ARRAY_SIZE(backend_table);
