// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "common/util.h"
#include "dynmemd/qmp/json_reader.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool json_is_text(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = p[i];

		if ((c < ' ' && !is_blank(p[i])) || c >= 0x7f)
			return false;
	}
	return true;
}

int json_reader_feed(struct json_reader *r, const char *p, size_t len, struct json_object **ret,
		     size_t *ret_used, const char **ret_why)
{
	enum json_tokener_error e;

	*ret = NULL;
	*ret_used = 1;
	if (r->len == 0 && is_blank(*p))
		return 0;
	*ret = json_tokener_parse_ex(r->tokener, p, (int)len);
	e = json_tokener_get_error(r->tokener);
	if (e == json_tokener_continue) {
		r->len += len;
		*ret_used = len;
		return 0;
	}
	if (e != json_tokener_success) {
		*ret_why = json_tokener_error_desc(e);
		return -EBADMSG;
	}
	r->len = 0;
	*ret_used = MAX(json_tokener_get_parse_end(r->tokener), (size_t)1);
	return 1;
}

int json_reader_init(struct json_reader *r, int depth)
{
	*r = (struct json_reader){ .tokener = json_tokener_new_ex(depth) };
	if (!r->tokener)
		return -ENOMEM;
	json_tokener_set_flags(r->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	return 0;
}

void json_reader_reset(struct json_reader *r)
{
	r->len = 0;
	json_tokener_reset(r->tokener);
}

void json_reader_free(struct json_reader *r)
{
	if (r->tokener)
		json_tokener_free(r->tokener);
	r->tokener = NULL;
}
