// SPDX-License-Identifier: GPL-2.0
/*
 * The state file: an input is its first line, as it is and once more with the
 * checksum that belongs to it.
 */
#include <inttypes.h>

#include "dynmemd/state/state_format.h"
#include "common/util.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	return 0;
}

/* What was understood is written and understood again, as the same. */
static void check(const struct state *s)
{
	uint64_t sum = 0, again = 0;
	struct state copy = { 0 };
	size_t len = 0;
	char *text = state_render(s, &len, &sum);

	promise(text && strlen(text) == len);
	promise(state_parse(&copy, text, len) == 0);
	free(text);
	promise(copy.n == s->n && copy.time == s->time);
	for (size_t i = 0; i < s->n; i++)
		promise(!strcmp(copy.records[i]->name, s->records[i]->name));
	free(state_render(&copy, &len, &again));
	promise(sum == again);
	state_expire(&copy, copy.time);
	promise(copy.n <= s->n);
	state_clear(&copy);
}

static void parse(const char *text, size_t len)
{
	struct state s = { 0 };
	int r = state_parse(&s, text, len);

	promise(r <= 0 && (r == 0 || (!s.n && !s.records && !s.time)));
	if (r == 0)
		check(&s);
	state_clear(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	char *text = malloc(size + 32);

	promise(text);
	memcpy(text, data, size);
	parse(text, size);
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
	parse(text,
	      size + (size_t)snprintf(text + size, 32, "{\"fnv1a\":\"%016" PRIx64 "\"}\n", sum));
	free(text);
	return 0;
}
