// SPDX-License-Identifier: GPL-2.0
/*
 * Prints the policies of the dynmem family as the running kernel reports them,
 * for check_spec --policies:
 *
 *	COMMAND do|dump ATTRIBUTE TYPE [MIN to MAX | mask N]
 */
#include "nl.h"

#define MAX 256

static int do_policy[MAX], dump_policy[MAX]; /* by command, -1 is none */

/* A policy's attributes, as text, by its index. */
static char described[MAX][64][64];

static const char *type_name(uint32_t type)
{
	switch (type) {
	case NL_ATTR_TYPE_FLAG:
		return "flag";
	case NL_ATTR_TYPE_U32:
		return "u32";
	case NL_ATTR_TYPE_BINARY:
		return "binary";
	case 17: /* NL_ATTR_TYPE_UINT, since 6.7 */
		return "uint";
	default:
		return "other";
	}
}

static void on_attribute(int policy, const struct nlattr *attribute)
{
	unsigned int type = mnl_attr_get_type(attribute);
	uint64_t min = 0, max = 0, mask = 0;
	const struct nlattr *nla;
	char *out;

	if (type >= 64)
		return;
	out = described[policy][type];
	mnl_attr_for_each_nested (nla, attribute) {
		switch (mnl_attr_get_type(nla)) {
		case NL_POLICY_TYPE_ATTR_TYPE:
			snprintf(out, 64, "%s", type_name(mnl_attr_get_u32(nla)));
			break;
		case NL_POLICY_TYPE_ATTR_MIN_VALUE_U:
			min = mnl_attr_get_u64(nla);
			break;
		case NL_POLICY_TYPE_ATTR_MAX_VALUE_U:
			max = mnl_attr_get_u64(nla);
			break;
		case NL_POLICY_TYPE_ATTR_MASK:
			mask = mnl_attr_get_u64(nla);
			break;
		}
	}
	/* A range is always sent; one that excludes nothing is none. */
	if (mask)
		snprintf(out + strlen(out), 64 - strlen(out), " mask %llu",
			 (unsigned long long)mask);
	else if (max && max != UINT64_MAX && (max != UINT32_MAX || strcmp(out, "u32")))
		snprintf(out + strlen(out), 64 - strlen(out), " %llu to %llu",
			 (unsigned long long)min, (unsigned long long)max);
}

static void on_message(const struct nl_answer *a)
{
	const struct nlattr *op, *nla, *policy;

	if (has(a, CTRL_ATTR_OP_POLICY)) {
		mnl_attr_for_each_nested (op, a->tb[CTRL_ATTR_OP_POLICY]) {
			unsigned int cmd = mnl_attr_get_type(op) % MAX;

			mnl_attr_for_each_nested (nla, op) {
				int index = (int)mnl_attr_get_u32(nla);

				if (mnl_attr_get_type(nla) == CTRL_ATTR_POLICY_DO)
					do_policy[cmd] = index;
				if (mnl_attr_get_type(nla) == CTRL_ATTR_POLICY_DUMP)
					dump_policy[cmd] = index;
			}
		}
	}
	if (has(a, CTRL_ATTR_POLICY)) {
		mnl_attr_for_each_nested (policy, a->tb[CTRL_ATTR_POLICY])
			mnl_attr_for_each_nested (nla, policy)
				on_attribute(mnl_attr_get_type(policy) % MAX, nla);
	}
}

static void print_policy(int cmd, const char *way, int policy)
{
	for (int type = 0; policy >= 0 && type < 64; type++) {
		const char *text = described[policy % MAX][type];

		/* One that refuses every attribute has types, but no kind. */
		if (*text && strcmp(text, "other"))
			printf("%d %s %d %s\n", cmd, way, type, text);
	}
}

int main(void)
{
	static struct nl_answer answers[512];
	struct nl nl;
	uint16_t family;
	int n;

	memset(do_policy, -1, sizeof(do_policy));
	memset(dump_policy, -1, sizeof(dump_policy));
	if (nl_open(&nl) < 0) {
		fprintf(stderr, "policies: the module is not loaded\n");
		return 1;
	}
	family = nl.family;
	nl.family = GENL_ID_CTRL;
	request(&nl, CTRL_CMD_GETPOLICY, NLM_F_DUMP);
	mnl_attr_put_u16(nl_request, CTRL_ATTR_FAMILY_ID, family);
	n = transact(&nl, answers, ARRAY_LEN(answers));
	if (n < 0 || n > (int)ARRAY_LEN(answers)) {
		fprintf(stderr, "policies: %d %s\n", n, nl_refusal.text);
		return 1;
	}
	for (int i = 0; i < n; i++)
		on_message(&answers[i]);
	for (int cmd = 0; cmd < MAX; cmd++) {
		print_policy(cmd, "do", do_policy[cmd]);
		print_policy(cmd, "dump", dump_policy[cmd]);
	}
	nl_close(&nl);
	return 0;
}
