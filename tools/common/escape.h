/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DYNMEMD_ESCAPE_H
#define DYNMEMD_ESCAPE_H

#include <stddef.h>

/**
 * escape_text() - make foreign text harmless for logs, terminals and D-Bus
 * @out: gets printable UTF-8; other bytes, and characters that would move a
 *	cursor or hide text, are \xNN. What was escaped once stays as it is.
 * @size: of @out, at least 1; what does not fit is cut, never in a character
 * @text: text from a guest, a peer or a file
 *
 * Return: @out
 */
char *escape_text(char *out, size_t size, const char *text);

#endif
