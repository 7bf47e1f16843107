// SPDX-License-Identifier: GPL-2.0
#include "journal_read.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "common/journal_ids.h"
#include "common/util.h"
#include "out.h"
#include "when.h"

static const struct {
	const char *id, *type;
} kinds[] = {
	{ JOURNAL_ID_MOVE, "decision" }, { JOURNAL_ID_WOULD, "decision" },
	{ JOURNAL_ID_FOUND, "found" },	 { JOURNAL_ID_GONE, "gone" },
	{ JOURNAL_ID_LEVEL, "level" },	 { JOURNAL_ID_SETTING, "setting" },
	{ JOURNAL_ID_DRAIN, "drain" },	 { JOURNAL_ID_RELOAD, "reload" },
};

/*
 * Entries
 */

/* A field's value, in a static buffer; NULL: it has none. */
static const char *field(sd_journal *j, const char *name)
{
	static char text[2048];
	size_t length, skip = strlen(name) + 1;
	const void *data;

	if (sd_journal_get_data(j, name, &data, &length) < 0 || length < skip)
		return NULL;
	length = MIN(length - skip, sizeof(text) - 1);
	memcpy(text, (const char *)data + skip, length);
	text[length] = 0;
	return text;
}

static void copy_text(sd_journal *j, const char *name, struct json_object *into, const char *key)
{
	const char *text = field(j, name);

	if (text)
		out_add_str(into, key, text);
}

static void copy_number(sd_journal *j, const char *name, struct json_object *into, const char *key)
{
	const char *text = field(j, name);

	if (text)
		out_add_u64(into, key, strtoull(text, NULL, 10));
}

static const char *type_of(sd_journal *j)
{
	const char *id = field(j, "MESSAGE_ID");

	for (size_t i = 0; id && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].id, id))
			return kinds[i].type;
	return "other";
}

static struct json_object *event_of(sd_journal *j, uint64_t time)
{
	struct json_object *o = json_object_new_object();
	const char *applied;

	out_add_u64(o, "time", time);
	out_add_str(o, "type", type_of(j));
	copy_text(j, JOURNAL_GUEST, o, "guest");
	copy_number(j, JOURNAL_FROM, o, "from");
	copy_number(j, JOURNAL_TO, o, "to");
	applied = field(j, JOURNAL_APPLIED);
	if (applied)
		json_object_object_add(o, "applied", json_object_new_boolean(*applied == '1'));
	copy_text(j, JOURNAL_CODE, o, "code");
	copy_text(j, JOURNAL_REASON, o, "text");
	return o;
}

/*
 * The journal
 */

static void add_match(sd_journal *j, const char *name, const char *value)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s=%s", name, value);

	if (n > 0 && n < (int)sizeof(text))
		sd_journal_add_match(j, text, (size_t)n);
}

/* Any user may write any field but those that begin with an underline. */
static void add_matches(sd_journal *j, const char *guest)
{
	add_match(j, "_UID", "0");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_match(j, "MESSAGE_ID", kinds[i].id);
	if (guest)
		add_match(j, JOURNAL_GUEST, guest);
}

/* From the end, so that the latest are those that are kept. */
static int collect(sd_journal *j, const struct journal_query *q, struct json_object *backwards)
{
	int r = q->until ? sd_journal_seek_realtime_usec(j, q->until + 1) : sd_journal_seek_tail(j);

	for (unsigned long n = 0; r >= 0 && n < q->lines; n++) {
		uint64_t time;

		r = sd_journal_previous(j);
		if (r <= 0)
			break;
		r = sd_journal_get_realtime_usec(j, &time);
		if (r < 0 || time < q->since)
			break;
		json_object_array_add(backwards, event_of(j, time));
	}
	return r;
}

static struct json_object *reverse(struct json_object *backwards)
{
	size_t n = json_object_array_length(backwards);
	struct json_object *all = json_object_new_array_ext((int)n + 1);

	while (n--)
		json_object_array_add(all,
				      json_object_get(json_object_array_get_idx(backwards, n)));
	json_object_put(backwards);
	return all;
}

/*
 * What cannot be read: sd-journal passes over it without a word.
 */

struct files {
	unsigned int readable, denied;
};

static bool is_journal(const char *name)
{
	size_t n = strlen(name);

	return n > 8 && !strcmp(name + n - 8, ".journal");
}

static void count_files(const char *folder, bool below, struct files *f)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(folder);

	if (!d) {
		f->denied += errno == EACCES;
		return;
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= PATH_MAX)
			continue;
		if (is_journal(e->d_name)) {
			if (access(path, R_OK) == 0)
				f->readable++;
			else
				f->denied += errno == EACCES;
		} else if (below) {
			count_files(path, false, f);
		}
	}
	closedir(d);
}

static int judge(const struct journal_query *q, char why[static JOURNAL_WHY_MAX])
{
	struct files f = { 0 };

	if (q->folder) {
		count_files(q->folder, true, &f);
	} else {
		count_files("/var/log/journal", true, &f);
		count_files("/run/log/journal", true, &f);
	}
	if (f.denied) {
		snprintf(
			why, JOURNAL_WHY_MAX,
			"this user may not read the journal%s: run it with sudo, or join the group systemd-journal",
			f.readable ? " as a whole" : "");
		return -EACCES;
	}
	if (!f.readable) {
		snprintf(
			why, JOURNAL_WHY_MAX,
			"there is no journal in %.150s: dynmemd's decisions are there when systemd runs it",
			q->folder ? q->folder : "/var/log/journal or /run/log/journal");
		return -ENOENT;
	}
	return 0;
}

int journal_read(const struct journal_query *q, struct json_object **ret,
		 char why[static JOURNAL_WHY_MAX])
{
	struct json_object *backwards = json_object_new_array();
	sd_journal *j = NULL;
	int r;

	*why = 0;
	r = q->folder ? sd_journal_open_directory(&j, q->folder, 0)
		      : sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	if (r >= 0) {
		add_matches(j, q->guest);
		r = collect(j, q, backwards);
	}
	sd_journal_close(j);
	*ret = reverse(backwards);
	if (r < 0 && r != -EACCES && r != -ENOENT) {
		snprintf(why, JOURNAL_WHY_MAX, "the journal cannot be read: %s", strerror(-r));
		return r;
	}
	return judge(q, why);
}

void journal_print(struct json_object *event, bool guest)
{
	char time[WHEN_TEXT_MAX], from[OUT_BYTES_MAX], to[OUT_BYTES_MAX];
	struct json_object *applied = NULL;
	bool observed;

	json_object_object_get_ex(event, "applied", &applied);
	observed = applied && !json_object_get_boolean(applied);
	printf("%s  ", when_text((time_t)(out_u64(event, "time") / 1000000), time));
	if (guest && out_has(event, "guest"))
		printf("%s: ", out_safe(out_str(event, "guest")));
	if (out_has(event, "to"))
		printf("%s%s -> %s: ", observed ? "would go " : "",
		       out_bytes(out_u64(event, "from"), from),
		       out_bytes(out_u64(event, "to"), to));
	printf("%s\n", out_safe(out_str(event, "text")));
}
