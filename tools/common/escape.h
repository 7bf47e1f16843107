/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DYNMEMD_ESCAPE_H
#define DYNMEMD_ESCAPE_H

#include <stddef.h>

/**
 * escape_text() - make foreign text harmless for logs, terminals and D-Bus
 * @out: gets printable ASCII; what is not (and the backslash) is \xNN
 * @size: of @out, at least 1; what does not fit is cut, never in an escape
 * @text: text from a guest, a peer or a file
 *
 * Return: @out
 */
char *escape_text(char *out, size_t size, const char *text);

#endif
