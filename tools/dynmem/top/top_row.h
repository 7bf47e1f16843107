/* SPDX-License-Identifier: GPL-2.0 */
/* Building a row of the screen, by columns. */
#ifndef DYNMEM_TOP_ROW_H
#define DYNMEM_TOP_ROW_H

#include "dynmem/top/top.h"

/** row_put() - append text, cut to so many columns of the whole row */
void row_put(struct top_row *r, unsigned int end, enum top_style style, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** row_fill() - append one character up to a column */
void row_fill(struct top_row *r, unsigned int end, enum top_style style, char c);

/** row_right() - append text that ends at a column */
void row_right(struct top_row *r, unsigned int end, enum top_style style, const char *text);

#endif
