// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ini.h>

#include "dynmemd/config/config_parse.h"

/*
 * A section's name ends with the line's last bracket, since guests' names and
 * patterns may hold some; inih would cut it at the first, and after 49 bytes.
 * So it is kept here, and inih gets a name that is short.
 */
static int take_section(struct parser *p, const char *text, size_t len)
{
	size_t comment = 0, end = 0;

	for (size_t i = 1; i < len && !comment; i++) {
		if (text[i] == ']')
			end = i;
		else if (end && (text[i] == ';' || text[i] == '#') &&
			 (text[i - 1] == ' ' || text[i - 1] == '\t'))
			comment = i;
	}
	if (!end)
		return -EINVAL;
	free(p->section);
	p->section = strndup(text + 1, end - 1);
	return p->section ? 0 : -ENOMEM;
}

/*
 * Its length; -1: there is none, or there is no sense in going on. A file that breaks
 * off is not one that ends, and what a crash has left full of zeros is not empty: both
 * would put all that it says back to the defaults.
 */
static ssize_t read_line(struct parser *p)
{
	ssize_t len;

	errno = 0;
	len = getline(&p->buffer, &p->size, p->file);
	if (len < 0 && !feof(p->file))
		parser_complain(p, "cannot be read: %s", strerror(errno));
	if (len < 0)
		return -1;
	p->line++;
	if (!memchr(p->buffer, 0, len))
		return len;
	parser_complain(p, "a zero byte: the file is damaged, or not in UTF-8");
	return -1;
}

/*
 * inih reads its lines through this, so that a complaint can name the line.
 * It would take an indented line as the continuation of the one before, and
 * cut long ones: here indentation means nothing and a long line is refused.
 * Editors of other systems put a BOM in front.
 */
static char *next_line(char *out, int size, void *stream)
{
	struct parser *p = stream;
	ssize_t len = read_line(p);
	const char *text = p->buffer;

	if (len < 0)
		return NULL;
	if (p->line == 1 && !strncmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	while (*text == ' ' || *text == '\t')
		text++;
	len = (ssize_t)strcspn(text, "\n");
	if (len > size - 2) {
		parser_complain(p, "a line of more than %d characters", size - 2);
		len = 0;
	}
	if (*text == '[' && take_section(p, text, len) == 0) {
		text = "[section]";
		len = (ssize_t)strlen(text);
	}
	memcpy(out, text, len);
	out[len] = '\n';
	out[len + 1] = 0;
	return out;
}

static int on_key(void *userdata, _unused_ const char *section, const char *key, const char *value)
{
	struct parser *p = userdata;

	parser_key(p, p->section ? p->section : "", key, value);
	return 1;
}

/* Places in it name it for as long as the configuration lives. */
static const char *keep_name(struct config *c, const char *path)
{
	char **files = reallocarray(c->files, c->n_files + 1, sizeof(*files));

	if (!files)
		return NULL;
	c->files = files;
	files[c->n_files] = strdup(path);
	return files[c->n_files] ? files[c->n_files++] : NULL;
}

/* A pipe would keep the daemon waiting, and has nothing to say at a reload. */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *f;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) {
		close(fd);
		errno = ENXIO;
		return NULL;
	}
	f = fdopen(fd, "r");
	if (!f)
		close(fd);
	return f;
}

/* A link that leads nowhere was to lead somewhere. */
static bool is_absent(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}

static int load_file(struct parser *p, const char *path, bool required)
{
	int r;

	p->path = keep_name(p->config, path);
	if (!p->path)
		return -ENOMEM;
	p->line = 0;
	free(p->section);
	p->section = NULL;
	p->file = open_file(path);
	if (!p->file) {
		r = errno;
		if (r == ENOENT && !required && is_absent(path))
			return 0;
		parser_complain(p, "cannot be read: %s", strerror(r));
		return -EINVAL;
	}
	r = ini_parse_stream(next_line, p, on_key, p);
	if (r > 0) {
		p->line = r;
		parser_complain(
			p,
			"not understood; allowed: [SECTION], KEY = VALUE, or a comment after # or ;");
	} else if (r < 0) {
		parser_complain(p, "cannot be read");
	}
	fclose(p->file);
	return 0;
}

/* What editors leave beside it is none. */
static int is_conf(const struct dirent *e)
{
	return fnmatch("*.conf", e->d_name, FNM_PERIOD) == 0;
}

static int load_folder(struct parser *p, const char *path)
{
	_cleanup_(freep) char *folder = NULL;
	struct dirent **found;
	int n, r = 0, last;

	if (asprintf(&folder, "%s.d", path) < 0)
		return -ENOMEM;
	n = scandir(folder, &found, is_conf, alphasort);
	if (n < 0 && errno == ENOENT && is_absent(folder))
		return 0;
	if (n < 0) {
		r = errno;
		p->line = 0;
		p->path = keep_name(p->config, folder);
		parser_complain(p, "cannot be read: %s", strerror(r));
		return -EINVAL;
	}
	for (int i = 0; i < n; i++) {
		_cleanup_(freep) char *file = NULL;

		last = asprintf(&file, "%s/%s", folder, found[i]->d_name) < 0
			       ? -ENOMEM
			       : load_file(p, file, true);
		r = last == -ENOMEM ? last : r;
		free(found[i]);
	}
	free(found);
	return r;
}

static void check(struct parser *p)
{
	struct config *c = p->config;
	const char *why;

	for (size_t i = 0; i < c->n_rules; i++) {
		const struct guest_rule *r = &c->rules[i];

		if (!r->min.set || !r->max.set || r->min.relative || r->max.relative ||
		    r->min.value <= r->max.value)
			continue;
		p->path = r->range_from.text;
		p->line = r->range_from.line;
		parser_complain(
			p,
			"[guest %s]: min (%.10g MiB) is above max (%.10g MiB); allowed: min up to max",
			r->pattern, (double)r->min.value / MIB, (double)r->max.value / MIB);
	}
	policy_profile_apply(&c->policy, c->profile, p->given);
	if (policy_tunables_check(&c->policy, &why) < 0) {
		p->line = 0;
		p->path = "[policy]";
		parser_complain(p, "%s", why);
	}
}

int config_load(struct config **ret, const char *path, bool required, config_complain_t complain,
		void *userdata)
{
	struct parser p = { .complain = complain, .userdata = userdata };
	int r;

	p.config = calloc(1, sizeof(*p.config));
	if (!p.config)
		return -ENOMEM;
	policy_tunables_init(&p.config->policy);
	p.config->ksm_mode = KSM_MODE_REPORT;

	p.config->stop = strdup(CONFIG_STOP);
	r = p.config->stop ? load_file(&p, path, required) : -ENOMEM;
	if (r == 0)
		r = load_folder(&p, path);
	if (r == 0)
		check(&p);
	free(p.buffer);
	free(p.section);
	if (r == 0 && p.complaints)
		r = -EINVAL;
	if (r < 0) {
		config_free(p.config);
		return r;
	}
	*ret = p.config;
	return 0;
}

static void free_list(char **list, size_t n)
{
	while (n)
		free(list[--n]);
	free(list);
}

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;
	free_list(c->qmp_paths, c->n_qmp_paths);
	free_list(c->qmp_sockets, c->n_qmp_sockets);
	free(c->pve_guests);
	free(c->pve_sockets);
	free(c->pve_pools);
	free(c->libvirt_uri);
	for (size_t i = 0; i < c->n_rules; i++) {
		free(c->rules[i].pattern);
	}
	free(c->rules);
	free_list(c->files, c->n_files);
	free(c->state);
	free(c->stop);
	free(c);
	return NULL;
}

static void override(struct guest_rule *r, const struct guest_rule *later)
{
	bool set[SETTING_COUNT] = {
		[SETTING_MIN] = later->min.set,
		[SETTING_MAX] = later->max.set,
		[SETTING_SHARES] = later->shares,
	};

	if (later->min.set)
		r->min = later->min;
	if (later->max.set)
		r->max = later->max;
	if (later->shares)
		r->shares = later->shares;
	for (unsigned int i = 0; i < SETTING_COUNT; i++)
		if (set[i])
			r->from[i] = later->from[i];
	if (later->reclaim_set)
		r->reclaim = later->reclaim;
	if (*later->trust)
		memcpy(r->trust, later->trust, sizeof(r->trust));
}

/* A name as it is fits too, whatever a shell makes of its characters. */
static bool fits_name(const char *pattern, const char *name)
{
	return !strcmp(pattern, name) || fnmatch(pattern, name, 0) == 0;
}

/* In the daemon's own locale a "?" would be one byte. */
static bool fits(const struct guest_rule *r, const char *name, const char *alias)
{
	static locale_t utf8;
	locale_t before;
	bool yes;

	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	before = utf8 ? uselocale(utf8) : NULL;
	yes = fits_name(r->pattern, name) || (alias && fits_name(r->pattern, alias));
	if (before)
		uselocale(before);
	return yes;
}

bool config_names(const struct config *c, const char *name, const char *alias)
{
	for (size_t i = 0; i < c->n_rules; i++)
		if (strcmp(c->rules[i].pattern, "*") != 0 && fits(&c->rules[i], name, alias))
			return true;
	return false;
}

struct guest_limits config_guest(const struct config *c, const char *name, const char *alias,
				 uint64_t memory, const struct guest_rule *own,
				 const struct guest_rule *set)
{
	struct guest_rule r = {
		.shares = POLICY_SHARES_DEFAULT,
		.reclaim = true,
	};
	struct guest_limits limits;

	size_parse(&r.min, CONFIG_MIN_DEFAULT);
	size_parse(&r.max, "100%");
	override(&r, own);
	for (size_t i = 0; i < c->n_rules; i++)
		if (fits(&c->rules[i], name, alias))
			override(&r, &c->rules[i]);
	if (set)
		override(&r, set);
	memcpy(limits.from, r.from, sizeof(limits.from));
	limits.shares = r.shares;
	limits.reclaim = r.reclaim;
	memcpy(limits.trust, r.trust, sizeof(limits.trust));
	limits.max = MIN(size_resolve(&r.max, memory), memory);
	limits.min = size_resolve(&r.min, limits.max);
	limits.clamped = limits.min > limits.max;
	limits.min = MIN(limits.min, limits.max);
	return limits;
}
