// SPDX-License-Identifier: GPL-2.0
#include "sim/svg.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/markup.h"
#include "sim/control.h"

/* Pixels. */
#define WIDTH	     1280
#define LEFT	     64
#define RIGHT	     300
#define TOP	     92
#define PANEL	     132 /* memory */
#define STRIP	     22	 /* what guests lacked */
#define GAP	     34
#define BOTTOM	     46
#define PANEL_STRIDE (PANEL + STRIP + GAP)

#define PLOT (WIDTH - LEFT - RIGHT)

#define DAY 86400.0

struct frame {
	FILE *f;
	double start, length; /* s */
	double top;	      /* bytes at the upper edge */
	double y;	      /* of the panel, pixels */
};

static const char style[] =
	"<style>\n"
	"svg{background:#fff;color:#1b1f24;font:12px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}\n"
	"text{fill:#1b1f24}.dim{fill:#66707a}.t{font-size:19px;font-weight:600}.p{font-size:14px;font-weight:600}\n"
	".r{text-anchor:end}.m{text-anchor:middle}.n{font-variant-numeric:tabular-nums}\n"
	".grid{stroke:#e4e8ec}.axis{stroke:#aab2ba}.host{stroke:#1b1f24;stroke-width:1.2;stroke-dasharray:6 3;fill:none}\n"
	".demand{fill:#3f7fbf;fill-opacity:.32;stroke:none}.peak{stroke:#3f7fbf;stroke-width:1;fill:none}\n"
	".cache{fill:#c9d3dc;fill-opacity:.55;stroke:none}.rss{stroke:#44505c;stroke-width:1.4;fill:none}\n"
	".actual{stroke:#d9822b;stroke-width:1.4;fill:none}.lack{fill:#cf222e}\n"
	".good{fill:#1a7f37}.bad{fill:#cf222e}.strip{fill:#f3f5f7}\n"
	"@media (prefers-color-scheme:dark){svg{background:#0f1317}text{fill:#e6eaee}.dim{fill:#8d98a3}\n"
	".grid{stroke:#242b32}.axis{stroke:#4a545e}.host{stroke:#e6eaee}.strip{fill:#1a2027}\n"
	".cache{fill:#3a444e}.rss{stroke:#b9c4ce}.good{fill:#3fb950}.bad,.lack{fill:#f85149}}\n"
	"</style>\n";

static void text_at(FILE *f, double x, double y, const char *class, const char *s)
{
	fprintf(f, "<text x='%.1f' y='%.1f' class='%s'>", x, y, class);
	markup_text(f, s);
	fputs("</text>\n", f);
}

static double x_of(const struct frame *fr, double time)
{
	return LEFT + PLOT * (time - fr->start) / fr->length;
}

static double y_of(const struct frame *fr, double bytes)
{
	double share = bytes / fr->top;

	return fr->y + PANEL * (1 - (share > 1 ? 1 : share < 0 ? 0 : share));
}

enum value { DEMAND, DEMAND_PEAK, RSS, CACHED, ACTUAL };

static double value_at(const struct sim_point *p, enum value v)
{
	switch (v) {
	case DEMAND:
		return p->demand;
	case DEMAND_PEAK:
		return p->demand_peak;
	case RSS:
		return p->rss;
	case CACHED:
		return p->demand + p->cache;
	default:
		return p->actual;
	}
}

static void curve(const struct frame *fr, const struct sim_result *r, enum value v,
		  const char *class, bool area)
{
	long x = 0, y = 0; /* tenths of where the pen is */
	bool first = true;

	fprintf(fr->f, "<path class='%s' d='", class);
	if (area)
		fprintf(fr->f, "M%.1f %.1f", (double)LEFT, y_of(fr, 0));
	for (unsigned int i = 0; i < r->point_count; i++) {
		const struct sim_point *p = &r->points[i];
		long to_x = lround(10 * x_of(fr, p->time));
		long to_y = lround(10 * y_of(fr, value_at(p, v)));

		if (p->samples == 0)
			continue;
		/* Steps take half of the letters that places take. */
		if (first)
			fprintf(fr->f, "%c%.1f %.1fl", area ? 'L' : 'M', (double)to_x / 10,
				(double)to_y / 10);
		else
			fprintf(fr->f, "%g %g ", (double)(to_x - x) / 10, (double)(to_y - y) / 10);
		first = false;
		x = to_x;
		y = to_y;
	}
	if (area)
		fprintf(fr->f, "L%.1f %.1fZ", (double)LEFT + PLOT, y_of(fr, 0));
	fputs("'/>\n", fr->f);
}

/* What guests lacked, on a logarithmic scale: 1 MiB is seen, 1 TiB fits. */
static void lacking(const struct frame *fr, const struct sim_result *r)
{
	double width = PLOT / (double)SIM_POINTS + 0.6;
	double base = fr->y + PANEL + STRIP;

	fprintf(fr->f,
		"<rect class='strip' x='%d' y='%.1f' width='%d' height='%d'/>\n<path class='lack' d='",
		LEFT, fr->y + PANEL + 2, PLOT, STRIP - 2);
	for (unsigned int i = 0; i < r->point_count; i++) {
		const struct sim_point *p = &r->points[i];
		double height;

		if (p->lacking <= 0)
			continue;
		height = 4 + (STRIP - 6) * fmin(1, fmax(0, log2(p->lacking / SIM_MIB) / 16));
		fprintf(fr->f, "M%.1f %.1fv%.1fh%.1fv%.1fZ", x_of(fr, p->time), base, -height,
			width, height);
	}
	fputs("'/>\n", fr->f);
}

/* A mark where the host or a guest killed. */
static void kills(const struct frame *fr, const struct sim_options *o, const struct sim_result *r)
{
	double y = y_of(fr, o->host);

	fputs("<path class='lack' d='", fr->f);
	for (unsigned int i = 0; i < r->point_count; i++)
		if (r->points[i].kills)
			fprintf(fr->f, "M%.1f %.1fl3 -7h-6Z", x_of(fr, r->points[i].time), y);
	fputs("'/>\n", fr->f);
}

static double grid_step(double top)
{
	double step = SIM_GIB;

	while (top / step > 5)
		step *= 2;
	return step;
}

static void axes(const struct frame *fr)
{
	double step = grid_step(fr->top);
	char label[32];

	for (int i = 0; i * step <= fr->top; i++) {
		double v = i * step;

		fprintf(fr->f, "<path class='grid' d='M%d %.1fH%d'/>", LEFT, y_of(fr, v),
			LEFT + PLOT);
		snprintf(label, sizeof(label), "%.0f", v / SIM_GIB);
		text_at(fr->f, LEFT - 8, y_of(fr, v) + 4, "r n dim", label);
	}
	text_at(fr->f, LEFT - 8, fr->y - 8, "r dim", "GiB");
}

static void time_axis(const struct frame *fr, double y)
{
	/* Labels that people count in. */
	static const double steps[] = { 60,	  300,	     600, 1800,	   3600,    7200,
					6 * 3600, 12 * 3600, DAY, 7 * DAY, 30 * DAY };
	double step = steps[0];
	char label[32];
	int first;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		step = steps[i];
		if (fr->length / step <= 12)
			break;
	}
	first = (int)ceil(fr->start / step);
	for (int i = first; i * step <= fr->start + fr->length; i++) {
		double t = i * step;

		fprintf(fr->f, "<path class='axis' d='M%.1f %.1fv5'/>", x_of(fr, t), y);
		if (step >= DAY)
			snprintf(label, sizeof(label), "day %.0f", t / DAY);
		else if (step >= 3600)
			snprintf(label, sizeof(label), "%.0f h", t / 3600);
		else
			snprintf(label, sizeof(label), "%.0f min", t / 60);
		text_at(fr->f, x_of(fr, t), y + 19, "m dim", label);
	}
	fprintf(fr->f, "<path class='axis' d='M%d %.1fH%d'/>\n", LEFT, y, LEFT + PLOT);
}

static void facts(const struct frame *fr, const struct sim_result *r)
{
	double x = LEFT + PLOT + 18, y = fr->y + 12;
	char line[128];

	text_at(fr->f, x, y, r->failure == SIM_OK ? "p good" : "p bad",
		r->failure == SIM_OK ? "all guests served" : sim_failure_text(r->failure));
	snprintf(line, sizeof(line), "%u of %u guests admitted, %u outside the level", r->guests,
		 r->asked, r->failed_guests);
	text_at(fr->f, x, y += 20, "n", line);
	snprintf(line, sizeof(line), "longest lack %.1f s, worst guest %.2f %%", r->longest,
		 100 * r->worst_share);
	text_at(fr->f, x, y += 17, "n", line);
	snprintf(line, sizeof(line), "killed: %u by the host, %u in guests", r->oom_kills,
		 r->guest_ooms);
	text_at(fr->f, x, y += 17, "n", line);
	snprintf(line, sizeof(line), "least available %.1f GiB",
		 fmax(0, r->available_least) / SIM_GIB);
	text_at(fr->f, x, y += 17, "n", line);
	snprintf(line, sizeof(line), "%lu commands, %.0f GiB moved", r->commands,
		 r->moved / SIM_GIB);
	text_at(fr->f, x, y + 17, "n", line);
}

static void panel(const struct frame *fr, const struct sim_options *o, const struct sim_result *r)
{
	fprintf(fr->f, "<text x='%d' y='%.1f'><tspan class='p'>", LEFT, fr->y - 8);
	markup_text(fr->f, r->policy->name);
	fputs("</tspan><tspan class='dim' dx='10'>", fr->f);
	markup_text(fr->f, r->policy->summary);
	fputs("</tspan></text>\n", fr->f);
	axes(fr);
	curve(fr, r, CACHED, "cache", true);
	curve(fr, r, DEMAND, "demand", true);
	curve(fr, r, DEMAND_PEAK, "peak", false);
	curve(fr, r, RSS, "rss", false);
	curve(fr, r, ACTUAL, "actual", false);
	fprintf(fr->f, "<path class='host' d='M%d %.1fH%d'/>\n", LEFT, y_of(fr, o->host),
		LEFT + PLOT);
	kills(fr, o, r);
	lacking(fr, r);
	facts(fr, r);
}

static void legend_entry(FILE *f, double *x, double y, const char *mark, const char *name)
{
	fprintf(f, "<g transform='translate(%.1f %.1f)'>%s</g>", *x, y, mark);
	text_at(f, *x + 26, y + 4, "", name);
	*x += 44 + 6.6 * (double)strlen(name);
}

static void legend(FILE *f, double y)
{
	double x = LEFT;

	legend_entry(
		f, &x, y,
		"<rect class='demand' y='-5' width='20' height='10'/><path class='peak' d='M0 -5h20'/>",
		"demand and its peaks");
	legend_entry(f, &x, y, "<rect class='cache' y='-5' width='20' height='10'/>", "page cache");
	legend_entry(f, &x, y, "<path class='rss' d='M0 0h20'/>", "host pays");
	legend_entry(f, &x, y, "<path class='actual' d='M0 0h20'/>", "balloons leave guests");
	legend_entry(f, &x, y, "<path class='host' d='M0 0h20'/>", "host memory");
	legend_entry(f, &x, y, "<rect class='lack' y='-5' width='20' height='10'/>",
		     "guests lack (log)");
	legend_entry(f, &x, y, "<path class='lack' d='M10 4l4 -8h-8Z'/>", "killed for memory");
}

/* The time all points lie in, and the memory that all panels show. */
static void fit(struct frame *fr, const struct sim_options *o, const struct sim_result *r,
		unsigned int count)
{
	fr->top = 1.12 * o->host;
	fr->start = 0;
	fr->length = o->length;
	for (unsigned int i = 0; i < count; i++)
		if (1.05 * r[i].demand_peak > fr->top)
			fr->top = fmin(1.05 * r[i].demand_peak, 2 * o->host);
}

int sim_svg(FILE *f, const char *title, const struct sim_options *o,
	    const struct sim_result *result, unsigned int count)
{
	struct frame fr = { .f = f };
	int height = TOP + (int)count * PANEL_STRIDE + BOTTOM - GAP + 12;

	fit(&fr, o, result, count);
	fprintf(f,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' role='img'>\n",
		WIDTH, height, WIDTH, height);
	fputs("<title>", f);
	markup_text(f, title);
	fputs("</title>\n", f);
	fputs(style, f);
	text_at(f, LEFT, 34, "t", title);
	legend(f, 56);
	for (unsigned int i = 0; i < count; i++) {
		fr.y = TOP + 6 + (double)i * PANEL_STRIDE;
		panel(&fr, o, &result[i]);
	}
	time_axis(&fr, TOP + 6 + (double)count * PANEL_STRIDE - GAP + 4);
	fputs("</svg>\n", f);
	if (fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return 0;
}
