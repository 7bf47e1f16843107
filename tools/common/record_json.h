/* SPDX-License-Identifier: GPL-2.0 */
/* Records as JSON: an object with the fields that are present. */
#ifndef DYNMEM_RECORD_JSON_H
#define DYNMEM_RECORD_JSON_H

#include <json-c/json.h>

#include "policy/record.h"

/* Of recordings and of the daemon's records. Fields may be added; one that changes its meaning
 * takes a new version. */
#define RECORD_SCHEMA 1

#define RECORD_WHY_MAX 128

/**
 * record_to_json() - write a record, or another struct with a table of fields
 * @fields: guest_record_fields or host_record_fields
 * @record: of that type
 * @present: its fields; of a field without a bit it does not matter
 *
 * Return: a new object, NULL: no memory.
 */
struct json_object *record_to_json(const struct record_field *fields, const void *record,
				   uint64_t present);

/**
 * record_from_json() - read it
 * @record: what is absent stays as it is
 * @ret_present: bits of what was there
 * @why: what is wrong with it, in words
 *
 * Unknown names are passed over: a later version has more. Return: 0 or -EBADMSG.
 */
int record_from_json(const struct record_field *fields, struct json_object *obj, void *record,
		     uint64_t *ret_present, char why[RECORD_WHY_MAX]);

#endif
