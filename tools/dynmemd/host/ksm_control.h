/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that sets ksmd's pace and puts back what was found: a write to these files
 * waits for ksmd, for minutes while it unmerges.
 *
 * Before the first write, what was found is noted on the disk, so that it is put back
 * even after this daemon was killed.  A value that somebody else has written meanwhile
 * is theirs: it is neither overwritten nor put back.
 */
#ifndef DYNMEMD_KSM_CONTROL_H
#define DYNMEMD_KSM_CONTROL_H

#include <systemd/sd-event.h>

#include "dynmemd/state/ksm_note.h"

struct ksm_control;

/**
 * enum ksm_done - what became of an order
 * @KSM_DONE_SET: all is as it was wanted
 * @KSM_DONE_RESTORED: what was found is back, but for what others have written since
 * @KSM_DONE_FOREIGN: somebody else has written; nothing was done
 * @KSM_DONE_FAILED: @error of @path
 */
enum ksm_done {
	KSM_DONE_SET,
	KSM_DONE_RESTORED,
	KSM_DONE_FOREIGN,
	KSM_DONE_FAILED,
};

/**
 * struct ksm_outcome - of one order
 * @setting: that somebody else wrote ...
 * @value: ... to this
 * @error: a negative errno
 * @path: of the file that could not be read or written
 */
struct ksm_outcome {
	enum ksm_done done;
	enum ksm_setting setting;
	char value[KSM_VALUE_MAX];
	int error;
	char path[256];
};

/** ksm_control_done_t - an order is done; called in the event loop */
typedef void (*ksm_control_done_t)(void *userdata, const struct ksm_outcome *o);

/**
 * ksm_control_new() - start the thread, and read the note that an earlier daemon left
 * @dir: /sys/kernel/mm/ksm, or a folder that looks like it
 * @note: file of the note; NULL: nothing is kept on the disk
 * @boot: the kernel's boot ID
 *
 * Return: 0 or a negative errno.
 */
int ksm_control_new(struct ksm_control **ret, sd_event *event, const char *dir, const char *note,
		    const char *boot, ksm_control_done_t done, void *userdata);

/** ksm_control_idle() - whether no order is being carried out */
bool ksm_control_idle(const struct ksm_control *c);

/** ksm_control_ours() - what was set, by an earlier daemon too, and not put back; or NULL */
const struct ksm_settings *ksm_control_ours(const struct ksm_control *c);

/**
 * ksm_control_foreign() - whether somebody else has written, as of now; only while idle
 * @ret: which, and what
 */
bool ksm_control_foreign(const struct ksm_control *c, struct ksm_outcome *ret);

/**
 * ksm_control_set() - have settings written; only while idle
 * @adopt: what somebody else has written counts as found, and is no reason to stop
 */
void ksm_control_set(struct ksm_control *c, const struct ksm_settings *want, bool adopt);

/** ksm_control_restore() - have what was found put back, after what is being done */
void ksm_control_restore(struct ksm_control *c);

/**
 * ksm_control_free() - put back what was found, and wait for that a second at the most
 *
 * After that the next daemon does it. NULL is fine. Return: NULL
 */
struct ksm_control *ksm_control_free(struct ksm_control *c);

#endif
