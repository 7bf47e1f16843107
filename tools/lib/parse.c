// SPDX-License-Identifier: LGPL-2.1-or-later
/* Attributes to structs and back. */
#include <errno.h>
#include <string.h>

#include <netlink/attr.h>

#include "internal.h"

/*
 * libnl's accessors are functions of another library. Called half a dozen times
 * for each attribute of a long dump they cost more than all the rest of it.
 */
static inline unsigned int attr_type(const struct nlattr *nla)
{
	return nla->nla_type & NLA_TYPE_MASK;
}

static inline int attr_len(const struct nlattr *nla)
{
	return nla->nla_len - NLA_HDRLEN;
}

static inline const void *attr_data(const struct nlattr *nla)
{
	return (const char *)nla + NLA_HDRLEN;
}

static inline bool attr_ok(const struct nlattr *nla, int rest)
{
	return rest >= NLA_HDRLEN && nla->nla_len >= NLA_HDRLEN && nla->nla_len <= rest;
}

static inline const struct nlattr *attr_next(const struct nlattr *nla, int *rest)
{
	int len = NLA_ALIGN(nla->nla_len);

	*rest -= len;
	return (const struct nlattr *)((const char *)nla + len);
}

/* Integers travel in 4 or 8 bytes, and aligned to 4 only. */
static int read_uint(const struct nlattr *nla, uint64_t *ret)
{
	uint32_t u32;

	switch (attr_len(nla)) {
	case sizeof(uint32_t):
		memcpy(&u32, attr_data(nla), sizeof(u32));
		*ret = u32;
		return 0;
	case sizeof(uint64_t):
		memcpy(ret, attr_data(nla), sizeof(*ret));
		return 0;
	default:
		return -EBADMSG;
	}
}

static int read_sint(const struct nlattr *nla, int64_t *ret)
{
	int32_t s32;

	switch (attr_len(nla)) {
	case sizeof(int32_t):
		memcpy(&s32, attr_data(nla), sizeof(s32));
		*ret = s32;
		return 0;
	case sizeof(int64_t):
		memcpy(ret, attr_data(nla), sizeof(*ret));
		return 0;
	default:
		return -EBADMSG;
	}
}

static int store_uint(const struct field *f, uint64_t value, char *member)
{
	uint32_t u32 = value;

	if (f->size == sizeof(value)) {
		memcpy(member, &value, sizeof(value));
		return 0;
	}
	if (u32 != value)
		return -EBADMSG;
	memcpy(member, &u32, sizeof(u32));
	return 0;
}

/* The kernel sends strings with and without their terminating zero. */
static int store_path(const struct nlattr *nla, struct scratch *path, char *member)
{
	size_t len = strnlen(attr_data(nla), attr_len(nla));
	const char *data;

	if (!path || len >= path->size)
		return -EBADMSG;
	memcpy(path->data, attr_data(nla), len);
	path->data[len] = '\0';
	data = path->data;
	memcpy(member, &data, sizeof(data));
	return 0;
}

static int parse_attr(const struct field *f, const struct nlattr *nla, struct scratch *path,
		      char *member)
{
	const uint32_t one = 1;
	uint64_t uint;
	int64_t sint;
	size_t len;
	int r;

	switch ((enum field_kind)f->kind) {
	case FIELD_UINT:
		r = read_uint(nla, &uint);
		return r < 0 ? r : store_uint(f, uint, member);
	case FIELD_SINT:
		r = read_sint(nla, &sint);
		if (r == 0)
			memcpy(member, &sint, sizeof(sint));
		return r;
	case FIELD_FLAG:
		if (attr_len(nla) != 0)
			return -EBADMSG;
		memcpy(member, &one, f->size);
		return 0;
	case FIELD_TEXT:
		/* *member was zeroed, and its last byte stays so. */
		len = strnlen(attr_data(nla), attr_len(nla));
		memcpy(member, attr_data(nla), len < f->size ? len : f->size - 1U);
		return 0;
	case FIELD_PATH:
		return store_path(nla, path, member);
	case FIELD_HEAD:
		return dn_parse_attrs(&dn_head_layout, attr_data(nla), attr_len(nla), NULL, member);
	case FIELD_NONE:
		break;
	}
	return 0;
}

/**
 * dn_parse_attrs() - attributes to a struct
 * @layout: of the struct
 * @attrs: the first attribute
 * @len: bytes of them
 * @path: where to put a FIELD_PATH; NULL if @layout has none
 * @ret: the struct; what was absent is zero in it. Undefined on failure.
 *
 * Attributes that the layout does not know are skipped: kernels newer than we
 * are have them.
 *
 * Return: 0, or -EBADMSG if an attribute has a length that it cannot have.
 */
int dn_parse_attrs(const struct layout *layout, const void *attrs, int len, struct scratch *path,
		   void *ret)
{
	const struct nlattr *nla = attrs;
	uint64_t present = 0;
	int r;

	memset(ret, 0, layout->size);
	for (; attr_ok(nla, len); nla = attr_next(nla, &len)) {
		unsigned int type = attr_type(nla);
		const struct field *f;

		if (type > layout->max)
			continue;
		f = &layout->fields[type];
		if (f->kind == FIELD_NONE)
			continue;
		r = parse_attr(f, nla, path, (char *)ret + f->offset);
		if (r < 0)
			return r;
		present |= dynmem_bit(type);
	}
	/* Something follows that is no attribute, or cut off. */
	if (len > 0)
		return -EBADMSG;

	memcpy(ret, &present, sizeof(present));
	return 0;
}

/**
 * dn_parse_message() - a whole generic netlink message to a struct
 * @layout: of the struct
 * @nlh: the message, complete as far as nlmsg_ok() knows
 * @path: where to put a FIELD_PATH; NULL if @layout has none
 * @ret: the struct; undefined on failure
 *
 * Return: 0 or -EBADMSG.
 */
int dn_parse_message(const struct layout *layout, const struct nlmsghdr *nlh, struct scratch *path,
		     void *ret)
{
	if (!genlmsg_valid_hdr((struct nlmsghdr *)nlh, 0))
		return -EBADMSG;
	return dn_parse_attrs(layout, nlmsg_attrdata(nlh, GENL_HDRLEN),
			      nlmsg_attrlen(nlh, GENL_HDRLEN), path, ret);
}

/**
 * dn_put_attrs() - a struct to attributes
 * @layout: of the struct, without FIELD_TEXT and FIELD_PATH
 * @msg: where to append them
 * @data: the struct; its present says which
 *
 * Return: 0, -EINVAL (a bit of present is no attribute), -EMSGSIZE.
 */
int dn_put_attrs(const struct layout *layout, struct nl_msg *msg, const void *data)
{
	uint64_t present, u64;
	uint32_t u32;
	int r;

	memcpy(&present, data, sizeof(present));
	for (unsigned int type = 0; present >> type; type++) {
		const struct field *f;
		const char *member;

		if (!dynmem_has(present, type))
			continue;
		if (type > layout->max)
			return -EINVAL;

		f = &layout->fields[type];
		member = (const char *)data + f->offset;
		if (f->kind == FIELD_FLAG) {
			r = nla_put_flag(msg, type);
		} else if (f->kind != FIELD_UINT) {
			return -EINVAL;
		} else if (f->size == sizeof(u32)) {
			memcpy(&u32, member, sizeof(u32));
			r = nla_put_u32(msg, type, u32);
		} else {
			memcpy(&u64, member, sizeof(u64));
			r = nla_put_u64(msg, type, u64);
		}
		if (r < 0)
			return -EMSGSIZE;
	}
	return 0;
}
