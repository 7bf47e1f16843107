// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "dynmemd/host/pinned_memory.h"
#include "dynmemd/host/procfile.h"
#include "policy/record.h"

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

const char *pinned_by_type(const char *type)
{
	static const struct {
		const char *prefix;
		const char *why;
	} types[] = {
		{ "vfio-ap", NULL },
		{ "vfio-ccw", NULL },
		{ "vfio-user", NULL },
		{ "vfio-", PINNED_VFIO },
		{ "vhost-vdpa", PINNED_VDPA },
		{ "sev-guest", PINNED_ENCRYPTED },
		{ "sev-snp-guest", PINNED_ENCRYPTED },
		{ "tdx-guest", PINNED_ENCRYPTED },
		{ "s390-pv-guest", PINNED_ENCRYPTED },
		{ "pef-guest", PINNED_ENCRYPTED },
		{ "arm-rme-guest", PINNED_ENCRYPTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (begins(type, types[i].prefix))
			return types[i].why;
	return NULL;
}

/*
 * Options
 */

/*
 * The value of a key in "first,key=value,..." or in JSON: both are taken apart
 * at the same characters. An empty key means the first part without one.
 */
static bool value_of(const char *option, const char *key, char *ret, size_t size)
{
	static const char ends[] = ",=:\"{}[] ";
	size_t len = strlen(key);
	const char *p = option;

	if (!*key) {
		snprintf(ret, size, "%.*s", (int)strcspn(p, ","), p);
		return *p != '{';
	}
	while ((p = strstr(p, key))) {
		bool starts = p == option || strchr(ends, p[-1]);

		p += len;
		if (!starts || !*p || !strchr("=\":", *p))
			continue;
		p += strspn(p, "\":= ");
		snprintf(ret, size, "%.*s", (int)strcspn(p, ",\"}"), p);
		return true;
	}
	return false;
}

/* A key alone is on. */
static bool is_alone(const char *option, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = option; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, key, len) && (!p[len] || p[len] == ','))
			return true;
	}
	return false;
}

static bool is_on(const char *option, const char *key)
{
	char value[32];

	if (!value_of(option, key, value, sizeof(value)))
		return is_alone(option, key);
	return strcmp(value, "off") != 0 && strcmp(value, "no") != 0 && strcmp(value, "false") != 0;
}

static const char *by_first(const char *option, const char *key)
{
	char type[64];

	if (!value_of(option, key, type, sizeof(type)) && !value_of(option, "", type, sizeof(type)))
		return NULL;
	return pinned_by_type(type);
}

/* There is no knowing where hugetlbfs is mounted; it is called so everywhere. */
static const char *by_mem_path(const char *path)
{
	return strstr(path, "/huge") ? PINNED_HUGE : NULL;
}

static const char *by_device(const char *value)
{
	return by_first(value, "driver");
}

static const char *by_netdev(const char *value)
{
	return by_first(value, "type");
}

static const char *by_object(const char *value)
{
	char path[256];

	if (is_on(value, "hugetlb"))
		return PINNED_HUGE;
	if (value_of(value, "mem-path", path, sizeof(path)) && by_mem_path(path))
		return PINNED_HUGE;
	return by_first(value, "qom-type");
}

static const char *by_overcommit(const char *value)
{
	return is_on(value, "mem-lock") ? PINNED_LOCKED : NULL;
}

static const char *by_realtime(const char *value)
{
	return is_on(value, "mlock") ? PINNED_LOCKED : NULL;
}

static const char *by_disk(const char *value)
{
	char driver[32];

	if (strstr(value, "nvme://") ||
	    (value_of(value, "driver", driver, sizeof(driver)) && !strcmp(driver, "nvme")))
		return PINNED_NVME;
	return NULL;
}

static const char *by_machine(const char *value)
{
	char object[64];

	if (value_of(value, "confidential-guest-support", object, sizeof(object)) ||
	    value_of(value, "memory-encryption", object, sizeof(object)))
		return PINNED_ENCRYPTED;
	return NULL;
}

static const char *by_option(const char *name, const char *value)
{
	static const struct {
		const char *name;
		const char *(*fn)(const char *value);
	} options[] = {
		{ "device", by_device },     { "object", by_object },
		{ "mem-path", by_mem_path }, { "overcommit", by_overcommit },
		{ "realtime", by_realtime }, { "netdev", by_netdev },
		{ "nic", by_netdev },	     { "drive", by_disk },
		{ "blockdev", by_disk },     { "machine", by_machine },
		{ "M", by_machine },
	};

	if (*name != '-')
		return NULL;
	name += name[1] == '-' ? 2 : 1;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (!strcmp(name, options[i].name))
			return options[i].fn(value);
	return NULL;
}

/* The next word; quotes divide nothing of what they hold. Returns its end. */
static const char *next_word(const char *p, const char *end, bool shell, char *ret)
{
	char quote = 0;
	size_t n = 0;

	while (p < end && (!*p || (shell && strchr(" \t\r\n", *p))))
		p++;
	for (; p < end && *p; p++) {
		if (shell && !quote && strchr(" \t\r\n", *p))
			break;
		if (shell && *p == '\\' && quote != '\'' && p + 1 < end) {
			p++;
		} else if (shell && (*p == quote || (!quote && (*p == '\'' || *p == '"')))) {
			quote = quote ? 0 : *p;
			continue;
		}
		if (n + 1 < PROC_WORD_MAX)
			ret[n++] = *p;
	}
	ret[n] = 0;
	return p;
}

const char *pinned_by_args(const char *text, size_t len)
{
	const char *end = text + len, *why = NULL;
	char words[2][PROC_WORD_MAX] = { "", "" };
	bool shell = !memchr(text, 0, len);

	for (unsigned int i = 0; !why; i ^= 1) {
		text = next_word(text, end, shell, words[i]);
		if (!*words[i])
			return NULL;
		why = by_option(words[i ^ 1], words[i]);
	}
	return why;
}

/*
 * Processes
 */

struct command {
	char last[PROC_WORD_MAX];
	const char *why;
};

static bool next_of_command(void *data, const char *word)
{
	struct command *c = data;

	c->why = by_option(c->last, word);
	snprintf(c->last, sizeof(c->last), "%s", word);
	return c->why;
}

const char *pinned_by_command(const char *proc, pid_t pid)
{
	_cleanup_(closep) int fd =
		pid > 0 ? proc_open(O_RDONLY, "%s/%d/cmdline", proc, (int)pid) : -1;
	struct command c = { .why = NULL };

	proc_words(fd, next_of_command, &c);
	return c.why;
}

/*
 * VFIO's pages count as locked, iommufd's and vDPA's as pinned. A process of
 * which a part is pinned has a balloon that frees the rest.
 */
const char *pinned_by_counters(int status, uint64_t memory)
{
	uint64_t anon = 0, shared = 0, huge = 0, locked = 0, pinned = 0;
	char buf[4096];

	if (proc_read(status, buf, sizeof(buf)) <= 0)
		return NULL;
	proc_kib(buf, "RssAnon:", &anon);
	proc_kib(buf, "RssShmem:", &shared);
	proc_kib(buf, "HugetlbPages:", &huge);
	proc_kib(buf, "VmLck:", &locked);
	proc_kib(buf, "VmPin:", &pinned);
	if (huge > anon + shared)
		return PINNED_HUGE;
	if (locked + pinned > memory / 2)
		return PINNED_LOCKED;
	return NULL;
}

uint32_t pinned_bit(const char *why)
{
	static const struct {
		const char *why;
		uint32_t bit;
	} bits[] = {
		{ PINNED_VFIO, GUEST_PIN_VFIO },
		{ PINNED_HUGE, GUEST_PIN_HUGETLB },
		{ PINNED_LOCKED, GUEST_PIN_LOCKED },
		{ PINNED_VDPA, GUEST_PIN_VDPA },
		{ PINNED_ENCRYPTED, GUEST_PIN_CONFIDENTIAL },
		{ PINNED_NVME, GUEST_PIN_NVME },
	};

	for (size_t i = 0; why && i < ARRAY_SIZE(bits); i++)
		if (!strcmp(why, bits[i].why))
			return bits[i].bit;
	/* A reason of a backend's own is one all the same. */
	return why ? GUEST_PIN_LOCKED : 0;
}
