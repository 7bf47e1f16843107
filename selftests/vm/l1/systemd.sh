# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For jobs in the lab: systemd as the first process of a container. It shares the machine's
# network, since the kernel's generic netlink is there, and everything that is mounted.
#
#   unpack_root FILE             it boots from that root file system instead
#   start_systemd || exit 1      boots it; needs tap.sh and host.sh
#   in_container COMMAND...      runs a command in it

# Where another root file system is, or empty.
systemd_root=

# unpack_root FILE.TAR: in memory, with this tree and the kernel's file systems.
unpack_root()
{
	systemd_root=/mnt/root-of-suite
	mkdir -p $systemd_root && mount -t tmpfs -o mode=755,size=75% tmpfs $systemd_root &&
		tar -C $systemd_root -xpf "$1" && mkdir -p "$systemd_root$PWD" &&
		mount -t tmpfs -o mode=755 tmpfs $systemd_root/run &&
		mount --rbind /dev $systemd_root/dev && mount --rbind /sys $systemd_root/sys &&
		mount --rbind "$PWD" "$systemd_root$PWD"
}

# What a container's systemd needs not, and what other packages of this machine
# would start.
quiet_systemd()
{
	local unit
	for unit in systemd-{udevd,udev-trigger,tmpfiles-setup,tmpfiles-setup-dev,sysctl,sysusers} \
		systemd-{modules-load,random-seed,remount-fs,binfmt,logind,timesyncd,networkd}; do
		ln -sf /dev/null "$systemd_root/etc/systemd/system/$unit.service"
	done
	cat >"$systemd_root/etc/systemd/system/lab.target" <<-'END'
		[Unit]
		Requires=basic.target dbus.service systemd-journald.service
		After=basic.target
	END
}

boot_systemd()
{
	local group=/sys/fs/cgroup/container
	echo "+cpu +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $group
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'echo $$ >"$1/cgroup.procs"; exec unshare --fork --pid --mount-proc --mount --cgroup sh -c "
		if [ $2 ]; then
			mount -t proc proc $2/proc && cd $2 && pivot_root . mnt && umount -l /mnt
		fi
		umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
		exec env -i container=lab PATH=$PATH /lib/systemd/systemd --unit=lab.target --log-target=console"' \
		- $group "$systemd_root" >"$LAB_DIR/systemd.log" 2>&1 </dev/null &
	init=
	wait_until 20 find_init
}

find_init()
{
	init=$(pgrep -x -f '/lib/systemd/systemd --unit=lab.target.*' | tail -n 1)
	[[ -n $init && $(readlink "/proc/$init/ns/pid") != $(readlink /proc/self/ns/pid) ]]
}

in_container()
{
	nsenter --target "$init" --mount --pid --cgroup --ipc --uts -- "$@"
}

is_up()
{
	in_container systemctl is-active --quiet lab.target 2>/dev/null
}

start_systemd()
{
	quiet_systemd
	boot_systemd
	wait_until 120 is_up && return
	fail "systemd starts"
	diag "$(tail -n 30 "$LAB_DIR/systemd.log")"
	tap_end
	return 1
}
