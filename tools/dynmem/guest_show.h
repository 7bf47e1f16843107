/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of a guest's description that several subcommands print. */
#ifndef DYNMEM_GUEST_SHOW_H
#define DYNMEM_GUEST_SHOW_H

#include <json-c/json.h>

/** guest_print_settings() - range, shares, hold, and where they come from */
void guest_print_settings(struct json_object *g);

/** guest_print_json() - {"schema", "guest"} */
void guest_print_json(struct json_object *g);

#endif
