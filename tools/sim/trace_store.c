// SPDX-License-Identifier: GPL-2.0
/* The machines of a trace and their samples, in memory. */
#include "sim/traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sim_series *sim_trace_add(struct sim_trace *t, const char *name, size_t name_length)
{
	struct sim_series *s;
	char *copy;

	if (t->count == SIM_MACHINES_MAX)
		return NULL;
	if (t->count == t->room) {
		unsigned int room = t->room ? t->room * 2 : 64;

		s = reallocarray(t->machine, room, sizeof(*s));
		if (!s)
			return NULL;
		t->machine = s;
		t->room = room;
	}
	copy = strndup(name, name_length);
	if (!copy)
		return NULL;
	s = &t->machine[t->count++];
	*s = (struct sim_series){ .name = copy };
	return s;
}

int sim_series_add(struct sim_series *s, int64_t time, double used, double disk)
{
	if (s->count == s->room) {
		uint32_t room = s->room ? s->room * 2 : 512;
		struct sim_sample *sample = reallocarray(s->sample, room, sizeof(*sample));

		if (!sample)
			return -ENOMEM;
		s->sample = sample;
		s->room = room;
	}
	s->sample[s->count++] = (struct sim_sample){
		.time = time,
		.used = (float)used,
		.disk = (float)disk,
	};
	return 0;
}

void sim_series_clear(struct sim_series *s)
{
	free(s->name);
	free(s->sample);
}

void sim_trace_clear(struct sim_trace *t)
{
	for (unsigned int i = 0; i < t->count; i++)
		sim_series_clear(&t->machine[i]);
	free(t->machine);
	*t = (struct sim_trace){ 0 };
}
