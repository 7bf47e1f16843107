#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The hostile hosts and guests of l1/{cgroups,machine,guests}.sh, each tried once:
# does it do to the host what it says?  TAP.
#
#   toolbox.sh host      with --numa 2 --smp 4 --maxmem 3072
#   toolbox.sh guests
#   toolbox.sh legacy    cgroup v1 and no PSI: with --kernel 6.1 --cmdline psi=0
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
for theme in host cgroups machine guests; do
	# shellcheck source=/dev/null
	. "selftests/vm/l1/$theme.sh"
done

MIB=$((1 << 20))

vmstat()
{
	awk -v key="$1" '$1 == key { print $2 }' /proc/vmstat
}

event_above()
{
	(($(group_event "$1" "$2") > $3))
}

meminfo()
{
	awk -v key="$1:" '$1 == key { print $2 * 1024 }' /proc/meminfo
}

node_has()
{
	awk -v node="$1" '$3 == "MemFree:" { print $4 * 1024 }' "/sys/devices/system/node/node$1/meminfo"
}

check_cgroups()
{
	local loop before
	before=$(meminfo MemAvailable)
	oom_loop box &
	loop=$!
	ok "a container runs out of memory again and again" wait_until 30 event_above box oom_kill 2
	ok "while the host has as much as before" test $((before - $(meminfo MemAvailable))) -lt $((100 * MIB))
	ok "it can be ended" end_group box
	wait $loop

	before=$(vmstat workingset_refault_file)
	at_limit tight 16M 2>/dev/null &
	loop=$!
	ok "a container is at its limit" wait_until 30 event_above tight max 50
	ok "and refaults" wait_until 30 refaults_above "$before"
	is "nobody is killed for it" "$(group_event tight oom_kill)" 0
	ok "it can be ended, too" end_group tight
	wait $loop
}

refaults_above()
{
	(($(vmstat workingset_refault_file) > $1))
}

check_cpus()
{
	cpu_offline 1
	is "a processor goes" "$(cat /sys/devices/system/cpu/offline)" 1
	cpu_online 1
	is "and comes" "$(cat /sys/devices/system/cpu/offline)" ""
}

check_memory()
{
	local before
	before=$(meminfo MemTotal)
	ok "a DIMM is plugged into the host" plug_memory dimm1 256
	ok "which has its memory" test $(($(meminfo MemTotal) - before)) -gt $((200 * MIB))
	ok "it is unplugged" unplug_memory dimm1 256
	ok "and the memory is gone" test "$(meminfo MemTotal)" -le $((before + 8 * MIB))
}

check_hugetlb()
{
	local before
	before=$(meminfo MemFree)
	is "a pool of huge pages grows" "$(hugetlb_pool 64)" 64
	ok "at the cost of free memory" test $((before - $(meminfo MemFree))) -gt $((100 * MIB))
	is "and shrinks" "$(hugetlb_pool 0)" 0
}

check_nodes()
{
	local node0 node1
	node0=$(node_has 0) node1=$(node_has 1)
	on_node 1 sh -c 'head -c 64M /dev/zero >/dev/shm/node1'
	ok "what is bound to a node takes its memory there" test $((node1 - $(node_has 1))) -gt $((48 * MIB))
	ok "and not elsewhere" test $((node0 - $(node_has 0))) -lt $((32 * MIB))
	rm /dev/shm/node1
}

check_cache()
{
	local before
	echo 1 >/proc/sys/vm/drop_caches
	before=$(meminfo Buffers)
	ok "a disk is read" fill_cache
	ok "and is page cache now" test $(($(meminfo Buffers) - before)) -gt $((200 * MIB))
}

total_near()
{
	local total
	total=$(guest_total "$1")
	((total > $2 - 40 * MIB && total < $2 + 40 * MIB))
}

check_plugged()
{
	local total
	guest start plugged --mem 384 "${PLUGGABLE[@]}"
	total=$(guest_total plugged)
	ok "a guest gets a DIMM" guest_dimm plugged dimm1 128
	ok "and uses it" wait_until 30 total_near plugged $((total + 128 * MIB))
	ok "it gets memory by virtio-mem" guest_virtio_mem plugged 128
	ok "and uses that" wait_until 30 total_near plugged $((total + 256 * MIB))
	guest_virtio_mem plugged 0
	ok "which can be taken away" wait_until 60 total_near plugged $((total + 128 * MIB))
	diag "$((total / MIB)) MiB at first, $(($(guest_total plugged) / MIB)) in the end"
	guest stop plugged
}

check_two_backends()
{
	guest start two --mem 256 "${SECOND_BACKEND[@]}"
	ok "a guest has two memory backends" \
		test "$(guest qmp two query-memory-devices | jq length)" -eq 1
	# Its kernel takes more than 100 MiB of the first for itself.
	ok "and uses both" test "$(guest_total two)" -gt $((200 * MIB))
	guest stop two
}

check_sleep()
{
	guest start sleepy --mem 256 "${CAN_SLEEP[@]}"
	ok "a guest sleeps (S3)" guest_sleep sleepy
	refused "it answers no more" ask_guest -t 3 sleepy ping
	ok "it is woken" guest_wake sleepy
	ok "and answers" wait_until 60 ask_guest -t 5 sleepy ping
	guest stop sleepy
}

# tenths COMMAND...: of a second that it takes.
tenths()
{
	local begin=${EPOCHREALTIME/./}
	"$@" >/dev/null 2>&1
	echo $(((${EPOCHREALTIME/./} - begin) / 100000))
}

check_slow_monitor()
{
	local slow
	guest start lame --mem 256
	slow_monitor /run/dynmem-lab/slow.sock 2 lame &
	slow=$!
	wait_until 10 test -S /run/dynmem-lab/slow.sock
	ok "a monitor takes its time" test \
		"$(tenths "$BUILD/lab/bin/qmp" /run/dynmem-lab/slow.sock query-status)" -ge 40
	is "but answers" "$("$BUILD/lab/bin/qmp" -g /status /run/dynmem-lab/slow.sock query-status)" running
	kill $slow
	guest stop lame
}

check_legacy()
{
	ok "PSI is off" psi_off
	ok "the host becomes one with cgroup v1" cgroup_v1
	ok "with its memory controller" test -e /sys/fs/cgroup/memory/memory.limit_in_bytes
	umount /sys/fs/cgroup/* && umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
	ok "or a hybrid one" wait_until 20 cgroup_hybrid
	ok "with v1's memory controller" test -e /sys/fs/cgroup/memory/memory.limit_in_bytes
	refused "and a v2 tree without it" grep -qw memory /sys/fs/cgroup/unified/cgroup.controllers
}

case ${1:-} in
host)
	ok "there is a disk for page cache" test -r "$BUILD/lab/disk.img"
	open_disk
	check_cgroups
	check_cpus
	check_memory
	check_hugetlb
	check_nodes
	check_cache
	;;
guests)
	check_plugged
	check_two_backends
	check_sleep
	check_slow_monitor
	;;
legacy) check_legacy ;;
*)
	sed -n '4,9s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
tap_end
