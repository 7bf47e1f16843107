#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The lab tests itself, inside: is this a host machine, do its guests live, and
# do they do what a test asks for? TAP.

set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. ./tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. ./l1/host.sh

MIB=$((1 << 20))
KSM=/sys/kernel/mm/ksm

at_least() {
	(($1 >= $2))
}

at_most() {
	(($1 <= $2))
}

# field NAME LINE: the value of NAME=VALUE in an answer of the agent.
field() {
	sed -nE "s/.*\b$1=([0-9]+).*/\1/p" <<<"$2"
}

# near VALUE WANTED: within 8 MiB, in bytes.
near() {
	(($1 >= $2 - 8 * MIB && $1 <= $2 + 8 * MIB))
}

check_host() {
	ok "pressure stall information is on" grep -q some /proc/pressure/memory
	ok "there is swap" grep -q zram /proc/swaps
	ok "cgroup v2 has its controllers" grep -qw memory /sys/fs/cgroup/cgroup.subtree_control
	ok "tracefs is mounted" test -e /sys/kernel/tracing/events/vmscan
	ok "debugfs is mounted" test -e /sys/kernel/debug/tracing
	ok "KVM works" test -c /dev/kvm
	ok "the root can be written to, in memory" touch /etc/written-in-the-lab
	ok "what is written to /out stays" sh -c 'echo "from the lab" >/out/from-the-lab'
}

actual_near() {
	near "$(guest actual "$1")" "$2"
}

merging() {
	at_least "$(cat $KSM/pages_sharing)" "$1"
}

has_stats() {
	at_least "$(guest stats "$1" last-update)" 1 && at_least "$(guest stats "$1" free-memory)" 1
}

# All threads of its QEMU, which has its processors' by now.
off_first_cpu() {
	local status
	for status in "/proc/$(guest pid "$1")"/task/*/status; do
		! grep -qE '^Cpus_allowed_list:[[:space:]]*0' "$status" || return 1
	done
}

check_start() {
	local start=$SECONDS
	guest start one --mem 384 --stats 1 --disk &
	guest start two --mem 384 --stats 1 --reboot &
	wait
	diag "two guests up after $((SECONDS - start)) s"
	ok "guest one is up" ask_guest one ping
	ok "guest two is up" ask_guest two ping
	is "both are listed" "$(guest list | grep -cv dead)" 2
	ok "each has a monitor for the daemon" test -S /run/dynmem-lab/qmp/one.sock -a -S /run/dynmem-lab/qmp/two.sock
	is "each runs in a cgroup of its own" \
		"$(cat "/proc/$(guest pid one)/cgroup")" "0::/machine.slice/one.scope"
	ok "none runs on the first processor" off_first_cpu one
	refused "a second guest of the same name is refused" guest start one
	refused "a guest that isn't there is no guest" ask_guest three ping
	refused "an unknown option is refused" guest start three --no-such-option
}

check_agent() {
	local before after answer
	before=$(guest rss one)
	answer=$(ask_guest one touch 100M)
	is "it holds what it was asked to" "$(field held "$answer")" $((100 * MIB))
	after=$(guest rss one)
	ok "and the host pays for it" at_least $((after - before)) $((60 * MIB))
	diag "$((before / MIB)) MiB before, $((after / MIB)) MiB after"
	answer=$(ask_guest one readcache 64M)
	is "it reads the disk" "$(field read "$answer")" $((64 * MIB))
	answer=$(ask_guest one meminfo)
	ok "and keeps that in its page cache" at_least "$(field buffers "$answer")" $((63 * MIB))
	ok "the page cache can be dropped" ask_guest one dropcache
	answer=$(ask_guest one meminfo)
	ok "and is gone then" at_most "$(field buffers "$answer")" $((4 * MIB))
	answer=$(ask_guest one free 60M)
	is "it frees part of what it held" "$(field held "$answer")" $((40 * MIB))
	answer=$(ask_guest one free)
	is "and all of it" "$(field held "$answer")" 0
	refused "what is no size is refused" ask_guest one touch much
	refused "an unknown command is refused" ask_guest one jump
	is "and says so" "$(ask_guest one jump 2>&1)" "unknown command 'jump'"
}

check_balloon() {
	local before after
	ok "statistics arrive" wait_until 15 has_stats one
	ask_guest one touch 200M >/dev/null
	ask_guest one free >/dev/null
	before=$(guest rss one)
	ok "the balloon is set to leave 200 MiB" guest balloon one 200M
	ok "and does" wait_until 60 actual_near one $((200 * MIB))
	after=$(guest rss one)
	ok "the host has the memory back" at_least $((before - after)) $((80 * MIB))
	diag "$((before / MIB)) MiB before, $((after / MIB)) MiB after"
	guest balloon one 384M
	ok "the balloon gives it all back" wait_until 60 actual_near one $((384 * MIB))
	ok "its driver can be taken out" ask_guest one rmmod virtio_balloon
	guest balloon one 200M
	sleep 2
	ok "then it is deaf" actual_near one $((384 * MIB))
	ok "and put back" ask_guest one insmod virtio_balloon
	ok "then it obeys" wait_until 60 actual_near one $((200 * MIB))
	guest balloon one 384M
	refused "the monitor refuses what QEMU doesn't know" guest qmp one no-such-command
}

check_ksm() {
	local before
	ask_guest one touch 80M same >/dev/null
	ask_guest two touch 80M same >/dev/null
	before=$(cat $KSM/pages_sharing)
	echo 20000 >$KSM/pages_to_scan
	echo 1 >$KSM/run
	# 80 MiB alike in two guests: 20,480 pages, each saved once.
	ok "KSM merges what is alike in both" wait_until 90 merging $((before + 16000))
	diag "$(cat $KSM/pages_shared) pages shared by $(cat $KSM/pages_sharing) more"
	# Pages broken loose are merged again, but for their new contents.
	echo 0 >$KSM/run
	ask_guest two free >/dev/null
	ask_guest one free >/dev/null
}

no_qemu() {
	! pgrep qemu-system >/dev/null
}

one_is_dead() {
	guest list | grep -q '^one .*dead'
}

check_trouble() {
	local before
	is "no out of memory in guest one yet" "$(ask_guest one oom-count)" oom_kill=0
	refused "a guest that takes more than it has runs out" ask_guest -t 120 one touch 600M
	is "and counts that" "$(ask_guest one oom-count)" oom_kill=1
	ok "but lives on" ask_guest one touch 10M

	before=$(guest pid two)
	ok "guest two reboots" ask_guest two reboot
	sleep 3
	ok "and is up again" ask_guest -t 90 two ping
	is "in the same QEMU" "$(guest pid two)" "$before"

	# An answer that came too late isn't taken for another's.
	refused "an answer that takes too long is not waited for" ask_guest -t 1 two sh "sleep 4"
	is "the next question gets its own answer" "$(ask_guest two vmstat oom_kill)" oom_kill=0

	kill -KILL "$(guest pid one)"
	ok "a guest that died is seen" wait_until 10 one_is_dead
	ok "and how it ended" sh -c "./guest list | grep -q '^one .*dead: QEMU was killed by signal 9 (KILL)'"
	refused "it does nothing any more" ask_guest one ping
	ok "and its end is reported to who asks" sh -c "./guest do one ping 2>&1 | grep -q 'is dead: QEMU was killed'"
	ok "its end is kept for the lab" grep -q '^one: QEMU was killed by signal 9 (KILL)' "$LAB_DIR/ended"
	ok "all guests can be ended" guest stop --all
	ok "none is left" wait_until 10 no_qemu
	is "those that were stopped did not end by themselves" "$(grep -c . "$LAB_DIR/ended")" 1
}

main() {
	check_host
	check_start
	check_agent
	check_balloon
	check_ksm
	check_trouble
	tap_end
}

main
