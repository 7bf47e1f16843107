// SPDX-License-Identifier: GPL-2.0
/* The page. It needs nothing but itself: no script, no other file. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/markup.h"
#include "common/util.h"
#include "dynmem/report/report.h"

#define BYTES_MAX 32

static const char head[] =
	"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>\n"
	"<meta name='viewport' content='width=device-width'>\n"
	"<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<title>dynmem report</title>\n<style>\n"
	":root{color-scheme:light dark}\n"
	"body{font:15px/1.5 system-ui,'DejaVu Sans',sans-serif;max-width:1280px;margin:1em auto;padding:0 1em}\n"
	"svg{width:100%;height:auto;font-size:11px}text{fill:currentColor}.dim{opacity:.7}.r{text-anchor:end}\n"
	"table{border-collapse:collapse;margin:1em 0}th,td{padding:.2em .8em;text-align:left;border-bottom:1px solid #8885}\n"
	"caption{text-align:left;font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}\n"
	".grid{stroke:#8884;fill:none}.bound{stroke:currentColor;stroke-dasharray:6 3;fill:none}\n"
	".pays{fill:#8897a5;fill-opacity:.4}.used{fill:#3f7fbf;fill-opacity:.5}.lend{fill:#1a7f37;fill-opacity:.4}\n"
	".avail{fill:#8897a5;fill-opacity:.7}.wanted{stroke:#3f7fbf;fill:none}.actual{stroke:#d9822b;stroke-width:1.4;fill:none}\n"
	".key{display:inline-block;width:1.6em;height:.8em;margin:0 .4em 0 1em}.hint{font-weight:600}\n"
	"</style></head><body>\n";

static const char *bytes(double value, char buf[static BYTES_MAX])
{
	policy_bytes_render((int64_t)value, buf, BYTES_MAX);
	return buf;
}

static const char *span(double seconds, char buf[static BYTES_MAX])
{
	if (seconds >= 2 * 86400)
		snprintf(buf, BYTES_MAX, "%.1f days", seconds / 86400);
	else if (seconds >= 7200)
		snprintf(buf, BYTES_MAX, "%.1f hours", seconds / 3600);
	else if (seconds >= 120)
		snprintf(buf, BYTES_MAX, "%.0f minutes", seconds / 60);
	else
		snprintf(buf, BYTES_MAX, "%.0f seconds", seconds);
	return buf;
}

static void heading(FILE *f, const struct report *r)
{
	time_t from = (time_t)(r->start + (int64_t)(r->from * r->width / NSEC_PER_SEC));
	char text[BYTES_MAX], day[64];
	struct tm tm;

	fputs(head, f);
	fputs("<h1>dynmem report</h1>\n<p>", f);
	markup_text(f, r->path);
	fprintf(f, ": %s", span(report_seconds(r), text));
	if (r->start && gmtime_r(&from, &tm)) {
		strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S UTC", &tm);
		fprintf(f, " from %s", day);
	}
	fputs(", recorded by dynmemd ", f);
	markup_text(f, r->version);
	fprintf(f, ", on a host of %s.</p>\n", bytes((double)r->total, text));
	if (r->cut)
		fprintf(f,
			"<p class='hint'>The recording is cut off in line %lu; the report ends there.</p>\n",
			r->cut);
}

/* Mean and least of what could have been lent. */
static void sums(FILE *f, const struct report *r)
{
	double sum = 0, peak = 0, least = (double)r->total;
	unsigned int n = r->cells - r->from;
	char text[3][BYTES_MAX];

	for (unsigned int c = r->from; c < r->cells; c++) {
		const struct report_mean *a = &r->available[c];
		double lend = report_lendable(r, c);

		sum += lend;
		peak = MAX(peak, lend);
		if (a->count)
			least = MIN(least, a->sum / a->count);
	}
	fprintf(f,
		"<p><strong>%s</strong> could have been lent by guests on the mean, %s at most: what balloons left them above what dynmem would have had them keep. The host had %s available at the least",
		bytes(sum / n, text[0]), bytes(peak, text[1]), bytes(least, text[2]));
	if (r->counted)
		fprintf(f,
			", stalled %llu times in direct reclaim, and killed %llu processes for memory",
			(unsigned long long)(r->stalls - r->stalls_first),
			(unsigned long long)(r->oom_kills - r->oom_first));
	fputs(".</p>\n", f);
}

static void host(FILE *f, const struct report *r)
{
	fputs("<h2>The host</h2>\n", f);
	sums(f, r);
	fputs("<figure>", f);
	report_host_plot(f, r);
	fputs("<figcaption><span class='key avail'></span>available <span class='key lend'></span>and this more, lent by guests <span class='key bound'></span>dashed: all memory</figcaption></figure>\n",
	      f);
}

static double mean(const struct report *r, const struct report_guest *g, enum report_value v)
{
	double sum = 0, value;
	unsigned int n = 0;

	for (unsigned int c = r->from; c < r->cells; c++)
		if (report_value(g, v, c, &value)) {
			sum += value;
			n++;
		}
	return n ? sum / n : -1;
}

static void cell(FILE *f, double value)
{
	char text[BYTES_MAX];

	fprintf(f, "<td class='n'>%s</td>", value < 0 ? "not known" : bytes(value, text));
}

static void guest_row(FILE *f, const struct report *r, const struct report_guest *g)
{
	char hint[256];

	fputs("<tr><th scope='row'>", f);
	markup_text(f, g->name);
	fputs("</th>", f);
	cell(f, (double)g->min);
	cell(f, (double)g->max);
	for (unsigned int v = 0; v < REPORT_VALUES; v++)
		cell(f, mean(r, g, v));
	fputs("<td>", f);
	if (g->pinned)
		fputs("its memory stays in place, so that it lends nothing. ", f);
	if (!g->reports)
		fputs("it reported no statistics: driver and service in the guest? ", f);
	if (report_hint(r, g, hint, sizeof(hint)))
		markup_text(f, hint);
	fputs("</td></tr>\n", f);
}

static bool shown(const struct report *r, const struct report_guest *g)
{
	for (unsigned int c = r->from; c < r->cells; c++)
		if (g->present[c])
			return true;
	return false;
}

static void guests(FILE *f, const struct report *r)
{
	fputs("<h2>Guests</h2>\n<table><caption>Means, and what to change</caption><thead><tr><th scope='col'>Guest</th>"
	      "<th scope='col'>min</th><th scope='col'>max</th><th scope='col'>used</th><th scope='col'>wanted</th>"
	      "<th scope='col'>actual</th><th scope='col'>host pays</th><th scope='col'>Notes</th></tr></thead><tbody>\n",
	      f);
	for (unsigned int i = 0; i < r->guests; i++)
		if (shown(r, r->guest[i]))
			guest_row(f, r, r->guest[i]);
	fputs("</tbody></table>\n", f);
	for (unsigned int i = 0; i < r->guests; i++) {
		if (!shown(r, r->guest[i]))
			continue;
		fputs("<h3>", f);
		markup_text(f, r->guest[i]->name);
		fputs("</h3>\n<figure>", f);
		report_guest_plot(f, r, r->guest[i]);
		fputs("<figcaption><span class='key pays'></span>host pays <span class='key used'></span>used; lines: blue wanted, orange actual, dashed min</figcaption></figure>\n",
		      f);
	}
}

static void decisions(FILE *f, const struct report *r)
{
	uint64_t from = r->from * r->width;
	unsigned long n = MIN(r->decided, REPORT_DECISIONS), rows = 0;
	char day[64] = "";

	fputs("<h2>What dynmem would have done</h2>\n", f);
	fprintf(f,
		"<p>Each round of the recording was decided again by this dynmem. While it only observes, the same is due again and again: a row is one that was due for so many rounds%s.</p>\n",
		r->decided > REPORT_DECISIONS ? "; the last ones are shown" : "");
	fputs("<table><caption>Decisions</caption><thead><tr><th scope='col'>Time</th><th scope='col'>Guest</th><th scope='col'>Decision</th><th scope='col'>Rounds</th></tr></thead><tbody>\n",
	      f);
	for (unsigned long i = 0; i < n; i++) {
		const struct report_decision *d =
			&r->decision[(r->decided - n + i) % REPORT_DECISIONS];
		time_t at = (time_t)(r->start + (int64_t)(d->now / NSEC_PER_SEC));
		struct tm tm;

		if (d->now < from)
			continue;
		rows++;
		if (gmtime_r(&at, &tm))
			strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
		fprintf(f, "<tr><td>%s</td><th scope='row'>", day);
		markup_text(f, r->guest[d->guest]->name);
		fputs("</th><td>", f);
		markup_text(f, d->text);
		fprintf(f, "</td><td class='n'>%lu</td></tr>\n", d->times);
	}
	fputs("</tbody></table>\n", f);
	if (!rows)
		fputs("<p>Nothing: no guest had to give or get memory.</p>\n", f);
}

int report_html(FILE *f, const struct report *r)
{
	int err;

	heading(f, r);
	host(f, r);
	guests(f, r);
	decisions(f, r);
	fputs("<h2>Under other controllers</h2>\n<p>The simulator puts guests with the recorded use on a host of this size. It is a model: Documentation/simulator.rst says of what. What a squeezed guest used is what it was left, so that demand may have been more. All guests have the same least share of their memory here, the mean of their min.</p>\n",
	      f);
	err = report_peers(f, r);
	fputs("</body></html>\n", f);
	if (err)
		return err;
	if (fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return 0;
}
