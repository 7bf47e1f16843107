# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Hostile hosts, for jobs in the lab: processors and memory that come and go,
# pools of huge pages, nodes, page cache, PSI.

cpu_offline()
{
	echo 0 >"/sys/devices/system/cpu/cpu$1/online"
}

cpu_online()
{
	echo 1 >"/sys/devices/system/cpu/cpu$1/online"
}

# machine_monitor COMMAND...: of the QEMU that this machine runs in (HMP), for
# machines that `lab --maxmem` started. It prints no answer.
machine_monitor()
{
	local name
	for name in /sys/class/virtio-ports/*/name; do
		[[ $(cat "$name") != lab.monitor ]] || {
			name=${name%/name}
			printf '%s\n' "$*" >"/dev/${name##*/}"
			return
		}
	done
	echo "this machine has no monitor: start it with --maxmem" >&2
	return 1
}

host_blocks()
{
	grep -lx "$1" /sys/devices/system/memory/memory*/state 2>/dev/null
}

online_bytes()
{
	echo $(($(host_blocks online | wc -l) * 0x$(cat /sys/devices/system/memory/block_size_bytes)))
}

# plug_memory NAME MIB [NODE]: the host gets a DIMM, whose memory is movable so
# that it can go again.
plug_memory()
{
	local before=$(($(online_bytes) + $2 * 1048576))
	echo online_movable >/sys/devices/system/memory/auto_online_blocks
	machine_monitor object_add "memory-backend-ram,id=mem-$1,size=${2}M" &&
		machine_monitor device_add "pc-dimm,id=$1,memdev=mem-$1,node=${3:-0}" &&
		wait_until 20 has_online $before
}

# unplug_memory NAME MIB: the kernel migrates what is in it.
unplug_memory()
{
	local after=$(($(online_bytes) - $2 * 1048576))
	machine_monitor device_del "$1" && wait_until 60 has_online $after
}

has_online()
{
	(($(online_bytes) == $1))
}

# hugetlb_pool PAGES: of 2 MiB; prints how many there are then.
hugetlb_pool()
{
	local pool=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	echo "$1" >$pool
	cat $pool
}

# on_node NODE COMMAND...: its memory comes from that node alone.
on_node()
{
	local group=/sys/fs/cgroup/node$1
	mkdir -p "$group" && echo "$1" >"$group/cpuset.mems" || return
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'echo 0 >"$1/cgroup.procs" || exit; shift; exec "$@"' - "$group" "${@:2}"
}

# open_disk: a disk to fill page cache from, the lab's (320 MiB): $cache_disk. What
# is cached goes when nobody has it open any more, so it is, as long as this shell is.
open_disk()
{
	modprobe loop && cache_disk=$(losetup -rf --show "$BUILD/lab/disk.img") && exec 9<"$cache_disk"
}

fill_cache()
{
	cat "$cache_disk" >/dev/null
}

# psi_off: true on a host that was started with --cmdline psi=0.
psi_off()
{
	! cat /proc/pressure/memory >/dev/null 2>&1
}
