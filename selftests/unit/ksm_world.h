/* SPDX-License-Identifier: GPL-2.0 */
/* A world with ksmd, whose files are plain ones here; real ones are in the lab. */
#ifndef KSM_WORLD_H
#define KSM_WORLD_H

#include "dynmemd_world.h"

#define MANAGE "[daemon]\nmode = manage\n[ksm]\nmode = manage\n"

/* A file of ksmd. */
static inline const char *ksm_path(struct world *w, const char *file)
{
	static char path[192];

	snprintf(path, sizeof(path), "%s/kernel/mm/ksm/%s", w->sys, file);
	return path;
}

static inline void ksm_set(struct world *w, const char *file, const char *value)
{
	write_text(ksm_path(w, file), value);
}

static inline const char *text_of(const char *path)
{
	static char text[512];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return "(no such file)";
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	fclose(f);
	return text;
}

static inline bool ksm_is(struct world *w, const char *file, const char *value)
{
	return !strcmp(text_of(ksm_path(w, file)), value);
}

static inline const char *note(struct world *w)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s.ksm", w->state);
	return path;
}

static inline bool has_note(struct world *w)
{
	return access(note(w), F_OK) == 0;
}

static inline struct manager_ksm ksm_of(struct world *w)
{
	struct manager_ksm k;

	manager_ksm(w->manager, &k);
	return k;
}

/* ksmd as Linux boots: stopped, 100 pages each 20 ms; a GiB would be mergeable. */
static inline void make_ksm(struct world *w, bool advisor)
{
	static const char *const counters[] = { "pages_shared",	  "pages_sharing", "pages_unshared",
						"pages_volatile", "full_scans",	   "pages_scanned",
						"ksm_zero_pages" };
	char command[160];

	snprintf(command, sizeof(command), "mkdir -p %s/kernel/mm/ksm", w->sys);
	assert_int_equal(system(command), 0);
	ksm_set(w, "run", "0\n");
	ksm_set(w, "pages_to_scan", "100\n");
	ksm_set(w, "sleep_millisecs", "20\n");
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		ksm_set(w, counters[i], "0\n");
	ksm_set(w, "pages_unshared", "262144\n");
	if (advisor)
		ksm_set(w, "advisor_mode", "none [scan-time]\n");
}

static inline void boot(struct world *w)
{
	char path[160];

	snprintf(path, sizeof(path), "mkdir -p %s/sys/kernel/random", w->folder);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", w->folder);
	write_text(path, "6d4ee6b0-0b6a-4a59-a9b0-95ac0e47e3a1\n");
}

/* The configuration of the next daemon, or of this one read anew. */
static inline void reconfigure(struct world *w, const char *config)
{
	struct config *c = configure(w, config);

	if (w->manager)
		return reload(w, c);
	config_free(w->config);
	w->config = c;
}

/* A daemon with a state file on a host that has KSM. */
static inline void open_ksm(struct world *w, const char *config, bool advisor)
{
	static char state[128];

	open_world(w, config);
	daemon_stop(w);
	boot(w);
	make_ksm(w, advisor);
	snprintf(state, sizeof(state), "%s/lib/state", w->folder);
	w->state = state;
	daemon_start(w, false);
}

static inline void press(struct world *w)
{
	pressure(w, POLICY_LEVEL_MEDIUM, 300);
	run_for(w, 300);
}

/* Who stops waits for a second; on a slow disk the thread goes on. */
static inline void stop_daemon(struct world *w)
{
	daemon_stop(w);
	for (int i = 0; i < 2000 && has_note(w); i++)
		usleep(10000);
}

#endif
