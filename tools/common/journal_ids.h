/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What dynmemd writes to the journal: MESSAGE_IDs and fields, as
 * `dynmem history` reads them. The catalog of `journalctl -x` explains each ID.
 *
 * An ID is for good: one with another meaning is another ID.
 */
#ifndef DYNMEM_JOURNAL_IDS_H
#define DYNMEM_JOURNAL_IDS_H

/* A guest's target was changed */
#define JOURNAL_ID_MOVE "0748de48271c48fbb7c889a85971009b"
/* A guest's target would have been changed, but dynmemd only observes */
#define JOURNAL_ID_WOULD "1caa6d1691c34936866f5118a9b086a7"
/* A guest was found */
#define JOURNAL_ID_FOUND "af905d3eef2f4850815efbd136170546"
/* A guest is gone */
#define JOURNAL_ID_GONE "e8cd328f010a4e6989b454412bebefd0"
/* The host's level changed */
#define JOURNAL_ID_LEVEL "4748e16704a84b80b4a2d7d97daa153a"
/* An operator set something for a guest, or that is over */
#define JOURNAL_ID_SETTING "96da20810afd40c79110e2821bb26d88"
/* Guests get their memory back, or are managed again */
#define JOURNAL_ID_DRAIN "3b536c3c18d94c459056c1364c1934b9"
/* A reload moves much */
#define JOURNAL_ID_RELOAD "14beb6258ceb447b8dea7ab040442615"

#define JOURNAL_GUEST	"DYNMEM_GUEST"	 /* its name */
#define JOURNAL_CODE	"DYNMEM_CODE"	 /* of a decision: its reason's name */
#define JOURNAL_FROM	"DYNMEM_FROM"	 /* the target before, bytes */
#define JOURNAL_TO	"DYNMEM_TO"	 /* the target now, bytes */
#define JOURNAL_APPLIED "DYNMEM_APPLIED" /* 1, or 0: it was only observed */
#define JOURNAL_REASON	"DYNMEM_REASON"	 /* the message without the guest's name */

#endif
