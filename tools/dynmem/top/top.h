/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dynmem top: host and guests on a terminal, live.
 *
 * top.c has the loop and what comes in, top_layout.c makes rows of that without a
 * terminal, top_screen.c draws them.
 */
#ifndef DYNMEM_TOP_H
#define DYNMEM_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* Less than that holds no bar. */
#define TOP_MIN_COLUMNS 40
#define TOP_MIN_ROWS	8

/* Room for a wide terminal, in bytes. */
#define TOP_ROW_BYTES 1024

#define TOP_DECISIONS 32

enum top_style {
	TOP_PLAIN,
	TOP_BOLD,
	TOP_TITLE, /* of columns */
	TOP_USED,
	TOP_FREE, /* of what a guest has */
	TOP_LENT, /* to others */
	TOP_HELD,
	TOP_MARK, /* min and target */
	TOP_WARN,
	TOP_STYLES
};

/**
 * struct top_row - a row of the screen
 * @text: UTF-8
 * @style: enum top_style of each byte of @text
 * @length: in bytes
 * @columns: that it takes on the screen
 */
struct top_row {
	char text[TOP_ROW_BYTES];
	unsigned char style[TOP_ROW_BYTES];
	size_t length;
	unsigned int columns;
};

enum top_sort { TOP_BY_NAME, TOP_BY_USED, TOP_BY_ACTUAL, TOP_BY_MAX, TOP_BY_RSS, TOP_SORTS };

/**
 * struct top_view - how it is shown
 * @columns: of the terminal
 * @rows: of the terminal
 * @sort: of guests
 * @reverse: the other way round
 * @filter: only guests with that in their names; empty: all
 * @typing: the filter is being typed
 * @first: guest in the first row of the list, from 0 on; corrected by top_layout()
 */
struct top_view {
	unsigned int columns, rows;
	enum top_sort sort;
	bool reverse;
	char filter[64];
	bool typing;
	size_t first;
};

/**
 * struct top_data - what is shown
 * @host: GetHost(); NULL: nothing is known yet
 * @guests: ListGuests()
 * @problem: why there is nothing newer; empty: there is
 * @clock: the time of day
 * @decision: the last ones, in a ring
 * @decisions: how many there were
 */
struct top_data {
	struct json_object *host, *guests;
	char problem[256];
	char clock[16];
	char decision[TOP_DECISIONS][256];
	size_t decisions;
};

/** top_decision() - add one */
void top_decision(struct top_data *d, const char *text);

/** top_sort_name() - "name", "used", ... */
const char *top_sort_name(enum top_sort sort);

/**
 * top_layout() - the screen
 * @rows: gets @v->rows of them
 */
void top_layout(const struct top_data *d, struct top_view *v, struct top_row *rows);

/** top_key() - a character that was typed, or KEY_* of ncurses; false: leave */
bool top_key(struct top_view *v, int key);

/**
 * top_screen_open() - take the terminal
 * @color: where it has some
 *
 * Return: false: it is none that can be drawn on, and why was printed.
 */
bool top_screen_open(bool color);

/** top_screen_close() - give it back as it was; any number of times */
void top_screen_close(void);

/** top_screen_size() - as it is now */
void top_screen_size(unsigned int *columns, unsigned int *rows);

/** top_screen_draw() - show rows */
void top_screen_draw(const struct top_row *rows, unsigned int n);

/** top_screen_key() - the next key; -1: none is there; -2: the terminal is gone */
int top_screen_key(void);

#endif
