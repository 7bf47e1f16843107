// SPDX-License-Identifier: GPL-2.0
/*
 * libdynmem against a kernel that spoils what it sends. An input is a script,
 * of one letter a step; see do_step(). Numbers in it are single bytes.
 */
#include "lib_fake_kernel.h"

#include "fuzz.h"

/* What follows in the script. */
struct script {
	const uint8_t *at, *end;
};

static unsigned int number(struct script *s)
{
	return s->at < s->end ? *s->at++ : 0;
}

/* The next so many bytes of it, as far as there are; the first says how many. */
static const uint8_t *bytes(struct script *s, size_t *ret_len)
{
	const uint8_t *start;
	size_t left;

	*ret_len = number(s);
	start = s->at;
	left = s->end - s->at;
	if (*ret_len > left)
		*ret_len = left;
	s->at += *ret_len;
	return start;
}

/*
 * Spoiling
 */

static struct {
	bool on;
	unsigned int at, value; /* a byte that is changed */
	unsigned int cut;	/* bytes that are missing at the end */
} spoil;

static int spoil_datagram(void *room, size_t size, int len)
{
	if ((size_t)len > size || !spoil.on)
		return len;
	spoil.on = false;
	if ((int)spoil.at < len)
		((uint8_t *)room)[spoil.at] = (uint8_t)spoil.value;
	return len - (int)spoil.cut > 0 ? len - (int)spoil.cut : 0;
}

/*
 * Attributes to structs, alone: the sanitizer sees each byte too far.
 */

static const struct layout *const layouts[] = {
	&dn_pressure_layout, &dn_ksm_layout,   &dn_process_layout, &dn_cgroup_layout,
	&dn_node_layout,     &dn_stall_layout, &dn_config_layout,
};

static void check_text(const struct field *f, const char *member, const struct scratch *path)
{
	const char *text;

	if (f->kind == FIELD_TEXT)
		promise(strnlen(member, f->size) < f->size);
	if (f->kind == FIELD_PATH) {
		memcpy(&text, member, sizeof(text));
		promise(!text || (text == path->data && strnlen(text, path->size) < path->size));
	}
}

static void parse(struct script *s)
{
	const struct layout *l = layouts[number(s) % (sizeof(layouts) / sizeof(*layouts))];
	size_t len;
	const uint8_t *attrs = bytes(s, &len);
	char *copy = malloc(len + 1), *ret = malloc(l->size);
	struct scratch path = { malloc(64), 64 };
	uint64_t present;

	promise(copy && ret && path.data);
	copy = realloc(copy, len ? len : 1);
	if (len)
		memcpy(copy, attrs, len);
	if (dn_parse_attrs(l, copy, (int)len, &path, ret) == 0) {
		memcpy(&present, ret, sizeof(present));
		promise(!(present & ~(2ULL * dynmem_bit(l->max) - 1)));
		for (unsigned int i = 0; i <= l->max; i++)
			check_text(&l->fields[i], ret + l->fields[i].offset, &path);
	}
	free(copy);
	free(ret);
	free(path.data);
}

/*
 * The whole library
 */

static void next_event(struct dynmem *d)
{
	struct dynmem_event ev;
	int r = dynmem_next_event(d, &ev);

	promise(r <= 1);
	if (r == 1)
		promise(ev.type >= DYNMEM_EVENT_PRESSURE && ev.type <= DYNMEM_EVENT_OVERRUN);
	if (r < 0)
		promise(*dynmem_last_error(d));
}

static int on_process(const struct dynmem_process *p, void *arg)
{
	(void)arg;
	promise(strnlen(p->comm, sizeof(p->comm)) < sizeof(p->comm));
	return 0;
}

static int on_cgroup(const struct dynmem_cgroup *c, void *arg)
{
	(void)arg;
	promise(!c->path || strlen(c->path) < 4096);
	return 0;
}

static int on_node(const struct dynmem_node *n, void *arg)
{
	(void)arg;
	return n->id == 7;
}

static int on_stall(const struct dynmem_stall *s, void *arg)
{
	(void)arg;
	promise(strnlen(s->comm, sizeof(s->comm)) < sizeof(s->comm));
	promise(!s->cgroup_path || strlen(s->cgroup_path) < 4096);
	return 0;
}

static void dump(struct dynmem *d, unsigned int what)
{
	int r = 0;

	switch (what % 4) {
	case 0:
		r = dynmem_dump_processes(d, NULL, on_process, NULL);
		break;
	case 1:
		r = dynmem_dump_cgroups(d, NULL, on_cgroup, NULL);
		break;
	case 2:
		r = dynmem_dump_nodes(d, on_node, NULL);
		break;
	case 3:
		r = dynmem_dump_stalls(d, NULL, on_stall, NULL);
		break;
	}
	promise(r <= 1);
}

static void get(struct dynmem *d, unsigned int what)
{
	struct dynmem_pressure p;
	struct dynmem_process process;
	struct dynmem_config c;
	struct dynmem_ksm k;

	switch (what % 4) {
	case 0:
		dynmem_get_pressure(d, &p);
		break;
	case 1:
		dynmem_get_ksm(d, &k);
		break;
	case 2:
		dynmem_get_config(d, &c);
		break;
	case 3:
		if (dynmem_get_process(d, 1, 0, &process) == 0)
			on_process(&process, NULL);
		break;
	}
}

/* A notification with any content, of the controller's or of the module's. */
static void notify(struct script *s, uint16_t type)
{
	unsigned int cmd = number(s);
	size_t len;
	const uint8_t *attrs = bytes(s, &len);
	struct datagram *d = queue_add(&fake.events);
	struct nlmsghdr *nlh = fake_begin(d, type, 0, 0, (uint8_t)cmd);

	memcpy((char *)nlh + nlh->nlmsg_len, attrs, len);
	nlh->nlmsg_len += (uint32_t)len;
	fake_end(d, nlh);
}

static void do_step(struct dynmem *d, struct script *s)
{
	switch (number(s)) {
	case 'L': /* the module is loaded ... */
		fake_load(30, true);
		break;
	case 'U': /* ... and unloaded */
		fake_unload(true);
		break;
	case 'u':
		fake_unload(false);
		break;
	case 's':
		dynmem_subscribe(d, number(s) % 4);
		break;
	case 'p': /* it reports pressure ... */
		fake_notify_pressure(false);
		break;
	case 'P': /* ... that is lost */
		fake_notify_pressure(true);
		break;
	case 'k': /* it reports KSM's counters */
		fake_notify_ksm(false);
		break;
	case 'o':
		fake_overrun();
		break;
	case 'N':
		notify(s, fake.family);
		break;
	case 'C':
		notify(s, GENL_ID_CTRL);
		break;
	case 'x': /* the next datagram is spoilt */
		spoil.on = true;
		spoil.at = number(s);
		spoil.value = number(s);
		spoil.cut = 0;
		break;
	case 't': /* the next datagram is too short */
		spoil.on = true;
		spoil.at = FAKE_MESSAGE_MAX;
		spoil.cut = number(s);
		break;
	case 'r': /* the next request is refused */
		fake.refuse = (int)number(s) % 128;
		fake.refuse_offset = number(s);
		fake.refuse_text = "because";
		fake.refuse_echo = number(s) & 1;
		break;
	case 'e':
		fake.entries = (int)number(s) % 8;
		break;
	case 'm': /* nothing is answered, or it is again */
		fake.mute = !fake.mute;
		break;
	case 'n':
		next_event(d);
		break;
	case 'g':
		get(d, number(s));
		break;
	case 'd':
		dump(d, number(s));
		break;
	case 'a':
		parse(s);
		break;
	default:
		break;
	}
	/* A wait moved it; the fuzzer looks at the same clock. */
	fake.clock_ms = 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, data + size };
	struct dynmem *d;

	memset(&fake, 0, sizeof(fake));
	memset(&spoil, 0, sizeof(spoil));
	fake.spoil = spoil_datagram;
	promise(dynmem_open(&d, 0) == 0);
	while (s.at < s.end) {
		do_step(d, &s);
		/* A socket holds so much; the rest was never sent. */
		if (fake.events.tail - fake.events.head > QUEUE_MAX / 2)
			fake.events.tail = fake.events.head;
		fake.answers.head = fake.answers.tail;
	}
	dynmem_close(d);
	return 0;
}
