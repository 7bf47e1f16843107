#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Real guests on a host that does what hosts do, while it has plenty: no guest
# loses memory that it uses, nobody is killed in a guest, and the host stays at
# ease.  Of a host that is short: scarce.sh.  TAP.
#
#   hostile.sh [THEME...]    of: containers dimm virtio_mem hugetlb cpu sleep
#                            stopped limits typo; all without one
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh
# shellcheck source-path=SCRIPTDIR source=../l1/cgroups.sh
. selftests/vm/l1/cgroups.sh
# shellcheck source-path=SCRIPTDIR source=../l1/machine.sh
. selftests/vm/l1/machine.sh
# shellcheck source-path=SCRIPTDIR source=../l1/guests.sh
. selftests/vm/l1/guests.sh
# shellcheck source-path=SCRIPTDIR source=../l1/world.sh
. selftests/vm/l1/world.sh

# at_ease THEME: since begin, nobody lost a byte, and the host has what it needs.
at_ease()
{
	is "$1: nothing was taken from a guest" "$(shrinks)" 0 || diag "$(commands)"
	is "$1: the host is at ease" "$(host_field level)" none ||
		diag "$(grep -E 'MemAvailable|SwapFree' /proc/meminfo)"
	nobody_killed "$1"
}

theme_containers()
{
	local loop tight
	begin
	oom_loop box &
	loop=$!
	at_limit tight 16M 2>/dev/null &
	tight=$!
	ok "a container runs out of memory again and again" wait_until 60 kills_in_box 6
	sleep 3
	at_ease "containers at their limits"
	end_group box
	end_group tight
	wait $loop $tight
}

kills_in_box()
{
	(($(group_event box oom_kill) >= $1))
}

theme_dimm()
{
	begin
	ok "a guest gets a DIMM" guest_dimm plug dimm1 128
	ok "it may have that, too" wait_until 30 guest_is plug max $((384 * MIB))
	ok "and uses it" ask_guest -t 60 plug touch 100M
	sleep 5
	at_ease "a DIMM"
	ask_guest -t 60 plug free 100M >/dev/null
	guest qmp plug device_del '{"id":"dimm1"}' >/dev/null
	if wait_until 40 plug_has "$PLUG_MAX"; then
		ok "its max is the old one without it" wait_until 20 guest_is plug max "$PLUG_MAX"
		guest qmp plug object-del '{"id":"mem-dimm1"}' >/dev/null
	else
		skip "its max is the old one without it" "its kernel keeps the DIMM"
	fi
	sleep 3
	at_ease "a DIMM that goes"
	ok "it reports as before" wait_until 30 guest_is plug class reporting
}

plug_has()
{
	(($(guest actual plug) == $1))
}

# No balloon takes or gives it: it is no part of the range.
theme_virtio_mem()
{
	local before
	before=$(guest_field plug max)
	begin
	ok "a guest gets memory by virtio-mem" guest_virtio_mem plug 128
	sleep 8
	is "its balloon's range is as before" "$(guest_field plug max)" "$before"
	ok "it is not stuck" guest_is plug class reporting
	at_ease "virtio-mem"
	guest_virtio_mem plug 0
	sleep 8
	at_ease "virtio-mem that goes"
	ok "it still is not" guest_is plug class reporting
}

theme_hugetlb()
{
	local available
	available=$(host_field available)
	begin
	ok "a pool of huge pages grows" test "$(hugetlb_pool 64)" -ge 32
	sleep 5
	ok "that is not available any more" test "$(host_field available)" -le $((available - 50 * MIB))
	at_ease "a pool of huge pages"
	hugetlb_pool 0 >/dev/null
}

theme_cpu()
{
	begin
	cpu_offline 1
	sleep 5
	at_ease "a processor that is offline"
	cpu_online 1
	sleep 2
	at_ease "and online again"
}

theme_sleep()
{
	begin
	ok "a guest sleeps (S3)" guest_sleep sleepy
	sleep 5
	ok "that is seen" wait_until 10 guest_is sleepy class paused
	guest_wake sleepy
	ok "it wakes" wait_until 60 ask_guest -t 5 sleepy ping
	ok "and reports again" wait_until 60 guest_is sleepy class reporting
	at_ease "a guest that slept"
}

# Its monitor answers nothing; the others are managed as before.
theme_stopped()
{
	local pid
	pid=$(guest pid web)
	begin
	kill -STOP "$pid"
	sleep 12
	ok "the daemon answers while a QEMU stands still" timeout 3 "$TOP/build/dynmem" status
	is "the others report" "$(guest_field plug class)" reporting
	kill -CONT "$pid"
	ok "it reports again when it goes on" wait_until 60 guest_is web class reporting
	at_ease "a QEMU that stood still"
}

# What its own cgroup makes of it is no news of the host's.
theme_limits()
{
	local group=/sys/fs/cgroup/machine.slice/web.scope
	begin
	echo $(($(cat $group/memory.current) - 24 * MIB)) >$group/memory.high
	ask_guest -t 60 web redirty >/dev/null 2>&1
	sleep 5
	ok "a guest swaps at the limit of its cgroup" test "$(group_value web memory.swap.current)" -gt 0
	at_ease "a limit of a guest's cgroup"
	echo max >$group/memory.high
}

group_value()
{
	cat "/sys/fs/cgroup/machine.slice/$1.scope/$2"
}

# 40M where 400M was meant.
theme_typo()
{
	local least used n
	used=$(guest_field web used)
	mkdir -p /etc/dynmem/dynmem.conf.d
	printf '[guest web]\nmin = 20M\nmax = 40M\n' >/etc/dynmem/dynmem.conf.d/typo.conf
	build/dynmemd --check --diff --config $config >"$LAB_DIR/out.txt" 2>&1
	ok "a check shows what a reload would take" grep -q '^web: range 20 MiB to 40 MiB' "$LAB_DIR/out.txt" ||
		diag "$(cat "$LAB_DIR/out.txt")"
	ok "and that the guest uses more" grep -q 'more than its new max' "$LAB_DIR/out.txt"
	is "it changes nothing" "$(guest_field web max)" "$WEB_MAX"
	# shellcheck disable=SC2154 # see host.sh
	kill -HUP "$daemon_pid"
	ok "the new range is taken over" wait_until 10 guest_is web max $((40 * MIB))
	least=$(guest actual web)
	for ((n = 0; n < 20; n++)); do
		sleep 1
		(($(guest actual web) >= least)) || least=$(guest actual web)
	done
	ok "it gives what it does not need" test "$least" -lt "$WEB_MAX"
	ok "what it uses is not taken" test "$least" -ge "$used"
	diag "it used $((used / MIB)) MiB and had $((least / MIB)) at the least"
	ok "a reload that takes so much is warned of" logged 'is taken'
	nobody_killed "a typo"
	rm /etc/dynmem/dynmem.conf.d/typo.conf
	kill -HUP "$daemon_pid"
	all_get_back typo
}

open_disk
start_world || exit 1
(($#)) || set -- containers dimm virtio_mem hugetlb cpu sleep stopped limits typo
run_themes "$@"
end_world
