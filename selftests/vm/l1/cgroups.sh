# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Hostile hosts, for jobs in the lab: cgroups that run into limits of their own
# while the host has plenty, and hosts with cgroup v1.

CGROUPS=/sys/fs/cgroup

# limited_group NAME BYTES: a group below the root that may have so much memory,
# and no swap.
limited_group()
{
	mkdir -p "$CGROUPS/$1" && echo 0 >"$CGROUPS/$1/memory.swap.max" &&
		echo "$2" >"$CGROUPS/$1/memory.max"
}

# in_group NAME COMMAND...
in_group()
{
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'echo 0 >"$1/cgroup.procs" || exit; shift; exec "$@"' - "$CGROUPS/$1" "${@:2}"
}

# oom_loop NAME: a container of 16 MiB whose process takes 64, is killed, and is
# started again, until somebody removes $CGROUPS/NAME (see end_group).
oom_loop()
{
	limited_group "$1" 16M || return
	while in_group "$1" true 2>/dev/null; do
		in_group "$1" dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null
		sleep 0.2
	done
}

# at_limit NAME BYTES: a container that reads twice its limit of a disk again and
# again: it reclaims and refaults all the time. Until end_group. Needs open_disk
# before.
at_limit()
{
	local twice=$((2 * $(numfmt --from=iec "$2")))
	limited_group "$1" "$2" || return
	# shellcheck disable=SC2154 # see open_disk
	while in_group "$1" head -c $twice "$cache_disk" >/dev/null 2>&1; do :; done
}

# group_event NAME EVENT: of memory.events: oom_kill, max, high ...
group_event()
{
	awk -v event="$2" '$1 == event { print $2 }' "$CGROUPS/$1/memory.events"
}

# end_group NAME: kills what is in it and removes it.
end_group()
{
	local try
	for ((try = 0; try < 100; try++)); do
		echo 1 >"$CGROUPS/$1/cgroup.kill"
		rmdir "$CGROUPS/$1" 2>/dev/null && return
		sleep 0.1
	done
	return 1
}

# The host becomes one with cgroup v1, all of it, or hybrid: the memory controller
# in v1, and a v2 tree without it. For kernels that still have v1's memory
# controller (6.1). No group may be there.
cgroup_v1()
{
	local controller
	leave_cgroup_v2 || return
	for controller in memory cpu,cpuacct cpuset; do
		mkdir -p "$CGROUPS/$controller"
		wait_until 20 mount -t cgroup -o "$controller" "$controller" "$CGROUPS/$controller" || return
	done
}

cgroup_hybrid()
{
	leave_cgroup_v2 || return
	mkdir -p "$CGROUPS"/{memory,unified}
	wait_until 20 mount -t cgroup -o memory memory "$CGROUPS/memory" &&
		mount -t cgroup2 cgroup2 "$CGROUPS/unified"
}

# Controllers are free for v1 once no v2 group has them any more.
leave_cgroup_v2()
{
	sed 's/^/-/; s/ / -/g' "$CGROUPS/cgroup.controllers" >"$CGROUPS/cgroup.subtree_control" &&
		umount "$CGROUPS" && mount -t tmpfs -o mode=755 cgroup "$CGROUPS"
}
