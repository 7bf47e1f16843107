// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "dynmemd/host/ksm_settings.h"
#include "dynmemd/host/procfile.h"

static const char *const names[] = {
	[KSM_ADVISOR_MODE] = "advisor_mode",
	[KSM_PAGES_TO_SCAN] = "pages_to_scan",
	[KSM_SLEEP] = "sleep_millisecs",
	[KSM_RUN] = "run",
};

const char *ksm_setting_name(enum ksm_setting i)
{
	return names[i];
}

/* "12\n", or of several words the one in brackets: "none [scan-time]". */
static int read_value(const char *dir, const char *name, char *ret)
{
	_cleanup_(closep) int fd = proc_open(O_RDONLY, "%s/%s", dir, name);
	char text[128], *word = text;
	int r;

	*ret = 0;
	if (fd < 0)
		return fd;
	r = proc_read(fd, text, sizeof(text));
	if (r < 0)
		return r;
	if (strchr(text, '['))
		word = strchr(text, '[') + 1;
	word[strcspn(word, "] \n")] = 0;
	if (!*word || strlen(word) >= KSM_VALUE_MAX)
		return -EBADMSG;
	memcpy(ret, word, strlen(word) + 1);
	return 0;
}

int ksm_settings_read(const char *dir, struct ksm_settings *ret)
{
	int r;

	*ret = (struct ksm_settings){ 0 };
	for (int i = 0; i < KSM_SETTINGS; i++) {
		r = read_value(dir, names[i], ret->value[i]);
		if (r < 0 && !(r == -ENOENT && i == KSM_ADVISOR_MODE))
			return r;
	}
	return 0;
}

int ksm_setting_write(const char *dir, enum ksm_setting i, const char *value)
{
	_cleanup_(closep) int fd = proc_open(O_WRONLY | O_TRUNC, "%s/%s", dir, names[i]);

	if (fd < 0)
		return fd;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}
