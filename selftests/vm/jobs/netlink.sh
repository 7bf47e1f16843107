#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# netlink.sh - runs the tests of the netlink family in the lab; prints TAP.
#
#   netlink.sh [PROGRAM...]     names of build/netlink; default: all
#
# Three are no programs of build/netlink: "policies" compares the module's
# policies with the specification, "agent" runs the example of Documentation,
# "ynl" lets the kernel tree's YNL command line loose on the module.
#
# Not among the default are ynl, fuzz and stress, which take long, and faults,
# for which it takes the debug kernel. A program may run for NETLINK_TIMEOUT
# seconds [600].
#
# After each program the kernel's log must hold nothing that a sound kernel
# does not write. OOM kills are what some of the tests are about. The debug
# kernel's leak detector must have nothing to report in the end.

set -uo pipefail
cd "$(dirname "$0")/../../.." || exit 1
. selftests/vm/tap.sh

[[ ${LAB:-} == 1 ]] || {
	echo "netlink.sh: loads modules and runs the host out of memory; run it in the lab:" \
		"selftests/vm/lab run -- $0" >&2
	exit 1
}

# Those that read values come first, those that shake the host last.
all=(policies family config refuse get get_process cgroup ksm pressure idle silence lib agent lifecycle reclaim alarms oom)

# Copies, for somebody may build meanwhile on the machine below.
programs=/tmp/netlink.programs
mkdir -p $programs
find build/netlink -maxdepth 1 -type f -exec cp -t $programs {} + &&
	cp "$BUILD/kmod/$(uname -r)/kmod/dynmem.ko" $programs || exit 1
export DYNMEM_KO=$programs/dynmem.ko

BAD='WARNING: |BUG: ([^s]|s[^o])|INFO: trying to register|Oops|general protection fault|kernel panic|hard LOCKUP|blocked for more than'
BAD+='|possible (circular|recursive) locking|suspicious RCU|KASAN|UBSAN|kmemleak: .*suspected|refcount_t:'
BAD+='|list_(add|del) corruption|sleeping function called|scheduling while atomic|Bad page state'
BAD+='|page allocation failure|dynmem: .*fail'

# The kernel's log since the last look, unless it is clean. Under an emulator
# on a busy machine a CPU may get no time for so long that the watchdogs of
# lockups and of RCU bark; that counts when the module is in what they show.
# The kernel itself warns when it has no memory for the fields of a module's
# tracepoints, which is one of the faults that are injected.
bad_log()
{
	dmesg | grep -v 'WARNING: .* event_define_fields+' >/tmp/netlink.dmesg
	grep -E "$BAD" /tmp/netlink.dmesg ||
		{ grep -qE 'soft lockup|rcu.*(stall|detected)' /tmp/netlink.dmesg &&
			grep -E '^\[[^]]*\] .*\+0x.*\[dynmem\]' /tmp/netlink.dmesg; }
}

# Also fails when a program's plan and its results differ: it died half-way.
run()
{
	local program=$1 output=/tmp/netlink.$1 planned results start=$SECONDS
	dmesg -C
	case $program in
	policies) "$programs/policies" | selftests/netlink/check_spec --policies ;;
	agent) selftests/netlink/agent_test run ;;
	ynl) selftests/netlink/ynl_test ;;
	*) timeout --kill-after=10 "${NETLINK_TIMEOUT:-600}" "$programs/$program" ;;
	esac 2>&1 | tee "$output" || failed=1
	planned=$(sed -n 's/^1\.\.//p' "$output")
	results=$(grep -cE '^(not )?ok ' "$output")
	diag "$program took $((SECONDS - start)) s"
	[[ $planned == "$results" ]] || fail "$program: $results results of ${planned:-none} planned"
	if bad_log >"$output.log"; then
		fail "$program: kernel log"
		diag "$(head -n 20 "$output.log")"
	else
		pass "$program: kernel log"
	fi
}

# It reports what two scans found nobody to know of, and nothing that is
# younger than 5 s. With the module it forgets what the addresses in it mean,
# so that once it is gone any of them may be its. It switches itself off when
# it gets no memory for its own books: then nothing was watched.
kmemleak=/sys/kernel/debug/kmemleak
leaks()
{
	sleep 6
	{ echo scan >$kmemleak && echo scan >$kmemleak; } 2>&1
	cat $kmemleak
}

check_leaks()
{
	is "kmemleak: with the module loaded" "$(leaks)" ""
	ok "the module is unloaded" rmmod dynmem
	is "kmemleak: with the module unloaded" "$(leaks)" ""
}

failed=0
(($#)) || set -- "${all[@]}"
for program; do
	run "$program"
done
[[ ! -e $kmemleak ]] || check_leaks
((!failed && tap_failed == 0))
