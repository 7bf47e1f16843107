// SPDX-License-Identifier: GPL-2.0
/* A guest's configuration of Proxmox VE: an input is the text of a file. */
#include "dynmemd/backends/pve/pve_conf.h"
#include "common/escape.h"
#include "common/util.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pve_conf c;
	char again[sizeof(c.name)];

	pve_conf_parse(&c, (const char *)data, size);
	promise(memchr(c.name, 0, sizeof(c.name)));
	/* Printable UTF-8, which escaping leaves as it is. */
	promise(!strcmp(escape_text(again, sizeof(again), c.name), c.name));
	promise(c.memory > 0 && c.memory <= 64 * 1024 * GIB);
	promise(c.balloon <= 64 * 1024 * GIB);
	promise(!c.no_balloon || !c.balloon);
	promise(c.shares <= 50000);
	promise(!c.bad_key == !c.bad_line);
	promise(c.whole == (size && data[size - 1] == '\n'));
	return 0;
}
