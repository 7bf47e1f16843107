// SPDX-License-Identifier: GPL-2.0
/* Memory that stays where it is, whatever its balloon does. */
#include "dynmemd/host/pinned_memory.h"
#include "dynmemd_world.h"

static const char manage[] = "[daemon]\nmode = manage\n";

static void same_reason(const char *why, const char *expected)
{
	if (why && expected)
		assert_string_equal(why, expected);
	else
		assert_true(!why && !expected);
}

static const char *pinned(struct fake_qemu *a, const char *command, size_t len,
			  const char *counters)
{
	char path[128];
	const char *why;
	struct world w;
	FILE *f;

	open_world(&w, manage);
	snprintf(path, sizeof(path), "%s/%d/cmdline", w.folder, (int)getpid());
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(command, 1, len, f), len);
	fclose(f);
	if (counters) {
		snprintf(path, sizeof(path), "%s/%d/status", w.folder, (int)getpid());
		write_text(path, counters);
	}
	start_guest(&w, a, "a.sock");
	why = guest_pinned(find_guest(&w, "a"));
	run_for(&w, 300);
	if (why) {
		assert_int_equal(info_of(&w, "a").class, POLICY_CLASS_PINNED);
		assert_int_equal(info_of(&w, "a").exposure, 0);
		pressure(&w, POLICY_LEVEL_CRITICAL, 100);
		run_for(&w, 700);
		assert_int_equal(a->balloons, 0);
	} else {
		assert_int_not_equal(info_of(&w, "a").class, POLICY_CLASS_PINNED);
	}
	fake_stop(a, false);
	close_world(&w);
	return why;
}

/* A guest that has one more child of that type, in @list of its own. */
static void check_child(struct fake_qemu *a, const char **list, const char *type, const char *why)
{
	char entry[128];

	snprintf(entry, sizeof(entry), ", {\"name\": \"x\", \"type\": \"child<%s>\"}", type);
	*list = entry;
	same_reason(pinned(a, "", 0, NULL), why);
}

static void test_pinned_by_qom(_unused_ void **state)
{
	static const struct {
		const char *type;
		const char *why;
	} devices[] = {
		{ "vfio-pci", PINNED_VFIO },	  { "vfio-pci-nohotplug", PINNED_VFIO },
		{ "vfio-platform", PINNED_VFIO }, { "vhost-vdpa-device-pci", PINNED_VDPA },
		{ "vfio-ap", NULL },		  { "vfio-ccw", NULL },
		{ "virtio-net-pci", NULL },
	}, objects[] = {
		{ "sev-guest", PINNED_ENCRYPTED },     { "sev-snp-guest", PINNED_ENCRYPTED },
		{ "tdx-guest", PINNED_ENCRYPTED },     { "s390-pv-guest", PINNED_ENCRYPTED },
		{ "memory-backend-ram", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		struct fake_qemu a = idle_guest("a");

		check_child(&a, &a.devices, devices[i].type, devices[i].why);
	}
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		struct fake_qemu a = idle_guest("a");

		check_child(&a, &a.objects, objects[i].type, objects[i].why);
	}
}

static void test_pinned_by_sev(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");

	a.sev = true;
	same_reason(pinned(&a, "", 0, NULL), PINNED_ENCRYPTED);
}

static void test_pinned_by_counters(_unused_ void **state)
{
	static const struct {
		const char *status;
		const char *why;
	} all[] = {
		{ "VmLck:\t 1048576 kB\nVmPin:\t 0 kB\nRssAnon:\t 900000 kB\n", PINNED_LOCKED },
		{ "VmLck:\t 0 kB\nVmPin:\t 1048576 kB\nRssAnon:\t 900000 kB\n", PINNED_LOCKED },
		{ "VmLck:\t 64 kB\nVmPin:\t 64 kB\nRssAnon:\t 900000 kB\n", NULL },
		{ "RssAnon:\t 90000 kB\nRssShmem:\t 0 kB\nHugetlbPages:\t 1048576 kB\n",
		  PINNED_HUGE },
		{ "RssAnon:\t 900000 kB\nRssShmem:\t 0 kB\nHugetlbPages:\t 131072 kB\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct fake_qemu a = idle_guest("a");

		same_reason(pinned(&a, "", 0, all[i].status), all[i].why);
	}
}

static void test_pinned_by_command(_unused_ void **state)
{
	static const char command[] =
		"/usr/bin/kvm\0-device\0{\"driver\":\"vfio-pci\",\"host\":\"0000:00:02.0\"}";
	struct fake_qemu a = idle_guest("a");

	same_reason(pinned(&a, command, sizeof(command), NULL), PINNED_VFIO);
}

/* Distances of 32 NUMA nodes, and the device after them. */
static void test_pinned_by_long_command(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	static char command[1 << 17];
	size_t len = 0;

	for (int i = 0; i < 32 * 32; i++) {
		len += snprintf(command + len, sizeof(command) - len, "-numa") + 1;
		len += snprintf(command + len, sizeof(command) - len,
				"{\"type\":\"dist\",\"src\":%d,\"dst\":%d,\"val\":20}", i / 32,
				i % 32) +
		       1;
	}
	len += snprintf(command + len, sizeof(command) - len, "-device") + 1;
	len += snprintf(command + len, sizeof(command) - len, "vfio-pci,host=0000:00:02.0") + 1;
	assert_true(len > 32768);
	same_reason(pinned(&a, command, len, NULL), PINNED_VFIO);
}

static void test_args(_unused_ void **state)
{
	static const struct {
		const char *args;
		const char *why;
	} all[] = {
		{ "-set device.hostpci0.x-igd-gms=0x2 -device 'vfio-pci,host=0000:00:02.0,id=x'",
		  PINNED_VFIO },
		{ "-device vfio-pci-nohotplug,host=1:2.3", PINNED_VFIO },
		{ "--device '{\"driver\":\"vfio-pci\"}'", PINNED_VFIO },
		{ "-device vfio-ap,sysfsdev=/sys/x", NULL },
		{ "-device virtio-net-pci,id=vfio-pci", NULL },
		{ "-mem-path /dev/hugepages -mem-prealloc", PINNED_HUGE },
		{ "-mem-path /var/lib/ram", NULL },
		{ "-object memory-backend-memfd,id=m,size=1G,hugetlb=on", PINNED_HUGE },
		{ "-object memory-backend-memfd,id=m,size=1G,hugetlb=off", NULL },
		{ "-object '{\"qom-type\":\"memory-backend-memfd\",\"hugetlb\":true,\"hugetlbsize\":1}'",
		  PINNED_HUGE },
		{ "-object memory-backend-file,id=m,mem-path=/run/hugepages/kvm/1048576kB",
		  PINNED_HUGE },
		{ "-overcommit mem-lock=on", PINNED_LOCKED },
		{ "-overcommit cpu-pm=on,mem-lock=on-fault", PINNED_LOCKED },
		{ "-overcommit mem-lock=off", NULL },
		{ "-realtime mlock=on", PINNED_LOCKED },
		{ "-netdev type=vhost-vdpa,vhostdev=/dev/vhost-vdpa-0,id=n", PINNED_VDPA },
		{ "-netdev vhost-vdpa,id=n,vhostdev=/dev/vhost-vdpa-0", PINNED_VDPA },
		{ "-netdev tap,id=vhost-vdpa", NULL },
		{ "-drive file=nvme://0000:01:00.0/1,if=none", PINNED_NVME },
		{ "-blockdev '{\"driver\":\"nvme\",\"device\":\"0000:01:00.0\"}'", PINNED_NVME },
		{ "-device nvme,drive=d,serial=1", NULL },
		{ "-machine q35,confidential-guest-support=sev0", PINNED_ENCRYPTED },
		{ "-object tdx-guest,id=tdx0", PINNED_ENCRYPTED },
		{ "-overcommit mem-lock", PINNED_LOCKED },
		{ "-object memory-backend-memfd,id=m,hugetlb,size=1G", PINNED_HUGE },
		{ "-object memory-backend-memfd,hugetlb=no,id=m", NULL },
		{ "-object memory-backend-memfd,id=hugetlb,size=1G", NULL },
		{ "-object '{ \"qom-type\" : \"memory-backend-memfd\", \"hugetlb\" : true }'",
		  PINNED_HUGE },
		{ "-object '{\"qom-type\":\"memory-backend-memfd\",\"hugetlb\":false}'", NULL },
		{ "-M q35,memory-encryption=sev0", PINNED_ENCRYPTED },
		{ "-machine q35,memory-backend=ram0 -object memory-backend-ram,id=ram0,share=on,prealloc=on",
		  NULL },
		{ "-netdev '{\"type\":\"vhost-vdpa\",\"id\":\"n\"}'", PINNED_VDPA },
		{ "-device", NULL },
		{ "", NULL },
		{ "'", NULL },
		{ "-device \"vfio-pci", PINNED_VFIO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const char *why = pinned_by_args(all[i].args, strlen(all[i].args));

		if (!why != !all[i].why)
			print_error("%s: %s\n", all[i].args, why ? why : "not pinned");
		same_reason(why, all[i].why);
	}
}

/* Plugged and unplugged while it runs: by what the kernel counts. */
static void test_pinned_later(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	char path[128];
	struct world w;

	open_world(&w, manage);
	snprintf(path, sizeof(path), "%s/%d/status", w.folder, (int)getpid());
	write_text(path, "VmLck:\t 0 kB\n");
	start_guest(&w, &a, "a.sock");
	find_guest(&w, "a");
	assert_null(guest_pinned(find_guest(&w, "a")));
	write_text(path, "VmLck:\t 1048576 kB\n");
	manager_guest_pinned((struct guest *)find_guest(&w, "a"));
	same_reason(guest_pinned(find_guest(&w, "a")), PINNED_LOCKED);
	run_for(&w, 300);
	assert_int_equal(info_of(&w, "a").class, POLICY_CLASS_PINNED);
	write_text(path, "VmLck:\t 0 kB\n");
	manager_guest_pinned((struct guest *)find_guest(&w, "a"));
	run_for(&w, 300);
	assert_int_not_equal(info_of(&w, "a").class, POLICY_CLASS_PINNED);
	fake_stop(&a, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pinned_by_qom),
		cmocka_unit_test(test_pinned_by_sev),
		cmocka_unit_test(test_pinned_by_counters),
		cmocka_unit_test(test_pinned_by_command),
		cmocka_unit_test(test_pinned_by_long_command),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_pinned_later),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_pinned", tests, NULL, NULL);
}
