// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem simulate --replay: a recording's records, given to the engine, and what
 * it decides on them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "common/recording.h"
#include "out.h"
#include "simulate.h"

struct show {
	bool json;
	uint64_t start; /* ns, of the first decision */
};

static bool differs(const struct replay_decision *d)
{
	return !d->recorded || d->target != d->d->target ||
	       strcmp(d->reason, policy_reason_name(d->d->reason)) != 0;
}

static void show_json(const struct replay_decision *d)
{
	struct json_object *obj = out_new(SIMULATE_SCHEMA), *was;

	out_add_str(obj, "type", "decision");
	out_add_u64(obj, "monotonic", d->now);
	out_add_str(obj, "guest", d->name);
	out_add_u64(obj, "from", d->d->from);
	out_add_u64(obj, "to", d->d->target);
	out_add_str(obj, "code", policy_reason_name(d->d->reason));
	json_object_object_add(obj, "same", json_object_new_boolean(!differs(d)));
	if (d->recorded && differs(d)) {
		was = json_object_new_object();
		out_add_u64(was, "to", d->target);
		out_add_str(was, "code", d->reason);
		json_object_object_add(obj, "recorded", was);
	}
	out_line(obj);
	json_object_put(obj);
}

/* Commands, and what is unlike the recording. */
static void on_decision(void *userdata, const struct replay_decision *d)
{
	struct show *s = userdata;
	char reason[256], target[32];

	if (!s->start)
		s->start = d->now;
	if (!(d->d->flags & POLICY_SEND) && !differs(d))
		return;
	if (s->json) {
		show_json(d);
		return;
	}
	policy_reason_render(d->d, reason, sizeof(reason));
	printf("%10.3f s  %s: %s\n", (double)(d->now - s->start) / 1e9, out_safe(d->name), reason);
	if (!differs(d))
		return;
	policy_bytes_render((int64_t)d->target, target, sizeof(target));
	if (d->recorded)
		printf("%14sbut recorded is %s, %s\n", "", target, out_safe(d->reason));
	else
		printf("%14sbut no decision is recorded\n", "");
}

static int take_line(struct replay *r, struct json_tokener *tok, const char *text, size_t length,
		     char why[RECORD_WHY_MAX])
{
	struct json_object *obj;
	int err;

	while (length && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	if (!length)
		return 0;
	json_tokener_reset(tok);
	obj = json_tokener_parse_ex(tok, text, (int)length);
	if (!obj || json_tokener_get_parse_end(tok) != length) {
		json_object_put(obj);
		snprintf(why, RECORD_WHY_MAX, "expected a whole JSON object");
		return -EBADMSG;
	}
	err = replay_line(r, obj, why);
	json_object_put(obj);
	return err;
}

static int take_file(struct replay *r, const char *path, FILE *f)
{
	struct json_tokener *tok = json_tokener_new();
	char *text = NULL, why[RECORD_WHY_MAX];
	unsigned long number = 0;
	size_t room = 0;
	ssize_t n;
	int err = tok ? 0 : -ENOMEM;

	while (!err && (n = getline(&text, &room, f)) >= 0) {
		number++;
		err = n > INT32_MAX ? -EFBIG : take_line(r, tok, text, (size_t)n, why);
	}
	if (err == -EBADMSG)
		fprintf(stderr, "dynmem simulate: %s:%lu: %s\n", path, number, why);
	else if (err)
		fprintf(stderr, "dynmem simulate: %s: %s\n", path, strerror(-err));
	if (!err && ferror(f)) {
		fprintf(stderr, "dynmem simulate: %s: it cannot be read\n", path);
		err = -EIO;
	}
	json_tokener_free(tok);
	free(text);
	return err;
}

static void show_sums(const struct show *show, const struct replay_sums *s)
{
	struct json_object *obj;

	if (!show->json) {
		printf("%lu decisions for guests in %lu rounds, %lu commands, %lu emergency steps; %lu unlike the recording%s\n",
		       s->decisions, s->decides, s->sent, s->steps, s->differ,
		       s->exact
			       ? ""
			       : ", which began while the daemon ran, so that it need not be exact");
		return;
	}
	obj = out_new(SIMULATE_SCHEMA);
	out_add_str(obj, "type", "summary");
	json_object_object_add(obj, "exact", json_object_new_boolean(s->exact));
	out_add_u64(obj, "lines", s->lines);
	out_add_u64(obj, "rounds", s->decides);
	out_add_u64(obj, "decisions", s->decisions);
	out_add_u64(obj, "commands", s->sent);
	out_add_u64(obj, "emergency-steps", s->steps);
	out_add_u64(obj, "unlike", s->differ);
	out_line(obj);
	json_object_put(obj);
}

int simulate_replay(const struct simulate *s)
{
	struct show show = { .json = s->json };
	struct replay *r = NULL;
	FILE *f = fopen(s->replay, "re");
	int err;

	if (!f) {
		fprintf(stderr, "dynmem simulate: %s: %s\n", s->replay, strerror(errno));
		return EXIT_FAILURE;
	}
	err = replay_new(&r, on_decision, &show);
	if (!err)
		err = take_file(r, s->replay, f);
	fclose(f);
	if (!err && !replay_sums(r)->decides) {
		fprintf(stderr, "dynmem simulate: %s: there is no decision in this recording\n",
			s->replay);
		err = -ENODATA;
	}
	if (!err) {
		show_sums(&show, replay_sums(r));
		if (replay_sums(r)->exact && replay_sums(r)->differ)
			err = -EILSEQ;
	}
	replay_free(r);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
