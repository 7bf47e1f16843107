/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be set of ksmd, as text.
 *
 * Each value is one word of a file in /sys/kernel/mm/ksm; "" where this kernel does not
 * have the file.
 */
#ifndef DYNMEMD_KSM_SETTINGS_H
#define DYNMEMD_KSM_SETTINGS_H

/* In the order in which they are written: the advisor keeps the pace from being set. */
enum ksm_setting { KSM_ADVISOR_MODE, KSM_PAGES_TO_SCAN, KSM_SLEEP, KSM_RUN, KSM_SETTINGS };

#define KSM_VALUE_MAX 24

struct ksm_settings {
	char value[KSM_SETTINGS][KSM_VALUE_MAX];
};

/** ksm_setting_name() - of its file */
const char *ksm_setting_name(enum ksm_setting i);

/**
 * ksm_settings_read() - as they are now
 * @dir: /sys/kernel/mm/ksm, or a folder that looks like it
 *
 * Return: 0; -ENOENT: this kernel has no KSM; another negative errno.
 */
int ksm_settings_read(const char *dir, struct ksm_settings *ret);

/**
 * ksm_setting_write() - write one; may block for as long as ksmd is busy
 *
 * Return: 0 or a negative errno.
 */
int ksm_setting_write(const char *dir, enum ksm_setting i, const char *value);

#endif
