// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "dynmemd/backends/pve/pve_conf.h"
#include "dynmemd/host/pinned_memory.h"
#include "common/util.h"

/* 64 TiB: more is no guest, and sums stay far from overflowing. */
#define MIB_MAX (64ULL << 20)

/* qemu-server takes up to 50000. */
#define SHARES_MAX 50000

/* A whole number, and nothing after it. */
static int parse_number(uint64_t *ret, const char *value, uint64_t max)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*value))
		return -EINVAL;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (*end || errno || n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int set_name(struct pve_conf *c, const char *value)
{
	escape_text(c->name, sizeof(c->name), value);
	return 0;
}

/* "4096", or a list of properties, where current is the one without a key. */
static int set_memory(struct pve_conf *c, const char *value)
{
	static const char key[] = "current=";
	char text[32];
	uint64_t mib;
	size_t len;

	for (;; value += len + 1) {
		len = strcspn(value, ",");
		if (len >= sizeof(text))
			return -EINVAL;
		memcpy(text, value, len);
		text[len] = 0;
		if (!strchr(text, '=') || !strncmp(text, key, strlen(key)))
			break;
		if (!value[len])
			return -EINVAL;
	}
	value = strchr(text, '=') ? text + strlen(key) : text;
	if (parse_number(&mib, value, MIB_MAX) < 0 || !mib)
		return -EINVAL;
	c->memory = mib * MIB;
	return 0;
}

static int set_balloon(struct pve_conf *c, const char *value)
{
	uint64_t mib;

	if (parse_number(&mib, value, MIB_MAX) < 0)
		return -EINVAL;
	c->balloon = mib * MIB;
	c->no_balloon = !mib;
	return 0;
}

static int set_shares(struct pve_conf *c, const char *value)
{
	uint64_t n;

	if (parse_number(&n, value, SHARES_MAX) < 0)
		return -EINVAL;
	c->shares = n;
	return 0;
}

/* Other locks, as of a backup, leave the balloon free to move. */
static int set_lock(struct pve_conf *c, const char *value)
{
	c->migrating = !strcmp(value, "migrate");
	return 0;
}

static int set_hostpci(struct pve_conf *c, _unused_ const char *value)
{
	c->pinned = PINNED_VFIO;
	return 0;
}

static int set_hugepages(struct pve_conf *c, _unused_ const char *value)
{
	c->pinned = PINNED_HUGE;
	return 0;
}

static int set_encrypted(struct pve_conf *c, _unused_ const char *value)
{
	c->pinned = PINNED_ENCRYPTED;
	return 0;
}

/* What somebody wrote himself, as for a shell. */
static int set_args(struct pve_conf *c, const char *value)
{
	const char *why = pinned_by_args(value, strlen(value));

	if (why)
		c->pinned = why;
	return 0;
}

static int set_allow_ksm(struct pve_conf *c, const char *value)
{
	c->no_ksm = !strcmp(value, "0");
	return 0;
}

/* "a;trust-acme;b", as the web interface writes it; a comma or blank divides as well. */
static int set_tags(struct pve_conf *c, const char *value)
{
	static const char prefix[] = "trust-", ends[] = ";, ";
	char name[CONFIG_TRUST_MAX];

	while (*value) {
		size_t len = strcspn(value, ends), skip = sizeof(prefix) - 1;

		if (len > skip && !strncmp(value, prefix, skip)) {
			if (len - skip >= sizeof(name))
				return -EINVAL;
			snprintf(name, sizeof(name), "%.*s", (int)(len - skip), value + skip);
			return config_parse_trust(c->trust, name);
		}
		value += len;
		value += strspn(value, ends);
	}
	return 0;
}

/* @numbered: the key has a number behind it, as in hostpci0. */
static const struct {
	const char *name;
	bool numbered;
	int (*set)(struct pve_conf *c, const char *value);
} keys[] = {
	{ "name", false, set_name },	       { "memory", false, set_memory },
	{ "balloon", false, set_balloon },     { "shares", false, set_shares },
	{ "lock", false, set_lock },	       { "hostpci", true, set_hostpci },
	{ "hugepages", false, set_hugepages }, { "amd-sev", false, set_encrypted },
	{ "intel-tdx", false, set_encrypted }, { "args", false, set_args },
	{ "allow-ksm", false, set_allow_ksm }, { "tags", false, set_tags },
};

static size_t trim(const char *p, size_t len)
{
	while (len && isspace((unsigned char)p[len - 1]))
		len--;
	return len;
}

static bool is_section(const char *line, size_t len)
{
	len = trim(line, len);
	return len >= 2 && line[0] == '[' && memchr(line, ']', len) == line + len - 1;
}

static bool is_key(const char *line, size_t len, size_t i)
{
	size_t n = strlen(keys[i].name);

	if (len < n || memcmp(line, keys[i].name, n) != 0)
		return false;
	if (!keys[i].numbered)
		return len == n;
	if (len == n)
		return false;
	while (n < len && isdigit((unsigned char)line[n]))
		n++;
	return n == len;
}

/* "KEY: VALUE"; returns the key if the value is not valid. */
static const char *parse_line(struct pve_conf *c, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value;
	char text[8192];

	if (!colon)
		return NULL;
	len = trim(line, len);
	for (value = colon + 1; value < line + len; value++)
		if (!isspace((unsigned char)*value))
			break;
	if (value >= line + len)
		return NULL;
	len = line + len - value;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!is_key(line, colon - line, i))
			continue;
		if (len >= sizeof(text) || memchr(value, 0, len))
			return keys[i].name;
		memcpy(text, value, len);
		text[len] = 0;
		return keys[i].set(c, text) < 0 ? keys[i].name : NULL;
	}
	return NULL;
}

void pve_conf_parse(struct pve_conf *ret, const char *buf, size_t len)
{
	const char *end = buf + len;
	unsigned int n = 0;

	*ret = (struct pve_conf){
		.memory = PVE_MEMORY_DEFAULT,
		.shares = PVE_SHARES_DEFAULT,
		.whole = len && end[-1] == '\n',
	};
	/* The guest as it runs comes first, and ends where a section begins. */
	while (buf < end) {
		const char *newline = memchr(buf, '\n', end - buf);
		const char *line = buf, *bad;

		len = (newline ? newline : end) - line;
		buf = newline ? newline + 1 : end;
		n++;
		if (is_section(line, len))
			break;
		bad = *line == '#' ? NULL : parse_line(ret, line, len);
		if (bad && !ret->bad_key) {
			ret->bad_key = bad;
			ret->bad_line = n;
		}
	}
}

bool pve_conf_equal(const struct pve_conf *a, const struct pve_conf *b)
{
	return !strcmp(a->name, b->name) && a->memory == b->memory && a->balloon == b->balloon &&
	       a->no_balloon == b->no_balloon && a->shares == b->shares &&
	       a->migrating == b->migrating && a->pinned == b->pinned && a->no_ksm == b->no_ksm &&
	       !strcmp(a->trust, b->trust) && a->bad_line == b->bad_line &&
	       a->bad_key == b->bad_key;
}
