#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a guest's kernel counts (allocation stalls, OOM kills: Linux 6.12 and
# QEMU 9.1 on) and what the daemon makes of it: a stall with much available is
# work, not lack; a stall, or a kill, after a shrink is harm, which is taken back
# and vetoes the next shrink; a container that runs into its own limit in a guest
# is nobody's lack.  Run with --kernel 6.12 --qemu 10.  TAP.
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh

MIB=$((1 << 20))
config=/etc/dynmem/dynmem.conf
watched=$LAB_DIR/watched

counter()
{
	guest stats one "$1"
}

counter_above()
{
	(($(counter "$1") > $2))
}

# What is freed for the host is taken again, until the guest gives what it could need.
pressed_below()
{
	press_host 130
	(($(guest_field one target) < $1))
}

# watch_guest COMMAND...: what the daemon says of the guest while COMMAND runs,
# and two samples longer, in $watched: pressed, code, target.
watch_guest()
{
	local watcher
	while sleep 0.3; do
		dynmem status --json | jq -r '.guests[0] | [.pressed, ."last-code", .target] | @tsv'
	done >"$watched" &
	watcher=$!
	"$@" >/dev/null 2>&1
	sleep 5
	kill $watcher
	wait $watcher 2>/dev/null
}

saw()
{
	grep -qE -- "$1" "$watched"
}

saw_never()
{
	! grep -E -- "$1" "$watched"
}

start_world()
{
	mkdir -p "${config%/*}"
	# A guest this small has much available only where little room is left for it to
	# grow, however fast it was seen to.
	{ cat selftests/vm/jobs/e2e.conf; printf '[policy]\nroom_min = 64M\nroom_max_share = 0.1\n'; } >$config
	start_bus
	mkdir -p /run/dynmem-lab/qmp
	guest start one --mem 768 --disk --stats 1 || exit 1
	start_daemon $config || exit 1
	wait_until 60 guest_is one class reporting
}

test_counters()
{
	local name
	ok "the guest reports" guest_is one class reporting
	for name in oom-kills alloc-stalls async-scans direct-scans async-reclaims direct-reclaims; do
		is "it counts $name, none so far" "$(counter $name)" 0
	done
}

test_stall_with_much_available()
{
	local before
	before=$(counter alloc-stalls)
	ask_guest -t 120 one touch 330M >/dev/null
	ask_guest -t 120 one readcache 310M >/dev/null
	sleep 5
	watch_guest ask_guest -t 120 one touch 90M
	ok "allocations have stalled, since the free lists were full of page cache" \
		wait_until 30 counter_above alloc-stalls "$before"
	ok "much was available" counter_above available-memory $((200 * MIB))
	ok "so it was no pressure" saw_never '^true'
	diag "$(counter alloc-stalls) stalls, $(($(counter available-memory) / MIB)) MiB available"
	ask_guest -t 60 one free >/dev/null
	ask_guest -t 60 one dropcache >/dev/null
}

# In the guest: a group with a limit, whose processes take more. What its agent
# starts is not killed unless it asks for it.
container_ooms()
{
	ask_guest -t 60 one sh 'mkdir -p /cg; mount -t cgroup2 none /cg; echo +memory >/cg/cgroup.subtree_control; mkdir -p /cg/box; echo 8M >/cg/box/memory.max'
	ask_guest -t 60 one sh 'for i in 1 2 3 4 5; do sh -c "echo 0 >/proc/self/oom_score_adj; echo 0 >/cg/box/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=64M count=1"; sleep 1; done'
}

test_container()
{
	local before
	before=$(counter oom-kills)
	watch_guest container_ooms
	ok "a container in the guest runs out of its own limit" wait_until 30 counter_above oom-kills "$before"
	ok "that is no pressure" saw_never '^true'
	diag "$(counter oom-kills) kills; $(sort "$watched" | uniq -c | tr '\n' ';')"
}

# All that is available but for 24 MiB: of more its own kernel would kill. The host must
# have what the guest is to be given, but not before it stalls.
grow_in_need()
{
	local growing more
	more=$(($(counter available-memory) / MIB - 24))
	ask_guest -t 120 one touch ${more}M &
	growing=$!
	wait_until 30 counter_above alloc-stalls "$1"
	release_host
	wait $growing
}

# To level low: from medium on, what the host lacks goes before what a guest was hurt by.
press_again()
{
	local n
	for n in 1 2 3 4 5 6 7 8; do
		press_host 190
		sleep 1
	done
}

# With watermarks next to each other kswapd comes too late for whoever is quick.
test_harm()
{
	local before target kills
	kills=$(counter oom-kills)
	ask_guest -t 20 one sh \
		'echo 512 >/proc/sys/vm/min_free_kbytes; echo 1 >/proc/sys/vm/watermark_scale_factor' >/dev/null
	ask_guest -t 120 one touch 100M >/dev/null
	ask_guest -t 120 one readcache 310M >/dev/null
	ok "the host is pressed until the guest is shrunk" wait_until 90 pressed_below $((480 * MIB))
	sleep 5
	target=$(guest_field one target)
	before=$(counter alloc-stalls)
	watch_guest grow_in_need "$before"
	ok "it takes what is available at once, and its allocations stall" wait_until 30 counter_above alloc-stalls "$before"
	ok "that is pressure" saw '^true'
	ok "which is harm" harmed one
	ok "it is given memory" test "$(guest_field one target)" -gt "$target"
	diag "$(sort "$watched" | uniq -c | tr '\n' ';')"
	diag "from $((target / MIB)) to $(($(guest_field one target) / MIB)) MiB; $(counter alloc-stalls) stalls, $(counter oom-kills) kills"
	watch_guest press_again
	is "nobody is killed" "$(counter oom-kills)" "$kills"
	ok "the next shrink has a veto" saw 'held-(backoff|harm|pressed)'
	diag "$(sort "$watched" | uniq -c | tr '\n' ';')"
	release_host
	ask_guest -t 60 one free >/dev/null
	ok "in the end it has all of its memory" wait_until 120 guest_is one target $((768 * MIB))
}

# More than there is: the guest's own OOM killer, with stalls on its way.
test_oom()
{
	local before
	before=$(counter oom-kills)
	watch_guest ask_guest -t 200 one touch 1200M
	ok "a guest that takes more than it has kills" wait_until 30 counter_above oom-kills "$before"
	ok "that is pressure" saw '^true'
}

start_world
test_counters
test_container
test_harm
test_stall_with_much_available
test_oom
stop_daemon
is "the daemon ends well" $? 0
guest stop --all
tap_end
