/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What QEMU answers and reports, picked from its JSON.
 *
 * All take anything: NULL, another type, a missing key. They return false and
 * leave their outputs alone when the answer does not say.
 */
#ifndef DYNMEMD_QMP_ANSWER_H
#define DYNMEMD_QMP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/** answer_text() - a string, or NULL */
const char *answer_text(struct json_object *data, const char *key);

/** answer_bytes() - a number that is not negative */
bool answer_bytes(struct json_object *data, const char *key, uint64_t *ret);

/**
 * answer_status() - query-status
 * @ret_running: its vCPUs run
 * @ret_incoming: it waits for, or takes in, a migration
 */
bool answer_status(struct json_object *data, bool *ret_running, bool *ret_incoming);

/**
 * answer_migrating() - query-migrate, or the event MIGRATION
 * @ret: one is under way; a QEMU that never migrated gives no status at all
 */
bool answer_migrating(struct json_object *data, bool *ret);

#endif
