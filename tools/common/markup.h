/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DYNMEM_MARKUP_H
#define DYNMEM_MARKUP_H

#include <stdio.h>

/**
 * markup_text() - write foreign text into HTML or SVG, as text or in an attribute
 * @f: the file, its errors are the caller's to check
 * @text: UTF-8; control characters are left out
 */
void markup_text(FILE *f, const char *text);

#endif
