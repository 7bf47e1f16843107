// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands with one answer. */
#include <errno.h>
#include <string.h>

#include <netlink/attr.h>

#include "internal.h"

/* Where an answer goes, and whether it came. */
struct answer {
	const struct layout *layout;
	void *data;
	bool there;
};

static int on_answer(struct dynmem *d, const struct nlmsghdr *nlh, void *arg)
{
	struct answer *a = arg;
	int r;

	(void)d;
	r = dn_parse_message(a->layout, nlh, NULL, a->data);
	a->there = r == 0;
	return r;
}

/* Sends d->request; the one answer is parsed into data. */
static int get(struct dynmem *d, const struct layout *layout, void *data)
{
	struct answer a = { .layout = layout, .data = data };
	int r;

	r = dn_request_run(d, on_answer, &a);
	if (r < 0)
		return r;
	return a.there ? 0 : dn_fail(d, -EBADMSG, NULL);
}

_public_ int dynmem_get_pressure(struct dynmem *d, struct dynmem_pressure *ret)
{
	struct dynmem_pressure pressure;
	int r;

	r = dn_request_build(d, DYNMEM_CMD_PRESSURE_GET, NLM_F_ACK);
	if (r == 0)
		r = get(d, &dn_pressure_layout, &pressure);
	if (r == 0)
		*ret = pressure;
	return r;
}

_public_ int dynmem_get_ksm(struct dynmem *d, struct dynmem_ksm *ret)
{
	struct dynmem_ksm ksm;
	int r;

	r = dn_request_build(d, DYNMEM_CMD_KSM_GET, NLM_F_ACK);
	if (r == 0)
		r = get(d, &dn_ksm_layout, &ksm);
	if (r == 0)
		*ret = ksm;
	return r;
}

_public_ int dynmem_get_config(struct dynmem *d, struct dynmem_config *ret)
{
	struct dynmem_config config;
	int r;

	r = dn_request_build(d, DYNMEM_CMD_CONFIG_GET, NLM_F_ACK);
	if (r == 0)
		r = get(d, &dn_config_layout, &config);
	if (r == 0)
		*ret = config;
	return r;
}

static int on_unexpected(struct dynmem *d, const struct nlmsghdr *nlh, void *arg)
{
	(void)d;
	(void)nlh;
	(void)arg;
	return -EBADMSG;
}

_public_ int dynmem_set_config(struct dynmem *d, const struct dynmem_config *config)
{
	int r;

	if (!config->present)
		return dn_fail(d, -EINVAL, "no setting given: set bits of config.present");
	r = dn_request_build(d, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	if (r < 0)
		return r;
	r = dn_put_attrs(&dn_config_layout, d->request, config);
	if (r < 0)
		return dn_fail(d, r, "a bit of config.present is no DYNMEM_A_CONFIG_...");
	return dn_request_run(d, on_unexpected, NULL);
}

_public_ int dynmem_get_process(struct dynmem *d, uint32_t pid, uint32_t fields,
				struct dynmem_process *ret)
{
	struct dynmem_process process;
	int r;

	r = dn_request_build(d, DYNMEM_CMD_PROCESS_GET, NLM_F_ACK);
	if (r < 0)
		return r;
	if (nla_put_u32(d->request, DYNMEM_A_PROCESS_PID, pid) < 0 ||
	    (fields && nla_put_u32(d->request, DYNMEM_A_PROCESS_FIELDS, fields) < 0))
		return dn_fail(d, -ENOMEM, NULL);
	r = get(d, &dn_process_layout, &process);
	if (r == 0)
		*ret = process;
	return r;
}

_public_ int dynmem_get_node(struct dynmem *d, uint32_t id, struct dynmem_node *ret)
{
	struct dynmem_node node;
	int r;

	r = dn_request_build(d, DYNMEM_CMD_NODE_GET, NLM_F_ACK);
	if (r < 0)
		return r;
	if (nla_put_u32(d->request, DYNMEM_A_NODE_ID, id) < 0)
		return dn_fail(d, -ENOMEM, NULL);
	r = get(d, &dn_node_layout, &node);
	if (r == 0)
		*ret = node;
	return r;
}
