// SPDX-License-Identifier: GPL-2.0
/* A recording, into means over time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/escape.h"
#include "common/recording.h"
#include "common/recording_fields.h"
#include "common/util.h"
#include "dynmem/report/report.h"

/* One pass: the recorded numbers of guests, and the engine's. */
struct pass {
	struct report *r;
	struct replay *replay;
	unsigned int *by_number; /* recorded number -> index + 1 */
	unsigned int numbers;
	unsigned int hint; /* guest of the last decision */
	char *why;
};

/* Two cells become one. */
static void merge(struct report_mean *m)
{
	for (size_t i = 0; i < REPORT_CELLS / 2; i++) {
		m[i] = m[2 * i];
		m[i].sum += m[2 * i + 1].sum;
		m[i].count += m[2 * i + 1].count;
	}
	memset(m + REPORT_CELLS / 2, 0, REPORT_CELLS / 2 * sizeof(*m));
}

static void widen(struct report *r)
{
	r->width *= 2;
	merge(r->available);
	for (unsigned int i = 0; i < r->guests; i++) {
		struct report_guest *g = r->guest[i];

		for (unsigned int v = 0; v < REPORT_VALUES; v++)
			merge(g->value[v]);
		for (size_t c = 0; c < REPORT_CELLS; c++)
			g->present[c] = c < REPORT_CELLS / 2 &&
					(g->present[2 * c] || g->present[2 * c + 1]);
		g->since /= 2;
	}
}

static unsigned int cell_at(struct report *r, uint64_t now)
{
	/* Inputs that are of no time, as a guest's removal, are of the last one. */
	uint64_t since = MAX(now > r->first ? now - r->first : 0, r->end);

	while (since / r->width >= REPORT_CELLS)
		widen(r);
	r->end = since;
	return (unsigned int)(since / r->width);
}

static void put(struct report_mean *m, double value)
{
	m->sum += value;
	m->count++;
}

static struct report_guest *guest_named(struct report *r, const char *name, unsigned int *ret)
{
	struct report_guest **all, *g;
	char safe[REPORT_NAME_MAX];

	escape_text(safe, sizeof(safe), name);
	for (*ret = 0; *ret < r->guests; ++*ret)
		if (!strcmp(r->guest[*ret]->name, safe))
			return r->guest[*ret];
	all = reallocarray(r->guest, r->guests + 1, sizeof(struct report_guest *));
	g = calloc(1, sizeof(*g));
	if (all)
		r->guest = all;
	if (!all || !g) {
		free(g);
		return NULL;
	}
	memcpy(g->name, safe, sizeof(safe));
	all[r->guests++] = g;
	return g;
}

static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(obj, key, &v) && json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : "";
}

/* The replay has checked that it is a small number. */
static unsigned int number_of(struct json_object *obj)
{
	struct json_object *v;

	return json_object_object_get_ex(obj, "guest", &v) ? json_object_get_int(v) : 0;
}

static struct report_guest *known(const struct pass *p, struct json_object *obj)
{
	unsigned int n = number_of(obj);

	return n < p->numbers && p->by_number[n] ? p->r->guest[p->by_number[n] - 1] : NULL;
}

static int take_record(const struct pass *p, const struct record_field *fields,
		       struct json_object *line, void *ret, uint64_t *present)
{
	struct json_object *v;

	return json_object_object_get_ex(line, "record", &v)
		       ? record_from_json(fields, v, ret, present, p->why)
		       : -EBADMSG;
}

static int take_config(const struct pass *p, struct report_guest *g, struct json_object *line)
{
	struct policy_guest_config c = { 0 };
	uint64_t present;
	int err = take_record(p, config_fields, line, &c, &present);

	if (err)
		return err;
	g->min = c.min;
	g->max = c.max;
	g->shares = c.shares;
	g->memory = MAX(g->memory, c.max);
	return 0;
}

static int take_add(struct pass *p, struct json_object *line, unsigned int cell)
{
	unsigned int number = number_of(line), index;
	struct report_guest *g = guest_named(p->r, text_of(line, "name"), &index);

	if (!g)
		return -ENOMEM;
	if (number >= p->numbers) {
		unsigned int room = MAX(2 * p->numbers, number + 16);
		unsigned int *all = reallocarray(p->by_number, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		memset(all + p->numbers, 0, (room - p->numbers) * sizeof(*all));
		p->by_number = all;
		p->numbers = room;
	}
	p->by_number[number] = index + 1;
	g->exists = true;
	g->since = cell;
	return take_config(p, g, line);
}

static void mark_present(struct report_guest *g, unsigned int until)
{
	for (unsigned int c = g->since; c <= until; c++)
		g->present[c] = true;
	g->since = until;
}

static int take_guest(const struct pass *p, struct json_object *line, unsigned int cell)
{
	struct report_guest *g = known(p, line);
	struct guest_record rec = { 0 };
	int err;

	if (!g)
		return 0;
	err = take_record(p, guest_record_fields, line, &rec, &rec.present);
	if (err)
		return err;
	if (rec.present & GUEST_HAS_MEMORY)
		g->memory = MAX(g->memory, rec.memory);
	if (rec.present & GUEST_HAS_PINS)
		g->pinned = rec.pins;
	if (rec.present & GUEST_HAS_ACTUAL)
		put(&g->value[REPORT_ACTUAL][cell], (double)rec.actual);
	if (rec.present & GUEST_HAS_RSS)
		put(&g->value[REPORT_RSS][cell], (double)rec.rss);
	if ((rec.present & GUEST_HAS_TOTAL) && (rec.present & GUEST_HAS_AVAILABLE) &&
	    rec.total != UINT64_MAX && rec.total > rec.available) {
		put(&g->value[REPORT_USED][cell], (double)(rec.total - rec.available));
		g->reports = true;
	}
	return 0;
}

static int take_host(const struct pass *p, struct json_object *line, unsigned int cell)
{
	struct host_record h = { 0 };
	struct report *r = p->r;
	int err = take_record(p, host_record_fields, line, &h, &h.present);

	if (err)
		return err;
	if (h.present & HOST_HAS_TOTAL)
		r->total = h.total;
	if (h.present & HOST_HAS_AVAILABLE)
		put(&r->available[cell], (double)h.available);
	if ((h.present & HOST_HAS_STALLS) && (h.present & HOST_HAS_OOM_KILLS)) {
		if (!r->counted) {
			r->stalls_first = h.stalls;
			r->oom_first = h.oom_kills;
		}
		r->counted = true;
		r->stalls = h.stalls;
		r->oom_kills = h.oom_kills;
	}
	return 0;
}

/* What observing repeats each second is one decision. */
static bool repeats(const struct report_decision *last, const struct replay_decision *d,
		    unsigned int guest)
{
	uint64_t grain = last->to / 16;

	return last->guest == guest && last->reason == d->d->reason &&
	       d->d->target + grain >= last->to && d->d->target <= last->to + grain;
}

static void on_decision(void *userdata, const struct replay_decision *d)
{
	struct pass *p = userdata;
	struct report *r = p->r;
	unsigned int cell = cell_at(r, d->now), index = p->hint;
	struct report_decision *last;
	struct report_guest *g;

	g = index < r->guests && !strcmp(r->guest[index]->name, d->name)
		    ? r->guest[index]
		    : guest_named(r, d->name, &index);
	if (!g)
		return;
	/* They come in the order of guests. */
	p->hint = index + 1;
	put(&g->value[REPORT_WANTED][cell], (double)d->d->wanted);
	if (!(d->d->flags & POLICY_SEND))
		return;
	r->reasons[d->d->reason]++;
	for (unsigned long i = 0; i < MIN(r->decided, r->guests); i++) {
		last = &r->decision[(r->decided - 1 - i) % REPORT_DECISIONS];
		if (i >= REPORT_DECISIONS || last->guest != index)
			continue;
		if (!repeats(last, d, index))
			break;
		last->times++;
		return;
	}
	last = &r->decision[r->decided++ % REPORT_DECISIONS];
	*last = (struct report_decision){ .now = d->now - r->first,
					  .guest = index,
					  .reason = d->d->reason,
					  .from = d->d->from,
					  .to = d->d->target,
					  .times = 1 };
	policy_reason_render(d->d, last->text, sizeof(last->text));
}

static void take_header(struct report *r, struct json_object *line)
{
	struct tm tm = { 0 };

	escape_text(r->version, sizeof(r->version), text_of(line, "version"));
	if (strptime(text_of(line, "time"), "%Y-%m-%dT%H:%M:%S", &tm))
		r->start = timegm(&tm);
}

static int take_object(struct pass *p, struct json_object *line, uint64_t now)
{
	const char *type = text_of(line, "type");
	unsigned int cell = cell_at(p->r, now);
	struct report_guest *g;

	if (!strcmp(type, "guest-add"))
		return take_add(p, line, cell);
	if (!strcmp(type, "guest"))
		return take_guest(p, line, cell);
	if (!strcmp(type, "host"))
		return take_host(p, line, cell);
	g = known(p, line);
	if (g && !strcmp(type, "guest-configure"))
		return take_config(p, g, line);
	if (g && !strcmp(type, "guest-remove")) {
		mark_present(g, cell);
		g->exists = false;
		p->by_number[number_of(line)] = 0;
	}
	return 0;
}

/* The replay first: it says what is wrong with a line. */
static int take_line(struct pass *p, struct json_tokener *tok, const char *text, size_t length,
		     bool *ret_cut)
{
	_cleanup_(json_putp) struct json_object *line = NULL;
	struct json_object *now;
	int err;

	json_tokener_reset(tok);
	line = json_tokener_parse_ex(tok, text, (int)length);
	*ret_cut = !line || json_tokener_get_parse_end(tok) != length;
	if (*ret_cut) {
		snprintf(p->why, RECORD_WHY_MAX, "expected a whole JSON object");
		return -EBADMSG;
	}
	if (json_object_is_type(line, json_type_object) &&
	    json_object_object_get_ex(line, "now", &now) && !p->r->first)
		p->r->first = json_object_get_uint64(now);
	err = replay_line(p->replay, line, p->why);
	if (err)
		return err;
	if (!json_object_object_get_ex(line, "now", &now)) {
		take_header(p->r, line);
		return 0;
	}
	return take_object(p, line, json_object_get_uint64(now));
}

static int take_file(struct pass *p, FILE *f, char why[static 512])
{
	struct json_tokener *tok = json_tokener_new();
	char *text = NULL, problem[RECORD_WHY_MAX] = "";
	unsigned long number = 0;
	size_t room = 0;
	ssize_t n;
	int err = tok ? 0 : -ENOMEM;

	p->why = problem;
	while (!err && (n = getline(&text, &room, f)) >= 0) {
		bool cut, ended = n && text[n - 1] == '\n';

		number++;
		while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			n--;
		if (!n)
			continue;
		err = n > INT32_MAX ? -EFBIG : take_line(p, tok, text, (size_t)n, &cut);
		/* Whoever recorded was stopped in the middle of a line. */
		if (err == -EBADMSG && cut && !ended && number > 1) {
			p->r->cut = number;
			err = 0;
			break;
		}
	}
	if (err == -EBADMSG)
		snprintf(why, 512, "%s:%lu: %s", p->r->path, number, problem);
	else if (err)
		snprintf(why, 512, "%s: %s", p->r->path, strerror(-err));
	else if (ferror(f)) {
		snprintf(why, 512, "%s: it cannot be read", p->r->path);
		err = -EIO;
	}
	p->why = NULL;
	json_tokener_free(tok);
	free(text);
	return err;
}

/* What was not sampled in a cell is what it was in the one before, while the guest was there. */
static void fill(struct report *r, struct report_guest *g, enum report_value v)
{
	struct report_mean *m = g->value[v], *before = NULL;

	for (unsigned int c = 0; c < r->cells; c++) {
		if (!m[c].count && before && g->present[c])
			m[c] = *before;
		before = m[c].count ? &m[c] : NULL;
	}
	for (unsigned int c = r->cells; c-- > 1;)
		if (m[c].count && !m[c - 1].count && g->present[c - 1])
			m[c - 1] = m[c];
}

static int finish(struct report *r, uint64_t since, char why[static 512])
{
	bool any = false;

	r->cells = (unsigned int)(r->end / r->width) + 1;
	if (since && since < r->end)
		r->from = (unsigned int)((r->end - since) / r->width);
	for (unsigned int i = 0; i < r->guests; i++) {
		struct report_guest *g = r->guest[i];

		if (g->exists)
			mark_present(g, r->cells - 1);
		for (unsigned int v = 0; v < REPORT_VALUES; v++)
			fill(r, g, v);
		for (unsigned int c = r->from; c < r->cells; c++)
			any |= g->present[c];
	}
	for (unsigned int c = 1; c < r->cells; c++)
		if (!r->available[c].count)
			r->available[c] = r->available[c - 1];
	if (any && r->total)
		return 0;
	snprintf(why, 512, "%s: %s in this recording; record for longer, with guests running",
		 r->path, r->total ? "no guest is" : "the host's memory is not");
	return -ENODATA;
}

int report_read(struct report *r, const char *path, uint64_t since, char why[static 512])
{
	struct pass p = { .r = r };
	FILE *f = fopen(path, "re");
	int err;

	snprintf(r->path, sizeof(r->path), "%s", path);
	r->width = NSEC_PER_SEC;
	if (!f) {
		snprintf(why, 512, "%s: %s", path, strerror(errno));
		return -errno;
	}
	err = replay_new(&p.replay, on_decision, &p);
	if (err)
		snprintf(why, 512, "out of memory");
	else
		err = take_file(&p, f, why);
	if (!err && !replay_sums(p.replay)->lines) {
		snprintf(why, 512, "%s: it is empty; 'dynmem record FILE' makes a recording", path);
		err = -ENODATA;
	}
	if (!err)
		err = finish(r, since, why);
	fclose(f);
	replay_free(p.replay);
	free(p.by_number);
	return err;
}

void report_clear(struct report *r)
{
	for (unsigned int i = 0; i < r->guests; i++)
		free(r->guest[i]);
	free(r->guest);
}
