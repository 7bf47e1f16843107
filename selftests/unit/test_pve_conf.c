// SPDX-License-Identifier: GPL-2.0
/* Files of /etc/pve/qemu-server, as Proxmox VE and people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynmemd/backends/pve/pve_conf.h"
#include "dynmemd/backends/pve/pve_pools.h"
#include "common/util.h"

static struct pve_conf parse(const char *text)
{
	/* Not a string: reading past its end is found by the sanitizer. */
	size_t len = strlen(text);
	char *exact = malloc(len ? len : 1);
	struct pve_conf c;

	memcpy(exact, text, len);
	memset(&c, 0xff, sizeof(c));
	pve_conf_parse(&c, exact, len);
	free(exact);
	return c;
}

static void test_typical(_unused_ void **state)
{
	struct pve_conf c =
		parse("#Mail relay%3A do not touch\n"
		      "#balloon: 0\n"
		      "agent: 1\n"
		      "balloon: 1024\n"
		      "boot: order=scsi0;ide2;net0\n"
		      "cores: 4\n"
		      "cpu: x86-64-v2-AES\n"
		      "ide2: local:iso/debian-12.5.0-amd64-netinst.iso,media=cdrom,size=629M\n"
		      "memory: 4096\n"
		      "meta: creation-qemu=8.1.5,ctime=1712345678\n"
		      "name: mail.example.org\n"
		      "net0: virtio=BC:24:11:4E:0A:6C,bridge=vmbr0,firewall=1\n"
		      "numa: 0\n"
		      "ostype: l26\n"
		      "scsi0: local-zfs:vm-101-disk-0,iothread=1,size=32G\n"
		      "scsihw: virtio-scsi-single\n"
		      "shares: 2000\n"
		      "smbios1: uuid=9f3c9c52-58a8-4a7e-a2b6-0c1f4a1d1c1f\n"
		      "sockets: 1\n"
		      "vmgenid: 4f9f0f0e-5bb4-4e0a-9a77-5a0c9d3e2b11\n");

	assert_string_equal(c.name, "mail.example.org");
	assert_int_equal(c.memory, 4096 * MIB);
	assert_int_equal(c.balloon, 1024 * MIB);
	assert_int_equal(c.shares, 2000);
	assert_false(c.no_balloon);
	assert_false(c.migrating);
	assert_null(c.pinned);
	assert_true(c.whole);
	assert_int_equal(c.bad_line, 0);
}

static void test_nothing(_unused_ void **state)
{
	struct pve_conf c = parse("");

	assert_false(c.whole);
	assert_string_equal(c.name, "");
	assert_int_equal(c.memory, 512 * MIB);
	assert_int_equal(c.balloon, 0);
	assert_int_equal(c.shares, 1000);
	assert_false(c.no_balloon);
	assert_true(parse("\n").whole);
}

/* What was and what will be says nothing of what is. */
static void test_sections(_unused_ void **state)
{
	static const char *const sections[] = {
		"[PENDING]\n",		 "[pending]  \n",	 "[before_upgrade]\n",
		"[special:cloudinit]\n", "[special:fleecing]\n", "[x y]\n",
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		struct pve_conf c;

		snprintf(
			text, sizeof(text),
			"memory: 2048\nname: a\n\n%sballoon: 0\nshares: 0\nmemory: 8192\nname: b\nlock: migrate\nhostpci0: 01:00\n[again]\nshares: 0\n",
			sections[i]);
		c = parse(text);
		assert_string_equal(c.name, "a");
		assert_int_equal(c.memory, 2048 * MIB);
		assert_int_equal(c.shares, 1000);
		assert_false(c.no_balloon);
		assert_false(c.migrating);
		assert_null(c.pinned);
	}
	/* A bracket in a line makes no section of it. */
	assert_int_equal(parse("args: [x]\n[a] b\nshares: 0\n").shares, 0);
}

static void test_memory(_unused_ void **state)
{
	static const struct {
		const char *text;
		unsigned int mib; /* 0: not valid */
	} rows[] = {
		{ "memory: 16\n", 16 },
		{ "memory:\t2048 \r\n", 2048 },
		{ "memory: current=4096\n", 4096 },
		{ "memory: max=65536,current=4096\n", 4096 },
		{ "memory: 4096,max=65536\n", 4096 },
		{ "memory: 2048\nmemory: 1024\n", 1024 },
		{ "memory: 0\n", 0 },
		{ "memory: -1\n", 0 },
		{ "memory: 4G\n", 0 },
		{ "memory: current=\n", 0 },
		{ "memory: ,\n", 0 },
		{ "memory: max=4096\n", 0 },
		{ "memory: max=4096,\n", 0 },
		{ "memory: 99999999999999999999\n", 0 },
		{ "memory: 99999999999999999999999999999999999999\n", 0 },
		{ "memory: 18446744073709551615\n", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pve_conf c = parse(rows[i].text);

		if (rows[i].mib) {
			assert_int_equal(c.memory, rows[i].mib * MIB);
			assert_int_equal(c.bad_line, 0);
			continue;
		}
		assert_int_equal(c.memory, 512 * MIB);
		assert_int_equal(c.bad_line, 1);
		assert_string_equal(c.bad_key, "memory");
	}
}

static void test_hand_over(_unused_ void **state)
{
	struct pve_conf c = parse("balloon: 0\nshares: 0\n");

	assert_true(c.no_balloon);
	assert_int_equal(c.balloon, 0);
	assert_int_equal(c.shares, 0);

	c = parse("balloon: 512\n\nballoon: x\nshares: 50001\nshares: 3 0\n");
	assert_int_equal(c.balloon, 512 * MIB);
	assert_int_equal(c.shares, 1000);
	assert_int_equal(c.bad_line, 3);
	assert_string_equal(c.bad_key, "balloon");

	/* Keys that only look like them. */
	c = parse(" shares: 0\nShares: 0\nshares0: 0\nxshares: 0\nshares 0\nshares:\n: 0\n");
	assert_int_equal(c.shares, 1000);
	assert_int_equal(c.bad_line, 0);
}

static void test_states(_unused_ void **state)
{
	assert_true(parse("lock: migrate\n").migrating);
	assert_false(parse("lock: backup\n").migrating);
	assert_non_null(parse("hostpci0: 0000:01:00,pcie=1\n").pinned);
	assert_non_null(parse("hostpci15: mapping=gpu\n").pinned);
	assert_null(parse("hostpci: x\n").pinned);
	assert_null(parse("hostpcix: x\n").pinned);
	assert_non_null(parse("hugepages: 1024\n").pinned);
	assert_non_null(parse("amd-sev: type=std\n").pinned);
	assert_non_null(parse("intel-tdx: type=tdx\n").pinned);
}

/* Cut off at any place it is a smaller file, known to be not whole. */
static void test_half_written(_unused_ void **state)
{
	static const char text[] =
		"balloon: 2048\nmemory: 4096\nname: web\nshares: 0\n[s]\nshares: 5\n";
	struct pve_conf c;

	for (size_t n = 0; n < sizeof(text); n++) {
		char *cut = malloc(n + 1);

		memcpy(cut, text, n);
		pve_conf_parse(&c, cut, n);
		assert_int_equal(c.whole, n && cut[n - 1] == '\n');
		free(cut);
	}
}

static void test_hostile(_unused_ void **state)
{
	static const char zeros[] = "name: a\0b\nmemory: 1\0\n\0shares: 0\n";
	char *big = malloc(1 << 20);
	struct pve_conf c;

	pve_conf_parse(&c, zeros, sizeof(zeros) - 1);
	assert_string_equal(c.name, "");
	assert_int_equal(c.memory, 512 * MIB);
	assert_int_equal(c.shares, 1000);
	assert_int_equal(c.bad_line, 1);

	c = parse("name: \x1b[2J\xff\n");
	assert_string_equal(c.name, "\\x1b[2J\\xff");

	memset(big, 'a', 1 << 20);
	memcpy(big, "name: ", 6);
	pve_conf_parse(&c, big, 1 << 20);
	assert_string_equal(c.name, "");
	memset(big, ':', 1 << 20);
	pve_conf_parse(&c, big, 1 << 20);
	memset(big, '[', 1 << 20);
	pve_conf_parse(&c, big, 1 << 20);
	assert_int_equal(c.shares, 1000);
	free(big);
}

static void test_trust(_unused_ void **state)
{
	struct pve_conf a = parse("tags: web;trust-acme;x\n"), b = parse("tags: web\n");

	assert_string_equal(a.trust, "acme");
	assert_string_equal(b.trust, "");
	assert_false(pve_conf_equal(&a, &b));
	assert_string_equal(parse("tags: trust-a.b,web\n").trust, "a.b");
	assert_string_equal(parse("tags: trust-\n").trust, "");
	a = parse("tags: trust-"
		  "0123456789012345678901234567890123456789012345678901234567890123\n");
	assert_string_equal(a.trust, "");
	assert_string_equal(a.bad_key, "tags");
}

static const char *pool_of(const char *text, unsigned int vmid)
{
	static char name[CONFIG_TRUST_MAX];

	pve_pool_of(text, vmid, name);
	return name;
}

/* As Proxmox VE writes it. */
static void test_pools(_unused_ void **state)
{
	static const char text[] =
		"user:root@pam:1:0:::a@b::x:\n\ngroup:admins:root@pam::\n\n"
		"pool:acme:ACME %3A one:101,102:local,nfs:\npool:acme/web::1103:101:\n"
		"pool:empty::::\npool:short\npool:none:104\n"
		"pool:"
		"0123456789012345678901234567890123456789012345678901234567890123"
		"::105::\npool:a b::106::\n\nrole:101:VM.Audit:\n\nacl:1:/vms/107:root@pam:101:\n";

	assert_string_equal(pool_of(text, 101), "acme");
	assert_string_equal(pool_of(text, 102), "acme");
	assert_string_equal(pool_of(text, 1103), "acme/web");
	assert_string_equal(pool_of(text, 103), "");
	assert_string_equal(pool_of(text, 10), "");
	assert_string_equal(pool_of(text, 104), "");
	assert_string_equal(pool_of(text, 107), "");
	assert_string_equal(pool_of("", 101), "");
	assert_string_equal(pool_of("pool:x::101", 101), "x");
	/* Where it is not known whose it is, it is not said to be somebody's. */
	assert_string_equal(pool_of(text, 105), "vmid-105");
	assert_string_equal(pool_of(text, 106), "vmid-106");
	assert_string_equal(pool_of(NULL, 101), "vmid-101");
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_typical),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_half_written),
		cmocka_unit_test(test_hostile),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("pve_conf", tests, NULL, NULL);
}
