// SPDX-License-Identifier: GPL-2.0
/* What may stand in the configuration: sections, keys and their values. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dynmemd/config/config_parse.h"

struct key {
	const char *name;
	int (*set)(struct parser *p, const char *value);
	const char *allowed;
};

void parser_complain(struct parser *p, const char *format, ...)
{
	char text[512];
	va_list ap;
	int n;

	if (p->line)
		n = snprintf(text, sizeof(text), "%s:%d: ", p->path, p->line);
	else
		n = snprintf(text, sizeof(text), "%s: ", p->path);
	if (n >= 0 && (size_t)n < sizeof(text)) {
		va_start(ap, format);
		vsnprintf(text + n, sizeof(text) - n, format, ap);
		va_end(ap);
	}
	p->complaints++;
	p->complain(text, p->userdata);
}

static int pick(const char *const *names, size_t n, const char *value)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], value))
			return (int)i;
	return -EINVAL;
}

static int set_mode(struct parser *p, const char *value)
{
	static const char *const names[] = {
		[MODE_OBSERVE] = "observe",
		[MODE_MANAGE] = "manage",
	};
	int r = pick(names, ARRAY_SIZE(names), value);

	if (r >= 0)
		p->config->mode = r;
	return r;
}

static int set_source(struct parser *p, const char *value)
{
	static const char *const names[] = {
		[SOURCE_AUTO] = "auto",
		[SOURCE_GENL] = "genl",
		[SOURCE_PROCFS] = "procfs",
	};
	int r = pick(names, ARRAY_SIZE(names), value);

	if (r >= 0)
		p->config->source = r;
	return r;
}

static int set_file(char **ret, const char *value)
{
	char *path;

	if (*value != '/' || value[strlen(value) - 1] == '/' || strlen(value) >= PATH_MAX / 2)
		return -EINVAL;
	path = strdup(value);
	if (!path)
		return -ENOMEM;
	free(*ret);
	*ret = path;
	return 0;
}

static int set_state(struct parser *p, const char *value)
{
	return set_file(&p->config->state, value);
}

static int set_stop(struct parser *p, const char *value)
{
	return set_file(&p->config->stop, value);
}

#define FILE_SYNTAX "the absolute path of a file"

static const struct key daemon_keys[] = {
	{ "mode", set_mode, "observe, manage" },
	{ "source", set_source, "auto, genl, procfs" },
	{ "state", set_state, FILE_SYNTAX },
	{ "stop", set_stop, FILE_SYNTAX },
	{ 0 },
};

/* Lists grow, and an empty value empties them. */
static int add_path(char ***list, size_t *n, const char *value)
{
	char **paths, *path;

	if (!*value) {
		while (*n)
			free((*list)[--*n]);
		return 0;
	}
	if (*value != '/')
		return -EINVAL;
	paths = reallocarray(*list, *n + 1, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	*list = paths;
	path = strdup(value);
	if (!path)
		return -ENOMEM;
	paths[(*n)++] = path;
	return 0;
}

static int set_qmp_path(struct parser *p, const char *value)
{
	struct config *c = p->config;

	return add_path(&c->qmp_paths, &c->n_qmp_paths, value);
}

static int set_qmp_socket(struct parser *p, const char *value)
{
	struct config *c = p->config;

	if (*value && (value[strlen(value) - 1] == '/' || strpbrk(value, "*?")))
		return -EINVAL;
	return add_path(&c->qmp_sockets, &c->n_qmp_sockets, value);
}

static const struct key qmp_keys[] = {
	{ "path", set_qmp_path,
	  "an absolute path: a folder of monitor sockets, or a pattern of them as /run/vm/*.qmp or /run/vm/*/qmp.sock" },
	{ "socket", set_qmp_socket,
	  "the absolute path of one monitor socket; a pattern of them is a path" },
	{ 0 },
};

static int set_folder(char **folder, const char *value)
{
	if (*value && (*value != '/' || strpbrk(value, "*?")))
		return -EINVAL;
	free(*folder);
	*folder = *value ? strdup(value) : NULL;
	return *value && !*folder ? -ENOMEM : 0;
}

static int set_pve_guests(struct parser *p, const char *value)
{
	return set_folder(&p->config->pve_guests, value);
}

static int set_pve_sockets(struct parser *p, const char *value)
{
	return set_folder(&p->config->pve_sockets, value);
}

static int set_pve_pools(struct parser *p, const char *value)
{
	return set_folder(&p->config->pve_pools, value);
}

static const struct key pve_keys[] = {
	{ "guests", set_pve_guests,
	  "the absolute path of a folder of VMID.conf files: /etc/pve/qemu-server" },
	{ "sockets", set_pve_sockets,
	  "the absolute path of a folder of VMID.qmp sockets; default " PVE_SOCKETS_DEFAULT },
	{ "pools", set_pve_pools,
	  "the absolute path of the file with the pools: /etc/pve/user.cfg" },
	{ 0 },
};

/* Memory is moved on this host only: no URI of another one. */
static int set_uri(struct parser *p, const char *value)
{
	char *uri = NULL;

	if (*value) {
		if (strncmp(value, "qemu:///", 8) != 0 && strncmp(value, "qemu+unix:///", 13) != 0)
			return -EINVAL;
		uri = strdup(value);
		if (!uri)
			return -ENOMEM;
	}
	free(p->config->libvirt_uri);
	p->config->libvirt_uri = uri;
	return 0;
}

static const struct key libvirt_keys[] = {
	{ "uri", set_uri, "an URI of this host's QEMU driver, as qemu:///system; empty: none" },
	{ 0 },
};

static int note_place(struct parser *p, enum guest_setting setting, int r)
{
	if (r < 0)
		return r;
	p->rule->from[setting] = (struct place){ p->path, p->line };
	if (setting != SETTING_SHARES)
		p->rule->range_from = p->rule->from[setting];
	return 0;
}

/* "4", where "4G" was meant. */
static bool is_tiny(const struct size *s)
{
	return !s->relative && s->value && s->value < MIB;
}

int config_parse_min(struct size *ret, const char *text)
{
	struct size size = { 0 };
	int r = size_parse(&size, text);

	if (r == 0 && is_tiny(&size))
		r = -EDOM;
	if (r == 0)
		*ret = size;
	return r;
}

static int set_min(struct parser *p, const char *value)
{
	return note_place(p, SETTING_MIN, config_parse_min(&p->rule->min, value));
}

int config_parse_max(struct size *ret, const char *text)
{
	struct size size = { 0 };
	int r = config_parse_min(&size, text);

	if (r < 0)
		return r;
	if (size.value == 0)
		return -EINVAL;
	*ret = size;
	return 0;
}

static int set_max(struct parser *p, const char *value)
{
	return note_place(p, SETTING_MAX, config_parse_max(&p->rule->max, value));
}

int config_parse_shares(unsigned int *ret, const char *text)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	n = strtoul(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (n < 1 || n > POLICY_SHARES_MAX)
		return -ERANGE;
	*ret = n;
	return 0;
}

static int set_shares(struct parser *p, const char *value)
{
	return note_place(p, SETTING_SHARES, config_parse_shares(&p->rule->shares, value));
}

static int set_yes_no(bool *ret, const char *value)
{
	static const char *const names[] = { "no", "yes" };
	int r = pick(names, ARRAY_SIZE(names), value);

	if (r < 0)
		return r;
	*ret = r;
	return 0;
}

static int set_reclaim(struct parser *p, const char *value)
{
	int r = set_yes_no(&p->rule->reclaim, value);

	if (r == 0)
		p->rule->reclaim_set = true;
	return r;
}

int config_parse_trust(char ret[CONFIG_TRUST_MAX], const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= CONFIG_TRUST_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.+@/", text[i]))
			return -EINVAL;
	memcpy(ret, text, len + 1);
	return 0;
}

static int set_trust(struct parser *p, const char *value)
{
	return config_parse_trust(p->rule->trust, value);
}

static const struct key guest_keys[] = {
	{ "min", set_min, SIZE_SYNTAX " of max" },
	{ "max", set_max, SIZE_SYNTAX " of the guest's memory, above 0" },
	{ "shares", set_shares, CONFIG_SHARES_SYNTAX },
	{ "reclaim", set_reclaim, "yes, no" },
	{ "trust", set_trust, CONFIG_TRUST_SYNTAX },
	{ 0 },
};

static struct guest_rule *add_rule(struct config *c, const char *pattern)
{
	struct guest_rule *rules;

	for (size_t i = 0; i < c->n_rules; i++)
		if (!strcmp(c->rules[i].pattern, pattern))
			return &c->rules[i];
	rules = reallocarray(c->rules, c->n_rules + 1, sizeof(*rules));
	if (!rules)
		return NULL;
	c->rules = rules;
	rules += c->n_rules;
	*rules = (struct guest_rule){ .pattern = strdup(pattern) };
	if (!rules->pattern)
		return NULL;
	c->n_rules++;
	return rules;
}

/* The names of the keys of a section, for a complaint. */
static const char *names_of(const struct key *keys, char *buf, size_t size)
{
	size_t n = 0;

	*buf = 0;
	for (; keys->name && n < size; keys++)
		n += snprintf(buf + n, size - n, "%s%s", n ? ", " : "", keys->name);
	return buf;
}

static void set_key(struct parser *p, const char *section, const struct key *keys, const char *name,
		    const char *value)
{
	const struct key *k;
	char names[256];
	int r;

	for (k = keys; k->name && strcmp(k->name, name) != 0; k++)
		;
	if (!k->name) {
		parser_complain(p, "%s: unknown key in [%s]; allowed: %s", name, section,
				names_of(keys, names, sizeof(names)));
		return;
	}
	r = k->set(p, value);
	if (r == -ENOMEM)
		parser_complain(p, "out of memory");
	else if (r < 0)
		parser_complain(p, "%s = %s: %s; allowed: %s", name, value, size_error(r),
				k->allowed);
}

/* "250ms", "30 s", "7d"; the unit is needed. */
static int parse_time(double *ret, const char *value)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{ "ns", 1 },	 { "us", 1e3 },	  { "ms", 1e6 },    { "s", 1e9 },
		{ "min", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 },
	};
	char *end;
	double n = strtod(value, &end);

	if (end == value || !isdigit((unsigned char)*value))
		return -EINVAL;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(units[i].unit, end)) {
			*ret = n * units[i].ns;
			return 0;
		}
	return -EINVAL;
}

/* "0.75" or "75%" */
static int parse_ratio(double *ret, const char *value)
{
	char *end;
	double n = strtod(value, &end);

	if (end == value || !isdigit((unsigned char)*value))
		return -EINVAL;
	if (!strcmp(end, "%"))
		n /= 100;
	else if (*end)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int parse_bytes(double *ret, const char *value)
{
	struct size size;
	int r = size_parse(&size, value);

	if (r < 0)
		return r;
	if (size.relative)
		return -EINVAL;
	*ret = (double)size.value;
	return 0;
}

static int parse_rate(double *ret, const char *value)
{
	char text[64];
	size_t n = strlen(value);

	if (n >= 2 && !strcmp(value + n - 2, "/s"))
		n -= 2;
	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, value, n);
	text[n] = 0;
	return parse_bytes(ret, text);
}

static int parse_count(double *ret, const char *value)
{
	char *end;

	if (!isdigit((unsigned char)*value))
		return -EINVAL;
	*ret = strtod(value, &end);
	return value[strspn(value, "0123456789")] ? -EINVAL : 0;
}

static const struct {
	int (*parse)(double *ret, const char *value);
	const char *allowed;
} units[] = {
	[POLICY_UNIT_BYTES] = { parse_bytes, "a number with K, M, G or T (of 1024)" },
	[POLICY_UNIT_NS] = { parse_time, "a number with ns, us, ms, s, min, h or d" },
	[POLICY_UNIT_RATE] = { parse_rate, "a number with K, M, G or T (of 1024) and /s" },
	[POLICY_UNIT_COUNT] = { parse_count, "a whole number" },
	[POLICY_UNIT_RATIO] = { parse_ratio, "a number, or a percentage" },
};

static int set_ksm_mode(struct parser *p, const char *value)
{
	static const char *const names[] = {
		[KSM_MODE_OFF] = "off",
		[KSM_MODE_REPORT] = "report",
		[KSM_MODE_MANAGE] = "manage",
	};
	int r = pick(names, ARRAY_SIZE(names), value);

	if (r >= 0)
		p->config->ksm_mode = r;
	return r;
}

/* A tunable that stands in the configuration, whatever the profile has. Returns 0 or -ERANGE. */
static int give(struct parser *p, const struct policy_tunable *row, double value)
{
	int r = policy_tunable_set(&p->config->policy, row, value);

	if (r == 0)
		p->given[row - policy_tunable_table] = true;
	return r;
}

/* Another name of the policy's number, where one looks for it. */
static int set_ksm_max_cpu(struct parser *p, const char *value)
{
	double share;
	int r = parse_ratio(&share, value);

	return r < 0 ? r : give(p, policy_tunable_find("ksm_cpu"), share);
}

static int set_ksm_across(struct parser *p, const char *value)
{
	return set_yes_no(&p->config->ksm_across, value);
}

static const struct key ksm_keys[] = {
	{ "mode", set_ksm_mode, "off, report, manage" },
	{ "max_cpu", set_ksm_max_cpu, "1% to 100% of one CPU" },
	{ "across", set_ksm_across, "yes, no" },
	{ 0 },
};

static void set_profile(struct parser *p, const char *value)
{
	int profile = policy_profile_find(value);

	if (profile < 0)
		parser_complain(p, "profile = %s: not valid; allowed: cautious, balanced, dense",
				value);
	else
		p->config->profile = profile;
}

static void set_tunable(struct parser *p, const char *name, const char *value)
{
	const struct policy_tunable *row = policy_tunable_find(name);
	char min[32], max[32];
	double number;

	if (!strcmp(name, "profile")) {
		set_profile(p, value);
		return;
	}
	if (!row) {
		parser_complain(
			p,
			"%s: unknown key in [policy]; allowed: profile, and those of 'dynmemd --tunables'",
			name);
		return;
	}
	if (units[row->unit].parse(&number, value) < 0)
		parser_complain(p, "%s = %s: not valid; allowed: %s", name, value,
				units[row->unit].allowed);
	else if (give(p, row, number) < 0) {
		policy_number_render(row->min, min, sizeof(min));
		policy_number_render(row->max, max, sizeof(max));
		parser_complain(p, "%s = %s: out of range; allowed: %s to %s %s", name, value, min,
				max, policy_unit_name(row->unit));
	}
}

void parser_key(struct parser *p, const char *section, const char *key, const char *value)
{
	if (!strcmp(section, "daemon")) {
		set_key(p, section, daemon_keys, key, value);
	} else if (!strcmp(section, "backend qmp")) {
		set_key(p, section, qmp_keys, key, value);
	} else if (!strcmp(section, "backend libvirt")) {
		set_key(p, section, libvirt_keys, key, value);
	} else if (!strcmp(section, "backend pve")) {
		set_key(p, section, pve_keys, key, value);
	} else if (!strcmp(section, "ksm")) {
		set_key(p, section, ksm_keys, key, value);
	} else if (!strcmp(section, "policy")) {
		set_tunable(p, key, value);
	} else if (!strncmp(section, "guest ", 6) && section[6]) {
		p->rule = add_rule(p->config, section + 6);
		if (p->rule)
			set_key(p, section, guest_keys, key, value);
		else
			parser_complain(p, "out of memory");
	} else if (!*section) {
		parser_complain(p, "%s: a key outside of any section", key);
	} else {
		parser_complain(
			p,
			"[%s]: unknown section; allowed: [daemon], [backend qmp], [backend libvirt], [backend pve], [ksm], [policy], [guest NAME]",
			section);
	}
}
