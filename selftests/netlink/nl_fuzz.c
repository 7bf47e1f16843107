// SPDX-License-Identifier: GPL-2.0
/*
 * A netlink fuzzer: a great many messages that are right in some respects and
 * wrong in others. The kernel's log says whether it took harm; here it is
 * checked that it answers as before, and that no setting has left its range.
 *
 *	DYNMEM_FUZZ_MESSAGES	how many [1000000]
 *	DYNMEM_FUZZ_SEED	where to begin [the time]; it is printed
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "nl.h"

/* Messages in one datagram: the kernel takes any number, one by one. */
#define BATCH 8

static uint64_t state;

/* xorshift64*, by Vigna: quick, and the same everywhere for one seed. */
static uint32_t rnd(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)(state * 2685821657736338717ULL >> 32);
}

/* True one time in n. */
static bool once_in(uint32_t n)
{
	return rnd() % n == 0;
}

static uint64_t interesting(void)
{
	static const uint64_t values[] = {
		0,
		1,
		2,
		127,
		128,
		1000,
		1001,
		0x7fffffff,
		0x80000000,
		UINT32_MAX,
		1ULL << 32,
		NSEC_PER_MSEC,
		NSEC_PER_SEC,
		60 * NSEC_PER_SEC,
		3600 * NSEC_PER_SEC,
		1ULL << 50,
		INT64_MAX,
		1ULL << 63,
		UINT64_MAX,
	};

	if (once_in(3))
		return (uint64_t)rnd() << 32 | rnd();
	if (once_in(3))
		return rnd() % 4096;
	return values[rnd() % ARRAY_LEN(values)] + rnd() % 3 - 1;
}

static uint16_t any_type(void)
{
	uint16_t type = (uint16_t)(rnd() % 18);

	if (once_in(16))
		type = (uint16_t)rnd();
	if (once_in(16))
		type |= NLA_F_NESTED;
	if (once_in(32))
		type |= NLA_F_NET_BYTEORDER;
	return type;
}

/* One attribute with any payload; its length may be a lie. Return: bytes. */
static size_t put_any(char *at, size_t room, int depth)
{
	struct nlattr *nla = (struct nlattr *)at;
	size_t len = once_in(2) ? 4 : 8;
	uint64_t value = interesting();

	if (room < 64)
		return 0;
	nla->nla_type = any_type();
	if (once_in(8))
		len = rnd() % 40;
	memset(at + NLA_HDRLEN, (int)rnd(), 40);
	memcpy(at + NLA_HDRLEN, &value, sizeof(value));
	if (depth < 6 && (nla->nla_type & NLA_F_NESTED || once_in(32))) {
		len = 0;
		while (!once_in(3)) {
			size_t n =
				put_any(at + NLA_HDRLEN + len, room - NLA_HDRLEN - len, depth + 1);

			if (!n || len + n > room / 2)
				break;
			len += n;
		}
	}
	nla->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (once_in(32))
		nla->nla_len = (uint16_t)rnd();
	else if (once_in(32))
		nla->nla_len = (uint16_t)(nla->nla_len + rnd() % 9 - 4);
	return NLA_HDRLEN + NLA_ALIGN(len);
}

/* One message. Return: its bytes, aligned. */
static size_t put_message(char *at, uint16_t family, uint32_t seq)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)at;
	struct genlmsghdr *gnlh = NLMSG_DATA(nlh);
	size_t len = NLMSG_LENGTH(GENL_HDRLEN);

	memset(at, 0, len);
	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = seq;
	if (once_in(8))
		nlh->nlmsg_flags |= NLM_F_DUMP;
	if (once_in(16))
		nlh->nlmsg_flags = (uint16_t)(rnd() | NLM_F_REQUEST);
	gnlh->cmd = (uint8_t)(once_in(16) ? rnd() : 1 + rnd() % DYNMEM_CMD_MAX);
	gnlh->version = (uint8_t)(once_in(16) ? rnd() : DYNMEM_FAMILY_VERSION);
	gnlh->reserved = (uint16_t)(once_in(32) ? rnd() : 0);

	/* Most requests of most commands have one attribute or two. */
	while (!once_in(3) && len < 1024)
		len += put_any(at + len, 2048 - len, 0);
	nlh->nlmsg_len = (uint32_t)len;
	if (once_in(64))
		nlh->nlmsg_len -= rnd() % 5;
	return NLMSG_ALIGN(len);
}

/* What came back. */
static struct {
	uint64_t acks, refusals, answers, done;
} seen;

static void read_answers(struct nl *nl)
{
	static char buf[65536] __attribute__((aligned(8)));
	ssize_t got;

	while ((got = recv(mnl_socket_get_fd(nl->sk), buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int len = (int)got;

		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			const int *error = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_DONE)
				seen.done++;
			else if (nlh->nlmsg_type != NLMSG_ERROR)
				seen.answers++;
			else if (*error)
				seen.refusals++;
			else
				seen.acks++;
		}
	}
}

/* One that listens all the time, so that settings matter. */
static pid_t listener(void)
{
	static struct nl_answer a;
	pid_t pid = fork();
	struct nl nl;

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nl_open(&nl) < 0)
		_exit(1);
	join(&nl, nl.pressure_group);
	join(&nl, nl.ksm_group);
	for (;;)
		next_event(&nl, &a, 1000);
}

/* What the contract allows, in the order of the attributes. */
static const uint64_t ranges[][2] = {
	{ 0, 1ULL << 50 },
	{ 0, 1ULL << 50 },
	{ 0, 1ULL << 50 },
	{ 0, 1000 },
	{ 0, 1000 },
	{ 0, 1000 },
	{ 100 * NSEC_PER_MSEC, 60 * NSEC_PER_SEC },
	{ 0, 3600 * NSEC_PER_SEC },
	{ 0, 60 * NSEC_PER_SEC },
	{ NSEC_PER_MSEC, 60 * NSEC_PER_SEC },
	{ NSEC_PER_MSEC, 60 * NSEC_PER_SEC },
	{ 1ULL << 20, 1ULL << 44 },
	{ 0, 10 * NSEC_PER_MSEC },
	{ 10 * NSEC_PER_MSEC, 3600 * NSEC_PER_SEC },
};

static int settings_out_of_range(const struct nl_answer *a)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		uint64_t v = get(a, DYNMEM_A_CONFIG_THRESHOLD_LOW + (int)i);

		if (v < ranges[i][0] || v > ranges[i][1])
			bad++;
	}
	if (get(a, DYNMEM_A_CONFIG_SAMPLE_MIN) > get(a, DYNMEM_A_CONFIG_SAMPLE_MAX))
		bad++;
	return bad;
}

static int tests, failures;

static void check(bool passed, const char *name)
{
	failures += !passed;
	printf("%s %d %s\n", passed ? "ok" : "not ok", ++tests, name);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

int main(void)
{
	uint64_t total = number("DYNMEM_FUZZ_MESSAGES", 1000000), bad = 0;
	uint64_t seed = number("DYNMEM_FUZZ_SEED", now_ns());
	static char batch[BATCH * 4096] __attribute__((aligned(8)));
	static struct nl_answer a;
	struct nl nl, sane;
	pid_t pid;

	printf("1..5\n# seed %llu, %llu messages\n", (unsigned long long)seed,
	       (unsigned long long)total);
	state = seed | 1;
	pid = listener();
	if (nl_open(&nl) < 0 || nl_open(&sane) < 0) {
		fprintf(stderr, "fuzz: the module is not loaded\n");
		return 1;
	}
	for (uint64_t sent = 0; sent < total;) {
		size_t len = 0;

		for (int i = 0; i < BATCH; i++, sent++)
			len += put_message(batch + len, nl.family, (uint32_t)sent);
		mnl_socket_sendto(nl.sk, batch, len);
		read_answers(&nl);
		if (sent % 4096)
			continue;
		bad += ask(&sane, DYNMEM_CMD_CONFIG_GET, &a) < 0 || settings_out_of_range(&a);
		bad += ask(&sane, DYNMEM_CMD_PRESSURE_GET, &a) < 0;
		bad += ask(&sane, DYNMEM_CMD_KSM_GET, &a) < 0;
	}
	read_answers(&nl);
	printf("# %llu acknowledged, %llu refused, %llu answers, %llu dumps ended\n",
	       (unsigned long long)seen.acks, (unsigned long long)seen.refusals,
	       (unsigned long long)seen.answers, (unsigned long long)seen.done);
	/* Neither all good nor all bad: else this fuzzes nothing. */
	check(seen.acks > total / 50, "some were right");
	check(seen.refusals > total / 50, "some were wrong");
	check(seen.done > total / 1000 && seen.answers > seen.done, "some were dumps");
	check(bad == 0, "answers and settings stay sound");
	request(&sane, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	check(transact(&sane, NULL, 0) == 0 && ask(&sane, DYNMEM_CMD_PRESSURE_GET, &a) == 0,
	      "it still works");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return failures ? 1 : 0;
}
