#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A long run in the lab's host machine: guests of changing demand are killed and
# started at random while the daemon manages them.  Ends with figures, and TAP:
# no leak in the daemon, nobody killed on the host, no reversal.
#
# MINUTES=N  [60]      SEED=N  [by the clock; printed]      SOURCE=genl|procfs
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh

: "${MINUTES:=60}" "${SEED:=$(date +%s)}" "${SOURCE:=auto}"
RANDOM=$SEED
GUESTS=(web db batch test)
# Of each in MiB: what it is started with, and what it may hold at the most.
declare -A memory=([web]=512 [db]=640 [batch]=576 [test]=384) limit=([web]=300 [db]=400 [batch]=350 [test]=180)
declare -A held=()
starts=0 kills=0 lost=0 moves=0 refused=0

start_guest()
{
	rm -f "$LAB_DIR/$1.console".*
	guest start "$1" --mem "${memory[$1]}" || return
	held[$1]=0
	starts=$((starts + 1))
}

alive()
{
	kill -0 "$(guest pid "$1" 2>/dev/null)" 2>/dev/null
}

# Somewhere between nothing and its limit, in steps of 20 MiB.
change_demand()
{
	local wanted=$((RANDOM % (limit[$1] / 20 + 1) * 20)) change
	change=$((wanted - held[$1]))
	if ((change > 0)); then
		ask_guest -t 120 "$1" touch "${change}M" >/dev/null 2>&1 || { refused=$((refused + 1)); return; }
	elif ((change < 0)); then
		ask_guest -t 120 "$1" free "$((-change))M" >/dev/null 2>&1 || { refused=$((refused + 1)); return; }
	fi
	held[$1]=$wanted
	moves=$((moves + 1))
}

one_step()
{
	local name=${GUESTS[RANDOM % ${#GUESTS[@]}]}
	if ! alive "$name"; then
		# By us, or by the emulator, without a word of its kernel.
		[[ -n ${held[$name]:-} ]] && lost=$((lost + 1))
		guest stop "$name"
		start_guest "$name"
	elif ((RANDOM % 12 == 0)); then
		guest stop "$name"
		unset "held[$name]"
		kills=$((kills + 1))
	else
		change_demand "$name"
	fi
}

rss_kib()
{
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$daemon_pid/status"
}

fds()
{
	find "/proc/$daemon_pid/fd" -mindepth 1 | wc -l
}

# All guests there and at rest: what the daemon costs then can be compared.
settle()
{
	local name
	for name in "${GUESTS[@]}"; do
		alive "$name" || { guest stop "$name"; start_guest "$name"; }
	done
	wait_until 60 has_guests ${#GUESTS[@]}
	sleep 5
}

# Commands that took back the one before within half a minute, by more than the
# dead band, though the guest was not pressed, the host not hard up, and what the
# guest needs had not changed the same way. What it has above that is lent at once.
reversals()
{
	jq -rs '
		map(select(.type == "decision" and .applied))
		| group_by(.guest) | map(
			[., .[1:]] | transpose | map(select(.[1] != null))
			| map(select(
				(.[1].monotonic - .[0].monotonic) < 30e9
				and ((.[0].to - .[0].from) * (.[1].to - .[1].from)) < 0
				and ((.[1].to - .[1].from) | fabs) > 16 * 1048576
				and (.[1].wanted - .[0].wanted) * (.[1].to - .[1].from) / ((.[1].to - .[1].from) | fabs) <= 16 * 1048576
				and (.[1].level == "none" or .[1].level == "low")
				and (.[1].to > .[1].from or .[1].to < .[1].wanted - 16 * 1048576)
				and (.[1].code | IN("grow-pressed", "grow-undo", "grow-demand", "shrink-critical", "stuck", "range") | not)))
			| length) | add // 0
	' "$LAB_DIR/monitor.jsonl"
}

decisions()
{
	grep -c '"type":"decision"' "$LAB_DIR/monitor.jsonl"
}

echo "# soak: $MINUTES minutes, seed $SEED"
sed "s/^source.*/source = $SOURCE/" selftests/vm/jobs/e2e.conf >/tmp/soak.conf
start_bus
mkdir -p /run/dynmem-lab/qmp
for name in "${GUESTS[@]}"; do
	start_guest "$name" || exit 1
done
ooms=$(host_oom_kills)
start_daemon /tmp/soak.conf || exit 1
dynmem monitor --json >"$LAB_DIR/monitor.jsonl" 2>/dev/null &
monitor=$!
# Long enough that every buffer has its size.
for ((i = 0; i < 40; i++)); do one_step; done
settle
rss_before=$(rss_kib) fds_before=$(fds)
end=$((SECONDS + MINUTES * 60))
while ((SECONDS < end)) && kill -0 "$daemon_pid" 2>/dev/null; do
	one_step
done
ok "the daemon has lived through it" kill -0 "$daemon_pid"
settle
rss_after=$(rss_kib) fds_after=$(fds)
kill "$monitor"
wait "$monitor" 2>/dev/null
is "nobody ran out of memory on the host" "$(host_oom_kills)" "$ooms"
ok "the daemon has not grown by more than 256 KiB" test $((rss_after - rss_before)) -le 256
is "it has as many files open as before" "$fds_after" "$fds_before"
is "no command took the one before back" "$(reversals)" 0
ok "it has managed" test "$(decisions)" -gt "$MINUTES"
kill -TERM "$daemon_pid"
wait "$daemon_pid"
is "it ends well" $? 0
diag "$MINUTES minutes, seed $SEED: $moves changes of demand, $refused that a guest could not meet;"
diag "guests: $starts started, $kills killed, $lost reset by the emulator; $(decisions) decisions"
diag "daemon: RSS $rss_before -> $rss_after KiB, files $fds_before -> $fds_after"
diag "stalls on the host: $(awk '$1 ~ /^allocstall/ { n += $2 } END { print n }' /proc/vmstat)"
guest stop --all
tap_end
