// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "dynmemd/backends/libvirt/libvirt_metadata.h"
#include "dynmemd/host/pinned_memory.h"
#include "common/util.h"

/* No domain's XML is that long; a description may be of any length. */
#define TEXT_MAX (16 * MIB)

static bool is(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, name);
}

static xmlNode *child(const xmlNode *parent, const char *name)
{
	for (xmlNode *n = parent ? parent->children : NULL; n; n = n->next)
		if (is(n, name))
			return n;
	return NULL;
}

static bool has_value(xmlNode *n, const char *name, const char *value)
{
	_cleanup_(freep) xmlChar *found = lv.xmlGetNoNsProp(n, (const xmlChar *)name);

	return found && !strcmp((const char *)found, value);
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
	if (has_value(balloon, "freePageReporting", "on"))
		x->traits |= GUEST_FREE_PAGE_REPORTING;
	if (has_value(balloon, "autodeflate", "on"))
		x->traits |= GUEST_DEFLATE_ON_OOM;
}

/* In the XML of a running domain sizes are in KiB, but for those of the start. */
static uint64_t read_size(xmlNode *n)
{
	static const struct {
		const char *unit;
		uint64_t bytes;
	} units[] = {
		{ "KiB", KIB }, { "MiB", MIB }, { "GiB", GIB },
		{ "b", 1 },	{ "bytes", 1 }, { "TiB", 1024 * GIB },
	};
	_cleanup_(freep) xmlChar *text = n ? lv.xmlNodeGetContent(n) : NULL;
	uint64_t unit = KIB;

	for (size_t i = 0; n && i < ARRAY_SIZE(units); i++)
		if (has_value(n, "unit", units[i].unit))
			unit = units[i].bytes;
	return text ? MIN(strtoull((const char *)text, NULL, 10), POLICY_GUEST_BYTES_MAX / unit) *
			       unit
		    : 0;
}

/* Only DIMMs are what a balloon counts from. */
static void read_memory_device(struct libvirt_xml *x, xmlNode *memory)
{
	if (has_value(memory, "model", "dimm"))
		return;
	x->other = MIN(x->other + read_size(child(child(memory, "target"), "size")),
		       POLICY_GUEST_BYTES_MAX);
	x->virtio_mem |= has_value(memory, "model", "virtio-mem");
}

/* Of s390's adapters only what is in flight is kept in place. */
static bool is_adapter(xmlNode *n)
{
	return has_value(n, "model", "vfio-ccw") || has_value(n, "model", "vfio-ap");
}

/* A passed-through device writes wherever the guest lets it. */
static void read_devices(struct libvirt_xml *x, xmlNode *devices)
{
	for (xmlNode *n = devices->children; n; n = n->next) {
		if (is(n, "memballoon"))
			read_balloon(x, n);
		else if (is(n, "memory"))
			read_memory_device(x, n);
		else if ((is(n, "hostdev") && (has_value(n, "type", "pci") ||
					       (has_value(n, "type", "mdev") && !is_adapter(n)))) ||
			 (is(n, "interface") && has_value(n, "type", "hostdev")))
			x->pinned = PINNED_VFIO;
		else if ((is(n, "interface") && has_value(n, "type", "vdpa")) ||
			 (is(n, "disk") && has_value(n, "type", "vhostvdpa")))
			x->pinned = PINNED_VDPA;
		else if (is(n, "disk") && has_value(n, "type", "nvme"))
			x->pinned = PINNED_NVME;
	}
}

/* What somebody gave QEMU beside libvirt: <qemu:commandline>. */
static void read_arguments(struct libvirt_xml *x, const xmlNode *list)
{
	char text[8192];
	const char *why;
	size_t len = 0;

	for (xmlNode *n = list->children; n; n = n->next) {
		_cleanup_(freep) xmlChar *value = NULL;
		size_t size;

		if (!is(n, "arg"))
			continue;
		value = lv.xmlGetNoNsProp(n, (const xmlChar *)"value");
		size = value ? strlen((const char *)value) + 1 : 0;
		if (size < 2 || len + size > sizeof(text))
			continue;
		memcpy(text + len, value, size);
		len += size;
	}
	why = pinned_by_args(text, len);
	if (why)
		x->pinned = why;
}

static void read_memory(struct libvirt_xml *x, const xmlNode *backing)
{
	for (xmlNode *n = backing->children; n; n = n->next) {
		if (is(n, "hugepages"))
			x->pinned = PINNED_HUGE;
		else if (is(n, "locked"))
			x->pinned = PINNED_LOCKED;
		else if (is(n, "nosharepages"))
			x->unmergeable = "it is turned off in QEMU (merge=off)";
		else if (is(n, "access") && has_value(n, "mode", "shared"))
			x->unmergeable = "it is shared memory (share=on)";
	}
}

static int set_min(struct guest_rule *r, const char *value)
{
	return config_parse_min(&r->min, value);
}

static int set_max(struct guest_rule *r, const char *value)
{
	return config_parse_max(&r->max, value);
}

static int set_shares(struct guest_rule *r, const char *value)
{
	return config_parse_shares(&r->shares, value);
}

static int set_trust(struct guest_rule *r, const char *value)
{
	return config_parse_trust(r->trust, value);
}

static const struct {
	const char *name;
	int (*set)(struct guest_rule *r, const char *value);
	const char *allowed;
} attributes[] = {
	[SETTING_MIN] = { "min", set_min, SIZE_SYNTAX },
	[SETTING_MAX] = { "max", set_max, SIZE_SYNTAX ", above 0" },
	[SETTING_SHARES] = { "shares", set_shares, CONFIG_SHARES_SYNTAX },
	{ "trust", set_trust, CONFIG_TRUST_SYNTAX },
};

static void read_attribute(struct libvirt_xml *x, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (strcmp(attributes[i].name, name) != 0)
			continue;
		if (attributes[i].set(&x->own, value) < 0)
			snprintf(x->wrong, sizeof(x->wrong),
				 "%s=\"%.40s\" is not valid; allowed: %s", name, value,
				 attributes[i].allowed);
		else if (i <= SETTING_SHARES)
			x->own.from[i].text = "the domain's metadata";
		return;
	}
	snprintf(x->wrong, sizeof(x->wrong),
		 "unknown attribute %.40s; allowed: min, max, shares, trust", name);
}

static void read_metadata(struct libvirt_xml *x, const xmlNode *metadata)
{
	const xmlNode *n;

	for (n = metadata->children; n; n = n->next)
		if (is(n, "guest") && n->ns && !strcmp((const char *)n->ns->href, LIBVIRT_XMLNS))
			break;
	if (!n)
		return;
	for (xmlAttr *a = n->properties; a; a = a->next) {
		_cleanup_(freep) xmlChar *value = lv.xmlNodeGetContent((xmlNode *)a);

		if (value)
			read_attribute(x, (const char *)a->name, (const char *)value);
	}
}

static void read_element(struct libvirt_xml *x, xmlNode *n)
{
	if (is(n, "devices"))
		read_devices(x, n);
	else if (is(n, "memoryBacking"))
		read_memory(x, n);
	else if (is(n, "launchSecurity"))
		x->pinned = PINNED_ENCRYPTED;
	else if (is(n, "metadata"))
		read_metadata(x, n);
	else if (is(n, "commandline"))
		read_arguments(x, n);
}

int libvirt_xml_parse(struct libvirt_xml *ret, const char *text)
{
	size_t len = strlen(text);
	const xmlNode *root;
	xmlDoc *doc;
	int r = 0;

	if (len > TEXT_MAX)
		return -EINVAL;
	doc = lv.xmlReadMemory(text, (int)len, NULL, NULL,
			       XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!doc)
		return -EINVAL;
	root = lv.xmlDocGetRootElement(doc);
	if (root && is(root, "domain")) {
		*ret = (struct libvirt_xml){ 0 };
		for (xmlNode *n = root->children; n; n = n->next)
			read_element(ret, n);
	} else {
		r = -EINVAL;
	}
	lv.xmlFreeDoc(doc);
	return r;
}
