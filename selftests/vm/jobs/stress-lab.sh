#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# See selftests/vm/stress-lab.  In the lab's host machine; TAP.
#
# MINUTES=N      SEED=N [by the clock; printed]     TRACE=1: trace KVM
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh

: "${MINUTES:=15}" "${SEED:=$(date +%s)}" "${TRACE:=}"
GUESTS=(one two three four)
MEMORY=288
# Of each in MiB: what it may hold, and what its balloon leaves it at least.
HOLD_MAX=150 SIZE_MIN=240
RING=/sys/kernel/tracing

start_ksm()
{
	echo 1000 >/sys/kernel/mm/ksm/pages_to_scan
	echo 20 >/sys/kernel/mm/ksm/sleep_millisecs
	echo 1 >/sys/kernel/mm/ksm/run
}

# Each processor's last events, up to the first guest that shuts down.
start_trace()
{
	[[ -n $TRACE ]] || return 0
	echo 4096 >$RING/buffer_size_kb
	echo 'traceoff if exit_reason == 0x7f' >$RING/events/kvm/kvm_exit/trigger
	echo 1 >$RING/events/kvm/enable
}

keep_trace()
{
	[[ -n $TRACE && ! -e $LAB_DIR/kvm.trace ]] || return 0
	tail -n 40000 $RING/trace >"$LAB_DIR/kvm.trace"
}

# count GUEST WHAT: one more of that.
count()
{
	echo "$2" >>"/tmp/stress.$1"
}

counted()
{
	cat "/tmp/stress".* 2>/dev/null | grep -cx "$1"
}

one_step()
{
	local wanted change
	case $((RANDOM % 8)) in
	0 | 1 | 2 | 3)
		wanted=$((RANDOM % (HOLD_MAX / 10 + 1) * 10))
		change=$((wanted - held))
		if ((change > 0)); then
			ask_guest -t 120 "$1" touch "${change}M$( ((RANDOM % 2)) && echo ' same')"
		elif ((change < 0)); then
			ask_guest -t 120 "$1" free "$((-change))M"
		fi && held=$wanted
		;;
	4) ask_guest -t 120 "$1" redirty ;;
	5) ask_guest -t 120 "$1" busy "$((RANDOM % 20))M" ;;
	*) guest balloon "$1" "$((SIZE_MIN + RANDOM % (MEMORY - SIZE_MIN + 1)))M" ;;
	esac >/dev/null 2>&1
}

# again GUEST WHAT: it has ended that way; a new one takes its name.
again()
{
	count "$1" "$2"
	diag "$1 $2 after $SECONDS s: $(guest list | grep "^$1 ")"
	guest stop "$1"
	guest start "$1" --mem $MEMORY
	held=0 failed=0
}

# drive GUEST NUMBER: until time is up.
drive()
{
	local held=0 failed=0 end
	RANDOM=$((SEED + $2))
	while ((SECONDS < MINUTES * 60)); do
		if one_step "$1"; then
			count "$1" step
			failed=0
			continue
		fi
		end=$(guest list | grep "^$1 ")
		case $end in
		*'(KILL)'*) again "$1" killed ;;
		*dead*) keep_trace; again "$1" lost ;;
		*) ((++failed < 5)) || { keep_trace; again "$1" hung; } ;;
		esac
	done
}

main()
{
	local g n=0 drivers=()
	diag "$MINUTES minutes, seed $SEED, kernel $(uname -r), $(qemu-system-x86_64 --version | head -n 1)"
	for g in "${GUESTS[@]}"; do
		guest start "$g" --mem $MEMORY || fail "$g starts"
	done
	start_ksm
	start_trace
	SECONDS=0
	for g in "${GUESTS[@]}"; do
		drive "$g" $((n++)) &
		drivers+=($!)
	done
	wait "${drivers[@]}"
	is "no guest was lost" "$(counted lost)" 0
	is "no guest hung" "$(counted hung)" 0
	ok "each was driven" test "$(counted step)" -gt $((MINUTES * 4))
	ok "the host swapped" test "$(awk '$1 == "pswpout" { print $2 }' /proc/vmstat)" -gt 1000
	ok "ksmd merged" test "$(cat /sys/kernel/mm/ksm/full_scans)" -gt 0
	diag "$((MINUTES * ${#GUESTS[@]})) guest-minutes, $(counted step) steps, $(counted lost) lost, $(counted hung) hung," \
		"$(counted killed) killed by the host, $(awk '$1 == "pswpout" { print $2 }' /proc/vmstat) pages to swap"
	guest stop --all
	tap_end
}

main
