#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Real guests on a host that does what hosts do, while it has plenty: no guest
# loses memory that it uses, nobody is killed in a guest, and the host stays at
# ease.  Then one that is short: an emergency, a reservation.  TAP.
#
#   hostile.sh [THEME...]    of: containers dimm virtio_mem hugetlb cpu sleep
#                            stopped limits typo short; all without one
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
for theme in host cgroups machine guests; do
	# shellcheck source=/dev/null
	. "selftests/vm/l1/$theme.sh"
done

MIB=$((1 << 20))
config=/etc/dynmem/dynmem.conf
log=$LAB_DIR/dynmemd.log
monitor_log=$LAB_DIR/monitor.jsonl
# What the guest "web" holds; its kernel needs some on top of it.
WEB_HOLDS=200

field()
{
	dynmem status --json | jq -r --arg name "$1" --arg key "$2" \
		'.guests[] | select(.name == $name) | .[$key]'
}

host_field()
{
	dynmem status --json | jq -r --arg key "$1" '.host[$key]'
}

class_is()
{
	[[ $(field "$1" class) == "$2" ]]
}

max_is()
{
	(($(field "$1" max) == $2))
}

logged()
{
	grep -qE -- "$1" "$log"
}

# What sizes were written, and to what by whom.
commands()
{
	jq -rs 'map(select(.type == "decision" and .applied and .to < .from))
		| .[] | "\(.guest) \(.from / 1048576 | floor) -> \(.to / 1048576 | floor): \(.text // .code)"' "$monitor_log"
}

shrinks()
{
	commands | wc -l
}

# at_ease THEME: since begin, nobody lost a byte, and the host has what it needs.
begin()
{
	shrinks_before=$(shrinks)
}

at_ease()
{
	is "$1: nothing was taken from a guest" "$(shrinks)" "$shrinks_before" ||
		diag "$(commands | tail -n +$((shrinks_before + 1)))"
	is "$1: the host is at ease" "$(host_field level)" none ||
		diag "$(grep -E 'MemAvailable|SwapFree' /proc/meminfo)"
	nobody_killed "$1"
}

# Of containers' kills the kernel says "Memory cgroup out of memory".
nobody_killed()
{
	local name
	for name in web plug sleepy; do
		is "$1: nobody was killed in $name" "$(guest_oom_kills "$name")" 0
	done
	refused "$1: nor by the host" sh -c "dmesg | grep -E '(^|] )Out of memory: Killed'"
}

start_world()
{
	install -D -m 0644 selftests/vm/jobs/hostile.conf $config
	start_bus
	mkdir -p /run/dynmem-lab/qmp
	open_disk
	guest start web --mem 384
	# Movable, or its kernel does not let it go again.
	guest start plug --mem 256 "${PLUGGABLE[@]/=online/=online_movable}"
	guest start sleepy --mem 192 "${CAN_SLEEP[@]}"
	ask_guest -t 200 web touch ${WEB_HOLDS}M >/dev/null
	ask_guest -t 200 plug touch 60M >/dev/null
	start_daemon $config || return
	dynmem monitor --json >"$monitor_log" 2>/dev/null &
	monitor=$!
	wait_until 20 test -e "$monitor_log"
	ok "the guests report" wait_until 60 all_report
}

all_report()
{
	class_is web reporting && class_is plug reporting && class_is sleepy reporting
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
	ok "it may have that, too" wait_until 30 max_is plug $((384 * MIB))
	ok "and uses it" ask_guest -t 60 plug touch 100M
	sleep 5
	at_ease "a DIMM"
	ask_guest -t 60 plug free 100M >/dev/null
	guest qmp plug device_del '{"id":"dimm1"}' >/dev/null
	if wait_until 40 plug_has $((256 * MIB)); then
		ok "its max is the old one without it" wait_until 20 max_is plug $((256 * MIB))
	else
		skip "its max is the old one without it" "its kernel keeps the DIMM"
	fi
	sleep 3
	at_ease "a DIMM that goes"
	ok "it reports as before" wait_until 30 class_is plug reporting
}

plug_has()
{
	(($(guest actual plug) == $1))
}

# No balloon takes or gives it: it is no part of the range.
theme_virtio_mem()
{
	local before
	before=$(field plug max)
	begin
	ok "a guest gets memory by virtio-mem" guest_virtio_mem plug 128
	sleep 8
	is "its balloon's range is as before" "$(field plug max)" "$before"
	ok "it is not stuck" class_is plug reporting
	at_ease "virtio-mem"
	guest_virtio_mem plug 0
	sleep 8
	at_ease "virtio-mem that goes"
	ok "it still is not" class_is plug reporting
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
	ok "that is seen" wait_until 10 class_is sleepy paused
	guest_wake sleepy
	ok "it wakes" wait_until 60 ask_guest -t 5 sleepy ping
	ok "and reports again" wait_until 60 class_is sleepy reporting
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
	is "the others report" "$(field plug class)" reporting
	kill -CONT "$pid"
	ok "it reports again when it goes on" wait_until 60 class_is web reporting
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
	used=$(field web used)
	mkdir -p /etc/dynmem/dynmem.conf.d
	printf '[guest web]\nmin = 20M\nmax = 40M\n' >/etc/dynmem/dynmem.conf.d/typo.conf
	build/dynmemd --check --config $config >"$LAB_DIR/out.txt" 2>&1
	ok "a check shows what a reload would take" grep -q '^web: range 20 MiB to 40 MiB' "$LAB_DIR/out.txt" ||
		diag "$(cat "$LAB_DIR/out.txt")"
	ok "and that the guest uses more" grep -q 'more than its new max' "$LAB_DIR/out.txt"
	is "it changes nothing" "$(field web max)" $((384 * MIB))
	# shellcheck disable=SC2154 # see host.sh
	kill -HUP "$daemon_pid"
	ok "the new range is taken over" wait_until 10 max_is web $((40 * MIB))
	least=$(guest actual web)
	for ((n = 0; n < 20; n++)); do
		sleep 1
		(($(guest actual web) >= least)) || least=$(guest actual web)
	done
	ok "what it uses is not taken" test "$least" -ge "$used"
	diag "it used $((used / MIB)) MiB and had $((least / MIB)) at the least"
	ok "a reload that takes so much is warned of" logged 'is taken'
	nobody_killed "a typo"
	rm /etc/dynmem/dynmem.conf.d/typo.conf
	kill -HUP "$daemon_pid"
	ok "it gets everything back" wait_until 60 web_has $((384 * MIB)) || diag "web $(field web last-reason)"
}

web_has()
{
	(($(guest actual web) >= $1))
}

# Faster than anybody looks: what is free in guests goes, what is used stays.
theme_short()
{
	local used rss id
	ask_guest -t 60 plug free 60M >/dev/null
	used=$(field web used)
	rss=$(guest rss plug)
	begin
	press_host 60
	ok "guests give what they do not use" wait_until 40 test_shrunk
	ok "and the host has it" wait_until 60 rss_below plug $((rss - 20 * MIB))
	ok "web keeps what it uses" test "$(guest actual web)" -ge "$used"
	nobody_killed "a host that is short"
	release_host
	ok "they get it back" wait_until 90 web_has $((384 * MIB)) || diag "web $(field web last-reason)"

	dynmem reserve 64M --json >"$LAB_DIR/reserve.json" 2>&1
	ok "memory can be reserved" grep -q . "$LAB_DIR/reserve.json"
	kill -KILL "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null
	ok "a new daemon starts" start_daemon $config
	id=$(jq -r '.id // empty' "$LAB_DIR/reserve.json" 2>/dev/null)
	[[ -z $id ]] || ok "what was reserved outlives it" dynmem reserve --release "$id"
}

test_shrunk()
{
	(($(shrinks) > shrinks_before))
}

rss_below()
{
	(($(guest rss "$1") < $2))
}

start_world || exit 1
(($#)) || set -- containers dimm virtio_mem hugetlb cpu sleep stopped limits typo short
for theme; do
	[[ $(type -t "theme_$theme") == function ]] || { echo "hostile: no theme '$theme'" >&2; exit 2; }
	"theme_$theme"
done
kill "$monitor"
stop_daemon
lost=$(lost_guests)
guest stop --all
[[ -z $lost ]] || diag "lost without a word of its kernel: $lost"
tap_end
