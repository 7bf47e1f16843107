/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects of the monitor as lines for people.
 */
#ifndef DYNMEM_LINE_H
#define DYNMEM_LINE_H

#include <json-c/json.h>

/** line_print() - print @obj, of any "type" that the monitor shows, and a
 * newline */
void line_print(struct json_object *obj);

#endif
