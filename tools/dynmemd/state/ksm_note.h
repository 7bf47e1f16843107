/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A note on the disk of what ksmd's settings were before the daemon changed them: it
 * is there before the first of them is written, and until they are put back.
 */
#ifndef DYNMEMD_KSM_NOTE_H
#define DYNMEMD_KSM_NOTE_H

#include <stdbool.h>

#include "dynmemd/host/ksm_settings.h"

/**
 * struct ksm_note - what must be known to put things back
 * @found: before the first write
 * @ours: as written last, or about to be
 * @before: as written before that, in case the latest write did not happen
 */
struct ksm_note {
	struct ksm_settings found, ours, before;
};

/** ksm_is_ours() - whether a value is one that we wrote */
bool ksm_is_ours(const struct ksm_note *n, enum ksm_setting i, const char *value);

/**
 * ksm_note_store() - write it to the disk, and wait for that
 * @boot: the kernel's boot ID; a note of another boot is worth nothing
 *
 * Return: 0 or a negative errno.
 */
int ksm_note_store(const char *path, const char *boot, const struct ksm_note *n);

/**
 * ksm_note_load() - what an earlier daemon left
 *
 * Return: 0; -ENOENT: there is none, or it is of another boot; -EBADMSG: it is no note;
 * another negative errno.
 */
int ksm_note_load(const char *path, const char *boot, struct ksm_note *ret);

#endif
