/* SPDX-License-Identifier: GPL-2.0 */
/* Private to daemon_config.c (files and guests) and config_keys.c (what stands in them). */
#ifndef DYNMEMD_CONFIG_PARSE_H
#define DYNMEMD_CONFIG_PARSE_H

#include <stdio.h>

#include "dynmemd/config/daemon_config.h"
#include "common/util.h"

struct parser {
	struct config *config;
	const char *path;
	int line;
	FILE *file;
	char *section; /* NULL: none yet */
	char *buffer;
	size_t size;
	struct guest_rule *rule;     /* of the section being read */
	bool given[POLICY_TUNABLES]; /* tunables with a key, which no profile changes */
	config_complain_t complain;
	void *userdata;
	unsigned int complaints;
};

/** parser_complain() - report "PATH:LINE: " and the text */
void parser_complain(struct parser *p, const char *format, ...) _printf_(2, 3);

/** parser_key() - one line KEY = VALUE of a section; complains by itself */
void parser_key(struct parser *p, const char *section, const char *key, const char *value);

#endif
