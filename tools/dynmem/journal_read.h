/* SPDX-License-Identifier: GPL-2.0 */
/* What dynmemd wrote to the journal. */
#ifndef DYNMEM_JOURNAL_READ_H
#define DYNMEM_JOURNAL_READ_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct journal_query - which entries
 * @folder: of journal files; NULL: this host's
 * @guest: about this one alone; NULL: all
 * @since: microseconds since the epoch; 0: from the beginning
 * @until: the same; 0: to the end
 * @lines: so many at the most, the latest
 */
struct journal_query {
	const char *folder, *guest;
	uint64_t since, until;
	unsigned long lines;
};

#define JOURNAL_WHY_MAX 256

/**
 * journal_read() - dynmemd's events, in the order of time
 * @ret: an array of objects: "time" (microseconds since the epoch), "type" ("decision",
 *	"found", "gone", "level", "setting", "drain", "reload"), "text"; "guest" where it
 *	is about one; of a decision "from", "to", "applied", "code"
 * @why: what is missing, a sentence that says what to do; empty: nothing
 *
 * Return: 0; -EACCES: files cannot be read by this user, @ret has the rest;
 * -ENOENT: there is no journal; another negative errno.
 */
int journal_read(const struct journal_query *q, struct json_object **ret,
		 char why[static JOURNAL_WHY_MAX]);

/** journal_print() - one of them as a line; @guest: with its name */
void journal_print(struct json_object *event, bool guest);

#endif
