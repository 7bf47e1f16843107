// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "dynmemd/host/procfile.h"
#include "dynmemd/state/ksm_note.h"
#include "dynmemd/state/state_file.h"

bool ksm_is_ours(const struct ksm_note *n, enum ksm_setting i, const char *value)
{
	return !strcmp(value, n->ours.value[i]) || !strcmp(value, n->before.value[i]);
}

/*
 * The note: a line with the boot ID, then one a setting.
 */

#define HEAD "dynmem-ksm 1 "
#define NONE "-"

static const char *word_of(const struct ksm_settings *s, int i)
{
	return *s->value[i] ? s->value[i] : NONE;
}

int ksm_note_store(const char *path, const char *boot, const struct ksm_note *n)
{
	char text[1024];
	size_t len;

	len = (size_t)snprintf(text, sizeof(text), HEAD "%s\n", *boot ? boot : NONE);
	for (int i = 0; i < KSM_SETTINGS; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s %s %s\n",
					ksm_setting_name(i), word_of(&n->found, i),
					word_of(&n->ours, i), word_of(&n->before, i));
	return state_file_store(path, text, len);
}

static void take_word(char *into, const char *word)
{
	snprintf(into, KSM_VALUE_MAX, "%s", strcmp(word, NONE) ? word : "");
}

static int parse(const char *text, const char *boot, struct ksm_note *ret)
{
	char name[KSM_VALUE_MAX], found[KSM_VALUE_MAX], ours[KSM_VALUE_MAX], before[KSM_VALUE_MAX];
	char id[64];
	const char *line;
	int end = 0;

	if (sscanf(text, HEAD "%63s%n", id, &end) != 1 || text[end] != '\n')
		return -EBADMSG;
	if (strcmp(id, *boot ? boot : NONE) != 0)
		return -ENOENT;
	line = text + end + 1;
	for (int i = 0; i < KSM_SETTINGS; i++) {
		if (sscanf(line, "%23s %23s %23s %23s%n", name, found, ours, before, &end) != 4 ||
		    line[end] != '\n' || strcmp(name, ksm_setting_name(i)) != 0)
			return -EBADMSG;
		take_word(ret->found.value[i], found);
		take_word(ret->ours.value[i], ours);
		take_word(ret->before.value[i], before);
		line += end + 1;
	}
	return 0;
}

int ksm_note_load(const char *path, const char *boot, struct ksm_note *ret)
{
	_cleanup_(closep) int fd = proc_open(O_RDONLY | O_NONBLOCK, "%s", path);
	char text[1024];
	int r;

	*ret = (struct ksm_note){ 0 };
	if (fd < 0)
		return fd;
	r = proc_read(fd, text, sizeof(text));
	if (r < 0)
		return r;
	return parse(text, boot, ret);
}
