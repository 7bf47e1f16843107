/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DYNMEMD_RIVAL_H
#define DYNMEMD_RIVAL_H

#include <stddef.h>

/**
 * rival_name() - programs that run here and are known to move balloons
 * @proc: "/proc", or a folder that looks like it
 * @buf: gets "pvestatd (pid 812), momd (pid 5)"; empty if there is none
 *
 * Allocates. Return: @buf
 */
char *rival_name(const char *proc, char *buf, size_t size);

/** ksm_rival_name() - the same, of programs that set ksmd's pace */
char *ksm_rival_name(const char *proc, char *buf, size_t size);

#endif
