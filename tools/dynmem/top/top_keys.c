// SPDX-License-Identifier: GPL-2.0
#include <ncurses.h>
#include <string.h>

#include "dynmem/top/top.h"

enum { ESCAPE = 27, RUBOUT = 127, CTRL_C = 3 };

static void scroll_by(struct top_view *v, int guests)
{
	/* Past the end, top_layout() corrects it. */
	if (guests < 0 && v->first < (size_t)-guests)
		v->first = 0;
	else
		v->first += (size_t)guests;
}

/* What is typed is bytes of UTF-8: a character may be several of them. */
static void type(struct top_view *v, int key)
{
	size_t n = strlen(v->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		v->typing = false;
	} else if (key == ESCAPE) {
		v->typing = false;
		v->filter[0] = '\0';
	} else if (key == KEY_BACKSPACE || key == RUBOUT || key == '\b') {
		while (n && (v->filter[--n] & 0xc0) == 0x80)
			;
		v->filter[n] = '\0';
	} else if (key >= ' ' && key < 256 && n + 1 < sizeof(v->filter)) {
		v->filter[n] = (char)key;
		v->filter[n + 1] = '\0';
	}
}

bool top_key(struct top_view *v, int key)
{
	if (v->typing && key != CTRL_C) {
		type(v, key);
		return true;
	}
	switch (key) {
	case 'q':
	case CTRL_C:
		return false;
	case 's':
		v->sort = (v->sort + 1) % TOP_SORTS;
		break;
	case 'r':
		v->reverse = !v->reverse;
		break;
	case '/':
		v->typing = true;
		break;
	case ESCAPE:
		v->filter[0] = '\0';
		break;
	case KEY_DOWN:
		scroll_by(v, 1);
		break;
	case KEY_UP:
		scroll_by(v, -1);
		break;
	case KEY_NPAGE:
		scroll_by(v, 10);
		break;
	case KEY_PPAGE:
		scroll_by(v, -10);
		break;
	case KEY_HOME:
		v->first = 0;
		break;
	default:
		break;
	}
	return true;
}
