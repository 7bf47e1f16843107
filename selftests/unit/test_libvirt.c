// SPDX-License-Identifier: GPL-2.0
/* What the backend libvirt makes of a domain's XML, statistics and process. */
#include "dynmemd/backends/libvirt/libvirt_calls.h"
#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "dynmemd/backends/libvirt/libvirt_private.h"
#include "dynmemd/host/pinned_memory.h"
#include "dynmemd_world.h"

#define BALLOON "<devices><memballoon model='virtio'><stats period='5'/></memballoon></devices>"

static struct libvirt_xml parsed(const char *inside)
{
	struct libvirt_xml x;
	char *text;

	assert_true(asprintf(&text, "<domain type='kvm'>%s</domain>", inside) > 0);
	assert_int_equal(libvirt_xml_parse(&x, text), 0);
	free(text);
	return x;
}

/* Of an element dynmem:guest with these attributes. */
static struct libvirt_xml with_metadata(const char *attributes)
{
	char text[512];

	snprintf(
		text, sizeof(text),
		"<metadata><o:os xmlns:o='urn:other' min='7G'/><d:guest xmlns:d='urn:dynmem:guest:1' %s/></metadata>" BALLOON,
		attributes);
	return parsed(text);
}

static void test_balloon(_unused_ void **state)
{
	struct libvirt_xml x = parsed(BALLOON);

	assert_true(x.has_balloon);
	assert_int_equal(x.period, 5);
	assert_false(x.own.min.set || x.own.max.set || x.own.shares);
	assert_string_equal(x.wrong, "");

	x = parsed("<devices><memballoon model='virtio-non-transitional'/></devices>");
	assert_true(x.has_balloon);
	assert_int_equal(x.period, 0);
	assert_false(parsed("<devices><memballoon model='none'/></devices>").has_balloon);
	assert_false(parsed("<devices><memballoon model='xen'/></devices>").has_balloon);
	assert_false(parsed("<devices/>").has_balloon);
	assert_false(parsed("<memballoon model='virtio'/>").has_balloon);
}

/* What becomes of its memory on the host. */
static void test_memory(_unused_ void **state)
{
	struct libvirt_xml x = parsed(BALLOON);

	assert_null(x.pinned);
	assert_null(x.unmergeable);
	assert_int_equal(x.traits, 0);
	x = parsed(
		"<devices><memballoon model='virtio' autodeflate='on' freePageReporting='on'/></devices>");
	assert_int_equal(x.traits, GUEST_FREE_PAGE_REPORTING | GUEST_DEFLATE_ON_OOM);
	x = parsed(
		"<devices><memballoon model='virtio' autodeflate='off' freePageReporting='off'/></devices>");
	assert_int_equal(x.traits, 0);
	x = parsed("<devices><hostdev mode='subsystem' type='pci'/></devices>");
	assert_string_equal(x.pinned, PINNED_VFIO);
	x = parsed("<devices><interface type='hostdev'/></devices>");
	assert_string_equal(x.pinned, PINNED_VFIO);
	x = parsed(
		"<devices><hostdev mode='subsystem' type='usb'/><interface type='bridge'/></devices>");
	assert_null(x.pinned);
	x = parsed("<memoryBacking><hugepages/></memoryBacking>");
	assert_string_equal(x.pinned, "its memory is in reserved huge pages");
	x = parsed("<memoryBacking><locked/><nosharepages/></memoryBacking>");
	assert_string_equal(x.pinned, "its memory is locked");
	assert_string_equal(x.unmergeable, "it is turned off in QEMU (merge=off)");
	x = parsed("<memoryBacking><access mode='shared'/></memoryBacking>");
	assert_string_equal(x.unmergeable, "it is shared memory (share=on)");
	assert_string_equal(parsed("<launchSecurity type='sev'/>").pinned,
			    "its memory is encrypted");
}

static void test_metadata(_unused_ void **state)
{
	struct libvirt_xml x;

	x = with_metadata("min='2G' max='75%' shares='2000'");
	assert_string_equal(x.wrong, "");
	assert_true(x.own.min.set && !x.own.min.relative);
	assert_int_equal(x.own.min.value, 2 * GIB);
	assert_true(x.own.max.set && x.own.max.relative);
	assert_int_equal(size_resolve(&x.own.max, 4 * GIB), 3 * GIB);
	assert_int_equal(x.own.shares, 2000);

	x = with_metadata("trust='acme'");
	assert_string_equal(x.own.trust, "acme");

	x = with_metadata("shares='1'");
	assert_false(x.own.min.set || x.own.max.set);
	assert_int_equal(x.own.shares, 1);

	/* Another namespace, or none, is not ours. */
	x = parsed(
		"<metadata><guest min='2G'/><guest xmlns='urn:dynmem:guest:2' min='2G'/></metadata>");
	assert_false(x.own.min.set);
	/* Nor is the same element elsewhere. */
	x = parsed("<guest xmlns='urn:dynmem:guest:1' min='2G'/>");
	assert_false(x.own.min.set);
}

/* What is wrong is reported and left out; the rest counts. */
static void test_bad_metadata(_unused_ void **state)
{
	static const struct {
		const char *attributes, *wrong;
	} bad[] = {
		{ "min='lots'", "min=\"lots\" is not valid; allowed: " SIZE_SYNTAX },
		{ "min='-1'", "min=\"-1\" is not valid; allowed: " SIZE_SYNTAX },
		{ "min='101%'", "min=\"101%\" is not valid; allowed: " SIZE_SYNTAX },
		{ "max='0'", "max=\"0\" is not valid; allowed: " SIZE_SYNTAX ", above 0" },
		{ "shares='0'", "shares=\"0\" is not valid; allowed: 1 to 1000000" },
		{ "shares='1000001'", "shares=\"1000001\" is not valid; allowed: 1 to 1000000" },
		{ "shares=''", "shares=\"\" is not valid; allowed: 1 to 1000000" },
		{ "weight='1'", "unknown attribute weight; allowed: min, max, shares, trust" },
		{ "trust='a b'",
		  "trust=\"a b\" is not valid; allowed: up to 63 letters, digits and any of -_.+@/" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct libvirt_xml x = with_metadata(bad[i].attributes);

		assert_string_equal(x.wrong, bad[i].wrong);
		assert_false(x.own.min.set || x.own.max.set || x.own.shares);
		assert_true(x.has_balloon);
	}
	assert_int_equal(with_metadata("min='lots' shares='3'").own.shares, 3);
}

static void test_no_domain(_unused_ void **state)
{
	static const char *const texts[] = {
		"",	      "<domain>",
		"<network/>", "<domain/><domain/>",
		"\xff\xfe",   "<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
	};
	struct libvirt_xml x;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(libvirt_xml_parse(&x, texts[i]), -EINVAL);
}

static void test_stats(_unused_ void **state)
{
	/* As libvirt reports them for a guest of 256 MiB. */
	static const virDomainMemoryStatStruct stats[] = {
		{ VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON, 163840 },
		{ VIR_DOMAIN_MEMORY_STAT_SWAP_IN, 4 },
		{ VIR_DOMAIN_MEMORY_STAT_SWAP_OUT, 8 },
		{ VIR_DOMAIN_MEMORY_STAT_MAJOR_FAULT, 17 },
		{ VIR_DOMAIN_MEMORY_STAT_MINOR_FAULT, 9489 },
		{ VIR_DOMAIN_MEMORY_STAT_UNUSED, 111412 },
		{ VIR_DOMAIN_MEMORY_STAT_AVAILABLE, 139200 },
		{ VIR_DOMAIN_MEMORY_STAT_USABLE, 114580 },
		{ VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE, 1795514734 },
		{ VIR_DOMAIN_MEMORY_STAT_DISK_CACHES, 3292 },
		{ VIR_DOMAIN_MEMORY_STAT_HUGETLB_PGFAIL, 3 },
		{ VIR_DOMAIN_MEMORY_STAT_RSS, 229440 },
		{ 4711, 1 },
	};
	static const virDomainMemoryStatStruct huge[] = {
		{ VIR_DOMAIN_MEMORY_STAT_AVAILABLE, UINT64_MAX },
		{ VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON, UINT64_MAX },
	};
	struct libvirt_stats s;

	libvirt_stats_convert(&s, stats, ARRAY_SIZE(stats));
	assert_int_equal(s.sample.stat_actual, 160 * MIB);
	assert_int_equal(s.sample.last_update, 1795514734);
	assert_int_equal(s.sample.total, 139200 * KIB);
	assert_int_equal(s.sample.available, 114580 * KIB);
	assert_int_equal(s.sample.free, 111412 * KIB);
	assert_int_equal(s.sample.disk_caches, 3292 * KIB);
	assert_int_equal(s.sample.swap_in, 4 * KIB);
	assert_int_equal(s.sample.swap_out, 8 * KIB);
	assert_int_equal(s.sample.major_faults, 17);
	assert_int_equal(s.sample.present, GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
						   GUEST_HAS_FREE | GUEST_HAS_DISK_CACHES |
						   GUEST_HAS_SWAP_IN | GUEST_HAS_SWAP_OUT |
						   GUEST_HAS_MAJOR_FAULTS | GUEST_HAS_MINOR_FAULTS |
						   GUEST_HAS_HUGE_FAILS);
	assert_int_equal(s.sample.minor_faults, 9489);
	assert_int_equal(s.sample.huge_fails, 3);
	assert_int_equal(s.rss, 229440 * KIB);

	/* A guest without a driver: nothing but these. */
	libvirt_stats_convert(&s, stats, 1);
	assert_int_equal(s.sample.present, GUEST_HAS_STAT_ACTUAL);
	assert_int_equal(s.sample.stat_actual, 160 * MIB);

	libvirt_stats_convert(&s, huge, ARRAY_SIZE(huge));
	assert_int_equal(s.sample.present, GUEST_HAS_STAT_ACTUAL);
	assert_int_equal(s.sample.stat_actual, POLICY_GUEST_BYTES_MAX);
}

static void write_bytes(const char *folder, const char *name, const char *bytes, size_t len)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* A pid file is believed if the process is that domain's. */
static void test_pid(_unused_ void **state)
{
	static const char uuid[] = "6d41644a-1282-4ec6-a50c-ac09a7f5d439";
	static const char line[] =
		"qemu\0-name\0guest=a\0-uuid\0006d41644a-1282-4ec6-a50c-ac09a7f5d439\0-S";
	static const char other[] =
		"qemu\0-name\0006d41644a-1282-4ec6-a50c-ac09a7f5d439\0-uuid\0007d41644a-1282-4ec6-a50c-ac09a7f5d439";
	static const char cut[] = "qemu\0-uuid";
	static char far[40000];
	char folder[] = "/tmp/dynmem-libvirt-XXXXXX", path[64], command[64];

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/4711", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(libvirt_find_pid(folder, folder, "a", uuid), 0);

	write_bytes(folder, "a.pid", "4711", 4);
	assert_int_equal(libvirt_find_pid(folder, folder, "a", uuid), 0);
	write_bytes(path, "cmdline", line, sizeof(line));
	assert_int_equal(libvirt_find_pid(folder, folder, "a", uuid), 4711);
	assert_int_equal(libvirt_find_pid(folder, folder, "b", uuid), 0);
	write_bytes(path, "cmdline", other, sizeof(other));
	assert_int_equal(libvirt_find_pid(folder, folder, "a", uuid), 0);
	memset(far, 'x', sizeof(far));
	far[100] = 0;
	memcpy(far + sizeof(far) - sizeof(line), line, sizeof(line));
	far[sizeof(far) - sizeof(line) - 1] = 0;
	write_bytes(path, "cmdline", far, sizeof(far));
	assert_int_equal(libvirt_find_pid(folder, folder, "a", uuid), 4711);
	write_bytes(path, "cmdline", cut, sizeof(cut));
	assert_int_equal(libvirt_find_pid(folder, folder, "a", uuid), 0);
	write_bytes(path, "cmdline", line, sizeof(line));
	write_bytes(folder, "a.pid", "-1", 2);
	assert_int_equal(libvirt_find_pid(folder, folder, "a", uuid), 0);

	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static int setup(_unused_ void **state)
{
	const char *why;

	if (libvirt_api_load(&why) == 0)
		return 0;
	print_error("%s\n", why);
	return -1;
}

/* Only DIMMs are what the balloon counts from. */
static void test_memory_devices(_unused_ void **state)
{
	static const char dimm[] =
		"<memory model='dimm'><target><size unit='KiB'>1048576</size></target></memory>";
	static const char nvdimm[] =
		"<memory model='nvdimm'><target><size unit='KiB'>262144</size></target></memory>";
	static const char virtio[] =
		"<memory model='virtio-mem'><target><size unit='GiB'>12</size><current unit='KiB'>0</current></target></memory>";
	char text[1024];
	struct libvirt_xml x;

	snprintf(text, sizeof(text), "<devices>%s</devices>", dimm);
	x = parsed(text);
	assert_int_equal(x.other, 0);
	snprintf(text, sizeof(text), "<devices>%s%s</devices>", dimm, nvdimm);
	x = parsed(text);
	assert_int_equal(x.other, 256 * MIB);
	assert_false(x.virtio_mem);
	snprintf(text, sizeof(text), "<devices>%s%s%s</devices>", dimm, nvdimm, virtio);
	x = parsed(text);
	assert_int_equal(x.other, 256 * MIB + 12 * GIB);
	assert_true(x.virtio_mem);
	x = parsed("<devices><memory/><memory model='nvdimm'><target/></memory></devices>");
	assert_int_equal(x.other, 0);
	x = parsed(
		"<devices><memory model='nvdimm'><target><size>99999999999999999999</size></target></memory></devices>");
	assert_true(x.other <= POLICY_GUEST_BYTES_MAX);
}

static void same_reason(const char *why, const char *expected)
{
	if (why && expected)
		assert_string_equal(why, expected);
	else
		assert_true(!why && !expected);
}

static void test_pinned(_unused_ void **state)
{
	static const struct {
		const char *xml;
		const char *why;
	} all[] = {
		{ "<devices><hostdev type='pci'/></devices>", PINNED_VFIO },
		{ "<devices><hostdev type='mdev' model='vfio-pci'/></devices>", PINNED_VFIO },
		{ "<devices><hostdev type='mdev' model='vfio-ap'/></devices>", NULL },
		{ "<devices><hostdev type='mdev' model='vfio-ccw'/></devices>", NULL },
		{ "<devices><hostdev type='usb'/></devices>", NULL },
		{ "<devices><interface type='vdpa'/></devices>", PINNED_VDPA },
		{ "<devices><disk type='nvme'/></devices>", PINNED_NVME },
		{ "<devices><disk type='file'/></devices>", NULL },
		{ "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
		  "<qemu:arg value='-device'/><qemu:arg value='vfio-pci,host=00:02.0'/></qemu:commandline>",
		  PINNED_VFIO },
		{ "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
		  "<qemu:arg value='-overcommit'/><qemu:arg value='mem-lock=on'/></qemu:commandline>",
		  PINNED_LOCKED },
		{ "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
		  "<qemu:arg value='-device'/><qemu:arg/><qemu:env name='x'/></qemu:commandline>",
		  NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct libvirt_xml x = parsed(all[i].xml);

		if (!x.pinned != !all[i].why)
			print_error("%s\n", all[i].xml);
		same_reason(x.pinned, all[i].why);
	}
}

/* A size of its balloon that libvirt leaves out is one that is not known: nothing is set. */
static void test_no_size(_unused_ void **state)
{
	char uri[] = "qemu:///system";
	struct libvirt_domain d = { .id = 1, .name = "a", .memory = GIB, .xml.has_balloon = true };
	struct libvirt_news n = { .answered = true };
	struct libvirt_backend b = { .uri = uri };
	const struct guest *g;
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	b.manager = w.manager;
	libvirt_guest_found(&b, &d);
	g = manager_find(w.manager, "a");
	assert_non_null(g);
	assert_int_equal(g->actual, GIB);
	libvirt_guest_stats(LIST_FIRST(&b.guests), &n);
	assert_int_equal(g->actual, GIB);
	libvirt_guest_resized(LIST_FIRST(&b.guests), GIB / 2);
	assert_int_equal(g->actual, GIB / 2);
	libvirt_guest_found(&b, &d);
	libvirt_guest_stats(LIST_FIRST(&b.guests), &n);
	assert_int_equal(g->actual, GIB / 2);
	/* Or it grows, and how its balloon is is not known. */
	d.memory = 2 * GIB;
	libvirt_guest_found(&b, &d);
	assert_int_equal(g->actual, GIB / 2);
	libvirt_guest_free(LIST_FIRST(&b.guests), NULL);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_balloon),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_devices),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_bad_metadata),
		cmocka_unit_test(test_no_domain),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_pid),
		cmocka_unit_test(test_no_size),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("libvirt", tests, setup, NULL);
}
