// SPDX-License-Identifier: GPL-2.0
/*
 * pattern - writes that many MiB of pages, no two of them alike, to stdout;
 * with another seed other pages
 *
 * The guests' disk: what they read from it into their page cache must not be
 * merged by KSM within one guest, as real file contents would not be.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS (4096 / sizeof(uint64_t))

int main(int argc, char **argv)
{
	unsigned long long pages = argc > 1 ? strtoull(argv[1], NULL, 10) * 256 : 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) << 40 : 0;
	uint64_t page[WORDS];

	if (!pages) {
		fprintf(stderr, "usage: pattern MEBIBYTES [SEED] >FILE\n");
		return 2;
	}
	for (unsigned long long i = 0; i < pages; i++) {
		for (size_t j = 0; j < WORDS; j++)
			page[j] = (seed + i + 1) * 0x9e3779b97f4a7c15ULL + j;
		if (fwrite(page, sizeof(page), 1, stdout) != 1) {
			perror("pattern");
			return 1;
		}
	}
	return fflush(stdout) ? 1 : 0;
}
