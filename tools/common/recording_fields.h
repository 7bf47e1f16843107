/* SPDX-License-Identifier: GPL-2.0 */
/* Tables of what inputs carry besides records; shared by recording.c and replay.c. */
#ifndef DYNMEM_RECORDING_FIELDS_H
#define DYNMEM_RECORDING_FIELDS_H

#include "policy/policy.h"
#include "policy/record.h"

extern const struct record_field config_fields[];      /* struct policy_guest_config */
extern const struct record_field guest_state_fields[]; /* struct policy_guest_state */
extern const struct record_field host_state_fields[];  /* struct policy_host_state */

#endif
