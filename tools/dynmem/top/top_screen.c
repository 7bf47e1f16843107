// SPDX-License-Identifier: GPL-2.0
/* The terminal, by ncurses; all that knows it. */
#include <errno.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "dynmem/top/top.h"

static bool opened, colors;

/* How the terminal was, and what brings it back there. */
static struct termios before;
static char leave[128];
static size_t leave_length;

static void remember(const char *capability)
{
	const char *text = tigetstr(capability);
	int n;

	if (!text || text == (const char *)-1)
		return;
	n = snprintf(leave + leave_length, sizeof(leave) - leave_length, "%s", text);
	if (n > 0 && (size_t)n < sizeof(leave) - leave_length)
		leave_length += (size_t)n;
}

/* Leave the terminal as it was, without ncurses, which a handler must not call; then die of it. */
static void on_crash(int number)
{
	if (write(STDOUT_FILENO, leave, leave_length) >= 0)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	signal(number, SIG_DFL);
	raise(number);
}

static void start_colors(bool wanted)
{
	static const short color[] = {
		[TOP_USED] = COLOR_BLUE,   [TOP_FREE] = COLOR_GREEN,   [TOP_LENT] = COLOR_CYAN,
		[TOP_HELD] = COLOR_YELLOW, [TOP_MARK] = COLOR_MAGENTA, [TOP_WARN] = COLOR_RED,
	};

	colors = wanted && has_colors() && start_color() == OK;
	if (!colors)
		return;
	use_default_colors();
	for (int i = TOP_USED; i <= TOP_WARN; i++)
		init_pair((short)i, color[i], -1);
}

bool top_screen_open(bool color)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fprintf(stderr, "dynmem top: this is no terminal; see dynmem status, or dynmem "
				"monitor for what happens\n");
		return false;
	}
	setlocale(LC_ALL, "");
	tcgetattr(STDIN_FILENO, &before);
	if (!newterm(term && *term ? term : "dumb", stdout, stdin)) {
		fprintf(stderr,
			"dynmem top: the terminal '%s' is not known here: set TERM, as TERM=vt100, or install ncurses-term\n",
			term ? term : "");
		return false;
	}
	opened = true;
	remember("cnorm");
	remember("rmcup");
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		signal(crashes[i], on_crash);
	start_colors(color);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	return true;
}

void top_screen_close(void)
{
	if (!opened)
		return;
	opened = false;
	curs_set(1);
	endwin();
}

void top_screen_size(unsigned int *columns, unsigned int *rows)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row &&
	    (size.ws_col != COLS || size.ws_row != LINES))
		resizeterm(size.ws_row, size.ws_col);
	*columns = (unsigned int)COLS;
	*rows = (unsigned int)LINES;
}

/* Without colour, the styles that matter differ by weight; the bar's by its letters. */
static attr_t attributes(enum top_style style)
{
	switch (style) {
	case TOP_TITLE:
		return A_REVERSE;
	case TOP_BOLD:
		return A_BOLD;
	case TOP_WARN:
		return A_BOLD | (colors ? COLOR_PAIR(TOP_WARN) : 0);
	case TOP_PLAIN:
		return A_NORMAL;
	default:
		return colors ? COLOR_PAIR(style) : A_NORMAL;
	}
}

static void draw_row(int y, const struct top_row *r)
{
	move(y, 0);
	for (size_t i = 0, n; i < r->length; i += n) {
		n = 1;
		while (i + n < r->length && r->style[i + n] == r->style[i])
			n++;
		attrset(attributes(r->style[i]));
		addnstr(r->text + i, (int)n);
	}
	attrset(A_NORMAL);
}

void top_screen_draw(const struct top_row *rows, unsigned int n)
{
	erase();
	for (unsigned int y = 0; y < n; y++)
		draw_row((int)y, &rows[y]);
	refresh();
}

int top_screen_key(void)
{
	int key;

	errno = 0;
	key = getch();
	if (key == KEY_RESIZE)
		return ' ';
	if (key != ERR)
		return key;
	return errno == EIO ? -2 : -1;
}
