#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The daemon and the real ksmd, with real guests, in the lab's host machine; TAP.
#
# Usage: ksm.sh manage|unshare
#
# manage: its pace, what is put back after SIGKILL, rivals, a read-only sysfs, trust.
# unshare: guests that share write all of it at once.
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh
# shellcheck source-path=SCRIPTDIR source=../l1/ksm.sh
. selftests/vm/l1/ksm.sh

has_advisor() { [[ -e $KSM/advisor_mode ]]; }
logged() { grep -qE -- "$1" "$LAB_DIR/dynmemd.log"; }

# What this test finds, unlike any default; with the advisor on, the pace is its own.
set_found()
{
	echo 0 >$KSM/run
	echo 123 >$KSM/pages_to_scan
	echo 45 >$KSM/sleep_millisecs
	has_advisor || return 0
	echo scan-time >$KSM/advisor_mode
}

found_is_back()
{
	ksm_is run 0 && ksm_is sleep_millisecs 45 || return 1
	if has_advisor; then
		ksm_is advisor_mode 'none [scan-time]'
	else
		ksm_is pages_to_scan 123
	fi
}

reload()
{
	kill -HUP "$daemon_pid"
}

test_drive()
{
	set_found
	configure_ksm report
	start_daemon $KSM_CONF || exit 1
	ok "a daemon that reports has the mode" host_says ksm-mode report
	ok "and changes nothing" found_is_back
	configure_ksm manage 'max_cpu = 30%'
	reload
	ok "one that manages starts ksmd" wait_until 10 ksm_is run 1
	if has_advisor; then
		ok "the advisor is set aside" ksm_is advisor_mode '[none] scan-time'
		ok "which is logged" logged 'advisor is set aside'
	fi
	ok "it says who drives" wait_until 5 host_says ksm-driver dynmemd
	ok "what was found is on the disk" grep -q '^sleep_millisecs 45 ' $KSM_STATE.ksm
}

# Two guests that have 60 MiB in common.
test_pace()
{
	local share
	ok "guests start" start_pair
	ok "the host can be pressed" press_host 100
	ok "then ksmd is to be fast" wait_until 30 host_says ksm-reason 'short of memory'
	share=$(ksmd_share 8)
	# What emulation adds to a turn is in its own time.
	ok "within its share of a CPU, as measured: $share of 300 thousandths" \
		test "$share" -le 450
	diag "pages_to_scan $(<$KSM/pages_to_scan), sleep_millisecs $(<$KSM/sleep_millisecs)"
	ok "they merge" wait_until 200 ksm_above pages_sharing 14000
	release_host
}

start_pair()
{
	guest start a --mem 256 --workload 'touch 60M same' &
	guest start b --mem 256 --workload 'touch 60M same' &
	wait -n && wait -n
}

sum_is_the_hosts()
{
	dynmem status --json | jq -e '
		(([.guests[]."ksm-saved"] | add) - .host."ksm-saved-guests" | fabs) < 65536 and
		.host."ksm-saved-guests" <= .host."ksm-saved" and
		(.host."ksm-saved" - '$(($(<$KSM/pages_sharing) * 4096))' | fabs) < 1048576 and
		.host.exposure >= .host."ksm-saved"' >/dev/null
}

test_savings()
{
	ok "guests' savings are the host's, and exposure" wait_until 30 sum_is_the_hosts ||
		diag "$(dynmem status)"
	is "both have the same part" "$(dynmem status --json |
		jq '[.guests[]."ksm-saved"] | (.[0] - .[1] | fabs) < 0.2 * .[0]')" true
}

test_killed()
{
	kill -KILL "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null
	ok "a killed daemon leaves ksmd as it was" ksm_is run 1
	configure_ksm report
	start_daemon $KSM_CONF || exit 1
	ok "the next one puts back what was found" wait_until 10 found_is_back
	refused "and has nothing to put back any more" test -e $KSM_STATE.ksm
}

test_rival()
{
	configure_ksm manage
	reload
	ok "it is managed again" wait_until 10 ksm_is run 1
	echo 4711 >$KSM/pages_to_scan
	ok "a rival is noticed" wait_until 20 host_says ksm-driver administrator
	ok "and logged with what it wrote" logged 'pages_to_scan is 4711'
	ok "it is left the field" ksm_is pages_to_scan 4711
	reload
	ok "a reload takes it over" wait_until 20 host_says ksm-driver dynmemd
	echo 2 >$KSM/run
	ok "an unmerge is left alone" wait_until 20 host_says ksm-driver administrator
	ok "as long as it lasts" ksm_is run 2
	echo 0 >$KSM/run
	cp /bin/sleep /tmp/ksmtuned
	/tmp/ksmtuned 600 &
	local ksmtuned=$!
	# Processes are searched once at a reload, and it has the shell's name at first.
	wait_until 10 grep -qx ksmtuned /proc/$ksmtuned/comm
	reload
	ok "ksmtuned is named" wait_until 20 host_says ksm-driver "ksmtuned (pid $ksmtuned)"
	ok "and left the field" ksm_is run 0
	kill $ksmtuned
	wait $ksmtuned 2>/dev/null
	reload
	ok "until it has ended" wait_until 20 ksm_is run 1
}

test_stop()
{
	touch /run/dynmem/stop
	ok "the kill switch puts back what was found" wait_until 10 ksm_is run 0
	rm /run/dynmem/stop
	ok "without it ksmd is driven" wait_until 20 ksm_is run 1
}

test_trust()
{
	configure_ksm manage '[guest a]' 'trust = acme' '[guest b]' 'trust = other'
	reload
	ok "two trust domains stop ksmd" wait_until 20 ksm_is run 0
	ok "status says so" host_says ksm-alert 'a (acme)'
	ok "with both" host_says ksm-alert 'b (other)'
	ok "and each guest why" wait_until 5 test "$(guest_field b unmerged)" = \
		'ksmd is stopped, since guests of another trust domain are here'
	guest stop b
	ok "with one of them it runs" wait_until 30 ksm_is run 1
}

# As in a container.
test_readonly()
{
	stop_daemon
	mount --bind $KSM $KSM
	mount -o remount,bind,ro $KSM
	start_daemon $KSM_CONF || exit 1
	ok "a read-only sysfs is reported with file and error" \
		wait_until 20 host_says ksm-error "$KSM/"
	ok "and why" host_says ksm-error 'read-only'
	umount -l $KSM
}

manage()
{
	start_bus
	mkdir -p /run/dynmem /run/dynmem-lab/qmp
	test_drive
	test_pace
	test_savings
	test_killed
	test_rival
	test_stop
	test_trust
	test_readonly
	stop_daemon
	guest stop --all
}

# Merged pages that somebody wrote to, since boot.
ksm_copies() { awk '$1 == "cow_ksm" { print $2 }' /proc/vmstat; }

differ()
{
	ask_guest -t 600 "$1" differ >"/tmp/differ.$1" 2>&1
}

#
# Three guests that share 100 MiB each, and a host that is to hold all of what they
# could call in; by default it holds a tenth of its memory at most. All write at once:
# what is held has to be there.
#
unshare()
{
	local g copied called held writers=()
	start_bus
	mkdir -p /run/dynmem /run/dynmem-lab/qmp
	configure_ksm manage 'max_cpu = 80%' '[policy]' 'ksm_scan_time = 5 s' \
		'hold_time = 30 s' 'hold_cap = 50%' 'hold_cap_noswap = 50%'
	sed -i 's/^min = .*/min = 40%/' $KSM_CONF
	start_daemon $KSM_CONF || exit 1
	for g in a b c; do
		ok "guest $g starts" guest start $g --mem 320 --workload 'touch 100M same'
	done
	ok "they share" wait_until 300 ksm_above pages_sharing 48000
	ok "the host can be pressed" press_host 440
	sleep 20
	copied=$(ksm_copies)
	called=$(host_field ksm-saved) held=$(host_field hold)
	diag "$(dynmem status | head -n 8)"
	ok "what could be called in is held: $((held >> 20)) of $((called >> 20)) MiB" \
		test "$held" -ge "$called"
	for g in a b c; do
		differ $g &
		writers+=($!)
	done
	for g in "${writers[@]}"; do
		# Not by "ok", whose subshell has no such child.
		wait "$g"
		is "a guest writes all it holds" $? 0 || diag "$(cat /tmp/differ.?)"
	done
	# As the kernel counts it, for ksmd goes on merging what else they hold.
	copied=$(($(ksm_copies) - copied))
	ok "what they wrote was called in: $((copied / 256)) MiB" test $copied -ge 40000
	is "no process of the host was killed" "$(host_oom_kills)" 0
	for g in a b c; do
		is "nor one in guest $g" "$(guest_oom_kills $g)" 0
	done
	diag "$(dynmem status | head -n 8)"
	release_host
	stop_daemon
	guest stop --all
}

case ${1:-} in
manage | unshare) "$1" ;;
*)
	echo "usage: ksm.sh manage|unshare" >&2
	exit 2
	;;
esac
tap_end || { tail -n 40 "$LAB_DIR/dynmemd.log" | sed 's/^/# /'; exit 1; }
