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
# Prints what happens as lines of JSON, which selftests/vm/demo-show shows and
# judges: "demo" objects made here with plain tools that do not depend on what
# they measure (the guests' monitors, /proc and /sys), and those of `dynmem
# monitor`. Exit status 3 when the lab failed.
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh

: "${BASELINE:=}"
GUESTS=(idle1 idle2 busy silent)
declare -A MEMORY=([idle1]=768 [idle2]=768 [busy]=1536 [silent]=448) pids=()
STEP=160 STEPS=5 PAUSE=4
NEEDS=100 NEEDS_STEPS=3
options=()
[[ $BASELINE == fpr ]] && options=(--fpr)
watchers=()
ksmd=

# event KIND [NAME VALUE]...: VALUE is JSON already.
event()
{
	local line='{"demo":"'$1'","seconds":'$SECONDS
	shift
	while (($#)); do
		line+=',"'$1'":'$2
		shift 2
	done
	printf '%s}\n' "$line"
}

step()
{
	event step text "\"$*\""
}

lab_failed()
{
	event lab-failed text "\"$*\""
	exit 3
}

setup_host()
{
	ksmd=$(pgrep -x ksmd)
	start_bus
	mkdir -p /run/dynmem-lab/qmp
}

start_guests()
{
	local g
	step "Four guests start: together they may use more than this host has"
	guest start idle1 --mem "${MEMORY[idle1]}" --disk "${options[@]}" &
	guest start idle2 --mem "${MEMORY[idle2]}" --disk "$BUILD/lab/disk2.img" "${options[@]}" &
	guest start busy --mem "${MEMORY[busy]}" "${options[@]}" &
	guest start silent --mem "${MEMORY[silent]}" --no-driver &
	wait
	for g in "${GUESTS[@]}"; do
		pids[$g]=$(guest pid "$g") || lab_failed "the guest $g did not start"
	done
}

# The agents and monitors, without the cost of the guest command, which counts in
# an emulated machine.
agent()
{
	"$BUILD/lab/bin/ask" -t "$1" "/run/dynmem-lab/agent/$2" "${@:3}"
}

size_of()
{
	"$BUILD/lab/bin/qmp" -t 3 -g /actual "/run/dynmem-lab/ctl/$1.ctl" query-balloon 2>/dev/null || echo 0
}

# hold GUEST COMMAND...: have its agent do that, and report how long it took.
hold()
{
	local guest=$1 from=${EPOCHREALTIME/./} answer ok=true
	shift
	answer=$(agent 300 "$guest" "$@" 2>&1) || ok=false
	event did guest "\"$guest\"" what "\"$*\"" ok $ok \
		ms $(((${EPOCHREALTIME/./} - from) / 1000)) answer "\"${answer//[\"\\]/}\""
	[[ $ok == true ]]
}

# What an idle guest did in its past.
fill_idle()
{
	hold "$1" touch 80M same
	hold "$1" touch 300M
	hold "$1" readcache 290M
	hold "$1" free 260M
}

fill_guests()
{
	step "The idle guests use nearly all their memory once, then free part of it: the host still pays for all"
	local filling=()
	fill_idle idle1 &
	filling+=($!)
	fill_idle idle2 &
	filling+=($!)
	hold silent touch 160M
	hold busy touch 60M
	wait "${filling[@]}"
	# Without dynmemd an operator has it run; fast enough that merging can be watched.
	[[ -n $BASELINE ]] || return 0
	echo 300 >/sys/kernel/mm/ksm/pages_to_scan
	echo 20 >/sys/kernel/mm/ksm/sleep_millisecs
	echo 1 >/sys/kernel/mm/ksm/run
}

# What a guest's QEMU holds of the host's memory, in bytes, in cost; 0 when dead.
get_cost()
{
	local line lines=()
	cost=0
	# At once: read goes back to the end of each line, and a state of another length
	# has moved the text by then.
	mapfile -t lines <"/proc/${pids[$1]}/status"
	for line in "${lines[@]}"; do
		case $line in
		RssAnon:* | RssShmem:* | VmSwap:*) cost=$((cost + ${line//[!0-9]/} * 1024)) ;;
		esac
	done
} 2>/dev/null

# The host's figures as JSON, in host.
get_host()
{
	local line lines value stat
	local -A kib=()
	mapfile -t lines </proc/meminfo
	for line in "${lines[@]}"; do
		value=${line#*:}
		kib[${line%%:*}]=${value//[!0-9]/}
	done
	host='{"total":'$((kib[MemTotal] * 1024))',"available":'$((kib[MemAvailable] * 1024))
	host+=',"swapped":'$(((kib[SwapTotal] - kib[SwapFree]) * 1024))
	# In ticks of 10 ms.
	read -ra stat <"/proc/$ksmd/stat"
	host+=',"ksmd_ms":'$(((stat[13] + stat[14]) * 10))
	host+=',"ksm":'$(($(</sys/kernel/mm/ksm/pages_sharing) * 4096))'}'
}

# Without a fork but for the monitors, since it runs beside what it watches.
sample()
{
	local g cost host guests=
	for g in "${GUESTS[@]}"; do
		get_cost "$g"
		guests+=',"'$g'":{"memory":'$((MEMORY[$g] << 20))',"size":'$(size_of "$g")',"cost":'$cost'}'
	done
	get_host
	event sample host "$host" guests "{${guests#,}}"
}

# Who sets ksmd's pace, as dynmemd knows it; nothing without one.
ksm_driver()
{
	[[ -z $BASELINE && -n ${daemon_pid:-} ]] && host_field ksm-driver
}

# Everything that the verdict needs, under a name.
figures()
{
	local g lost list guests='' host cost
	lost=" $(lost_guests)" list=$(guest list)
	for g in "${GUESTS[@]}"; do
		local alive=false holds=0 answer ooms=null
		if answer=$(agent 30 "$g" held 2>/dev/null); then
			alive=true holds=${answer#held=}
			answer=$(agent 30 "$g" oom-count 2>/dev/null) && ooms=${answer#oom_kill=}
		fi
		get_cost "$g"
		guests+=',"'$g'":{"memory":'$((MEMORY[$g] << 20))',"alive":'$alive',"holds":'$holds
		guests+=',"ooms":'$ooms',"cost":'$cost',"size":'$(size_of "$g")
		guests+=',"lost":'$([[ $lost == *" $g "* ]] && echo true || echo false)
		guests+=',"end":"'$(sed -n "s/^$g .*(dead: \(.*\))\$/\1/p" <<<"$list")'"}'
	done
	get_host
	event figures when "\"$1\"" host "$host" ksm_driver "\"$(ksm_driver)\"" ooms "$(host_oom_kills)" guests "{${guests#,}}"
}

# watch COMMAND...: until unwatch.
watch()
{
	"$@" 2>/dev/null &
	watchers+=($!)
}

samples()
{
	while :; do
		sample
		sleep 1.5
	done
}

unwatch()
{
	kill "${watchers[@]}" 2>/dev/null
	wait "${watchers[@]}" 2>/dev/null
}

control()
{
	[[ -z $BASELINE ]] || return 0
	step "dynmemd starts and finds the guests as they are"
	start_daemon selftests/vm/jobs/demo.conf || exit 1
	watch dynmem monitor --json
}

rise()
{
	local i
	for ((i = 1; i <= STEPS; i++)); do
		step "busy needs $STEP MiB more ($i of $STEPS)"
		hold busy touch "${STEP}M" || return
		sleep $PAUSE
	done
}

fall()
{
	local i
	step "busy is done and frees all of it"
	hold busy free "$((STEP * STEPS))M"
	sleep $PAUSE
	for ((i = 1; i <= NEEDS_STEPS; i++)); do
		step "the idle guests need $NEEDS MiB more each ($i of $NEEDS_STEPS)"
		hold idle1 touch "${NEEDS}M" &
		local first=$!
		hold idle2 touch "${NEEDS}M"
		wait $first
		sleep $PAUSE
	done
	sleep 4
}

main()
{
	setup_host
	start_guests
	watch samples
	fill_guests
	figures before
	control
	rise
	figures pressed
	fall
	unwatch
	figures after
	stop_daemon
	guest stop --all
}

main
