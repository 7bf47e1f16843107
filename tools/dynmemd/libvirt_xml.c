// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/libvirt_api.h"
#include "dynmemd/libvirt_xml.h"
#include "dynmemd/util.h"

/* No domain's XML is that long; a description may be of any length. */
#define TEXT_MAX (16 * MIB)

static bool is(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE &&
	       !strcmp((const char *)n->name, name);
}

static xmlNode *child(const xmlNode *parent, const char *name)
{
	for (xmlNode *n = parent ? parent->children : NULL; n; n = n->next)
		if (is(n, name))
			return n;
	return NULL;
}

static void read_balloon(struct libvirt_xml *x, xmlNode *balloon)
{
	_cleanup_(freep) xmlChar *model = NULL;
	_cleanup_(freep) xmlChar *period = NULL;
	xmlNode *stats = child(balloon, "stats");

	model = lv.xmlGetNoNsProp(balloon, (const xmlChar *)"model");
	x->has_balloon = model && !strncmp((const char *)model, "virtio", 6);
	if (stats)
		period = lv.xmlGetNoNsProp(stats, (const xmlChar *)"period");
	if (period)
		x->period = strtoul((const char *)period, NULL, 10);
}

static int set_min(struct guest_rule *r, const char *value)
{
	return size_parse(&r->min, value);
}

static int set_max(struct guest_rule *r, const char *value)
{
	return config_parse_max(&r->max, value);
}

static int set_shares(struct guest_rule *r, const char *value)
{
	return config_parse_shares(&r->shares, value);
}

static const struct {
	const char *name;
	int (*set)(struct guest_rule *r, const char *value);
	const char *allowed;
} attributes[] = {
	{ "min", set_min, SIZE_SYNTAX },
	{ "max", set_max, SIZE_SYNTAX ", above 0" },
	{ "shares", set_shares, CONFIG_SHARES_SYNTAX },
};

static void read_attribute(struct libvirt_xml *x, const char *name,
			   const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (strcmp(attributes[i].name, name) != 0)
			continue;
		if (attributes[i].set(&x->own, value) < 0)
			snprintf(x->wrong, sizeof(x->wrong),
				 "%s=\"%.40s\" is not valid; allowed: %s", name,
				 value, attributes[i].allowed);
		return;
	}
	snprintf(x->wrong, sizeof(x->wrong),
		 "unknown attribute %.40s; allowed: min, max, shares", name);
}

static void read_metadata(struct libvirt_xml *x, const xmlNode *metadata)
{
	const xmlNode *n;

	for (n = metadata->children; n; n = n->next)
		if (is(n, "guest") && n->ns &&
		    !strcmp((const char *)n->ns->href, LIBVIRT_XMLNS))
			break;
	if (!n)
		return;
	for (xmlAttr *a = n->properties; a; a = a->next) {
		_cleanup_(freep) xmlChar *value =
			lv.xmlNodeGetContent((xmlNode *)a);

		if (value)
			read_attribute(x, (const char *)a->name,
				       (const char *)value);
	}
}

int libvirt_xml_parse(struct libvirt_xml *ret, const char *text)
{
	size_t len = strlen(text);
	const xmlNode *root, *metadata;
	xmlNode *balloon;
	xmlDoc *doc;
	int r = 0;

	if (len > TEXT_MAX)
		return -EINVAL;
	doc = lv.xmlReadMemory(text, (int)len, NULL, NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR |
				    XML_PARSE_NOWARNING);
	if (!doc)
		return -EINVAL;
	root = lv.xmlDocGetRootElement(doc);
	if (root && is(root, "domain")) {
		*ret = (struct libvirt_xml){ 0 };
		balloon = child(child(root, "devices"), "memballoon");
		if (balloon)
			read_balloon(ret, balloon);
		metadata = child(root, "metadata");
		if (metadata)
			read_metadata(ret, metadata);
	} else {
		r = -EINVAL;
	}
	lv.xmlFreeDoc(doc);
	return r;
}
