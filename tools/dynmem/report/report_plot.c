// SPDX-License-Identifier: GPL-2.0
/* Plots of a report: lines and areas over its cells. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "common/markup.h"
#include "common/util.h"
#include "dynmem/report/report.h"

/* Pixels. */
#define WIDTH  900
#define LEFT   60
#define RIGHT  10
#define TOP    8
#define HEIGHT 130
#define BOTTOM 22
#define PLOT   (WIDTH - LEFT - RIGHT)

#define DAY 86400

struct plot {
	FILE *f;
	const struct report *r;
	double top; /* bytes at the upper edge */
};

static double x_of(const struct plot *p, unsigned int cell)
{
	return LEFT + (double)PLOT * (cell - p->r->from) / (p->r->cells - p->r->from);
}

static double y_of(const struct plot *p, double bytes)
{
	return TOP + HEIGHT * (1 - fmin(1, fmax(0, bytes / p->top)));
}

static double grid_step(double top)
{
	double step = 64 * MIB;

	while (top / step > 4)
		step *= 2;
	return step;
}

static void time_label(const struct plot *p, unsigned int cell, char *buf, size_t size)
{
	double seconds = (double)(cell * p->r->width) / NSEC_PER_SEC;
	time_t at = (time_t)(p->r->start + (int64_t)seconds);
	struct tm tm;

	if (!p->r->start || !gmtime_r(&at, &tm))
		snprintf(buf, size, "+%.0f min", seconds / 60);
	else
		strftime(buf, size, report_seconds(p->r) > 2 * DAY ? "%d.%m. %H:%M" : "%H:%M:%S",
			 &tm);
}

static void begin(const struct plot *p, const char *title)
{
	double step = grid_step(p->top);
	unsigned int cells = p->r->cells - p->r->from;
	char label[32];

	fprintf(p->f, "<svg viewBox='0 0 %d %d' role='img'><title>", WIDTH, TOP + HEIGHT + BOTTOM);
	markup_text(p->f, title);
	fputs("</title>\n", p->f);
	for (int i = 0; i * step <= p->top; i++) {
		policy_bytes_render((int64_t)(i * step), label, sizeof(label));
		fprintf(p->f,
			"<path class='grid' d='M%d %.1fH%d'/><text class='r dim' x='%d' y='%.1f'>%s</text>\n",
			LEFT, y_of(p, i * step), LEFT + PLOT, LEFT - 5, y_of(p, i * step) + 4,
			label);
	}
	for (unsigned int i = 0; i <= 5; i++) {
		unsigned int cell = p->r->from + cells * i / 6;

		time_label(p, cell, label, sizeof(label));
		fprintf(p->f, "<text class='dim' x='%.1f' y='%d'>%s</text>\n", x_of(p, cell),
			TOP + HEIGHT + 16, label);
	}
}

static void end(const struct plot *p)
{
	fputs("</svg>\n", p->f);
}

/* @value: returns false where there is none: the curve has a hole. */
typedef bool (*value_t)(const struct plot *p, const void *of, unsigned int cell, double *ret);

static void curve(const struct plot *p, const char *class, bool area, value_t value, const void *of)
{
	bool open = false;
	double v;

	fprintf(p->f, "<path class='%s' d='", class);
	for (unsigned int c = p->r->from; c < p->r->cells; c++) {
		bool have = value(p, of, c, &v);

		if (open && !have && area)
			fprintf(p->f, "V%.1fZ", y_of(p, 0));
		if (have && !open)
			fprintf(p->f, "M%.1f %.1f", x_of(p, c), y_of(p, area ? 0 : v));
		if (have)
			fprintf(p->f, "%c%.1f %.1fH%.1f", open || area ? 'L' : 'M', x_of(p, c),
				y_of(p, v), x_of(p, c + 1));
		open = have;
	}
	if (open && area)
		fprintf(p->f, "V%.1fZ", y_of(p, 0));
	fputs("'/>\n", p->f);
}

static void level_line(const struct plot *p, const char *class, double bytes)
{
	fprintf(p->f, "<path class='%s' d='M%d %.1fH%d'/>\n", class, LEFT, y_of(p, bytes),
		LEFT + PLOT);
}

struct of_guest {
	const struct report_guest *g;
	enum report_value v;
};

static bool of_guest(const struct plot *p, const void *of, unsigned int cell, double *ret)
{
	const struct of_guest *o = of;

	(void)p;
	return report_value(o->g, o->v, cell, ret);
}

void report_guest_plot(FILE *f, const struct report *r, const struct report_guest *g)
{
	struct plot p = { .f = f, .r = r, .top = 1.05 * (double)MAX(g->memory, 64 * MIB) };
	const struct of_guest rss = { g, REPORT_RSS }, used = { g, REPORT_USED },
			      wanted = { g, REPORT_WANTED }, actual = { g, REPORT_ACTUAL };
	char title[REPORT_NAME_MAX + 32];

	snprintf(title, sizeof(title), "Memory of %s over time", g->name);
	begin(&p, title);
	curve(&p, "pays", true, of_guest, &rss);
	curve(&p, "used", true, of_guest, &used);
	curve(&p, "wanted", false, of_guest, &wanted);
	curve(&p, "actual", false, of_guest, &actual);
	level_line(&p, "bound", (double)g->min);
	end(&p);
}

static bool of_available(const struct plot *p, const void *of, unsigned int cell, double *ret)
{
	const struct report_mean *m = &p->r->available[cell];

	(void)of;
	if (!m->count)
		return false;
	*ret = m->sum / m->count;
	return true;
}

static bool of_lendable(const struct plot *p, const void *of, unsigned int cell, double *ret)
{
	*ret = report_lendable(p->r, cell);
	if (of && of_available(p, NULL, cell, ret))
		*ret += report_lendable(p->r, cell);
	return true;
}

void report_host_plot(FILE *f, const struct report *r)
{
	struct plot p = { .f = f, .r = r, .top = 1.05 * (double)r->total };

	begin(&p, "The host's memory over time");
	curve(&p, "lend", true, of_lendable, r);
	curve(&p, "avail", true, of_available, NULL);
	level_line(&p, "bound", (double)r->total);
	end(&p);
}
