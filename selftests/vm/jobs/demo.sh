#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demonstration, in the lab's host machine:
#
#   idle1, idle2   768 MiB: filled most of it; then part is page cache, part
#                  was freed again, and the host still pays for all of it; in
#                  the end they need some of it again
#   busy          1536 MiB: its demand rises in steps, stays, and falls again
#   silent         448 MiB: no balloon driver in it
#
# Ends with a table, and with status 1 if memory did not move as it should.
set -u
cd "$(dirname "$0")/../../.." || exit 1
. selftests/vm/l1/host.sh
. selftests/vm/jobs/demo-report.sh

: "${BASELINE:=}"
STEP=250 STEPS=4 PAUSE=8
out=${LAB_DIR:-/tmp}
options=()
[[ $BASELINE == fpr ]] && options=(--fpr)

say()
{
	printf '\n=== [%3d s] %s\n' $SECONDS "$*"
}

setup_host()
{
	# Fast enough that merging can be watched; on a host it takes minutes.
	echo 300 >/sys/kernel/mm/ksm/pages_to_scan
	echo 20 >/sys/kernel/mm/ksm/sleep_millisecs
	echo 1 >/sys/kernel/mm/ksm/run
	start_bus
	mkdir -p /run/dynmem-lab/qmp
}

start_guests()
{
	say "Starting four KVM guests"
	guest start idle1 --mem 768 --disk "${options[@]}" &
	guest start idle2 --mem 768 --disk "$BUILD/lab/disk2.img" "${options[@]}" &
	wait
	guest start busy --mem 1536 "${options[@]}" &
	guest start silent --mem 448 --no-driver &
	wait
	[[ $(guest list | grep -vc dead) -eq 4 ]] || { echo "demo: a guest did not start" >&2; exit 1; }
}

# What the idle guests did in their past.
fill_guests()
{
	local g
	say "The idle guests use nearly all their memory: 80 MiB alike in both, 300 MiB of their own,"
	echo "290 MiB of page cache; 260 MiB of it they free again. The silent one holds 160 MiB."
	for g in idle1 idle2; do
		ask_guest -t 300 "$g" touch 80M same >/dev/null
		ask_guest -t 300 "$g" touch 300M >/dev/null
		ask_guest -t 300 "$g" readcache 290M >/dev/null
		ask_guest -t 300 "$g" free 260M >/dev/null
	done
	ask_guest -t 300 silent touch 160M >/dev/null
	ask_guest -t 300 busy touch 60M >/dev/null
}

watch()
{
	dynmem monitor --json >"$out/monitor.jsonl" 2>/dev/null &
	log_pid=$!
	dynmem monitor --every 3 2>/dev/null &
	watch_pid=$!
}

unwatch()
{
	kill "$log_pid" "$watch_pid" 2>/dev/null
	wait "$log_pid" "$watch_pid" 2>/dev/null
}

rise()
{
	local i
	for ((i = 1; i <= STEPS; i++)); do
		say "busy needs $STEP MiB more ($i of $STEPS)"
		if ! ask_guest -t 120 busy touch "${STEP}M"; then
			echo "demo: busy could not get its memory"
			return
		fi
		sleep $PAUSE
	done
}

fall()
{
	local i g
	say "busy is done and frees it all; the idle guests need 300 MiB each"
	ask_guest -t 120 busy free "$((STEP * STEPS))M" || true
	sleep $PAUSE
	for i in 1 2 3; do
		for g in idle1 idle2; do
			ask_guest -t 120 $g touch 100M || true
		done
		sleep $PAUSE
	done
	sleep 15
}

control()
{
	[[ -z $BASELINE ]] || return 0
	say "Starting dynmemd, which finds them as they are"
	start_daemon selftests/vm/jobs/demo.conf || exit 1
	dynmem status
}

main()
{
	setup_host
	start_guests
	fill_guests
	report_take before
	control
	watch
	rise
	report_take pressed
	fall
	report_take after
	unwatch
	stop_daemon
	report_print
	report_verdict
	verdict=$?
	guest stop --all
	exit $verdict
}

main
