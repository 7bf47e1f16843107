#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The main job, end to end, in the lab's host machine: tracepoint, netlink,
# daemon, decision, QMP, and a real guest's balloon moves.  Then the daemon's
# troubles: killed, reloaded with a bad configuration, the module taken away,
# monitors that talk nonsense; and the guests': silent, stuck, without driver,
# rebooting.  TAP.
#
# SOURCE=procfs: without the module.  SILENT=yes: the host must come to take
# from the guest that no balloon reaches.
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh

MIB=$((1 << 20))
: "${SOURCE:=genl}" "${SILENT:=no}"
config=/etc/dynmem/dynmem.conf
log=$LAB_DIR/dynmemd.log

at_most()
{
	(($(guest actual "$1") <= $2))
}

at_least()
{
	(($(guest actual "$1") >= $2))
}

logged()
{
	grep -qE -- "$1" "$log"
}

start_world()
{
	install -D -m 0644 selftests/vm/jobs/e2e.conf $config
	# auto finds the module by itself.
	[[ $SOURCE == genl ]] || sed -i "s/^source.*/source = $SOURCE/" $config
	start_bus
	mkdir -p /run/dynmem-lab/qmp
	guest start idle --mem 640 --disk --reboot
	guest start busy --mem 896
	guest start silent --mem 288 --no-driver
	ask_guest -t 200 idle touch 280M >/dev/null
	ask_guest -t 200 idle readcache 180M >/dev/null
	ask_guest -t 200 idle free 100M >/dev/null
	ask_guest -t 200 silent touch 120M >/dev/null
	ooms=$(host_oom_kills)
	start_daemon $config
}

test_adoption()
{
	ok "all guests are found" wait_until 20 has_guests 3
	is "the source is the wanted one" "$(host_field source)" "$SOURCE"
	# It may be on its way somewhere else by now.
	ok "a guest is adopted at the size that it has" logged 'guest busy: found: 896 MiB, of which it has 896'
	is "its range is the configuration's" "$(guest_field idle min)" $((160 * MIB))
	is "its shares are the configuration's" "$(guest_field busy shares)" 2000
	ok "the guest without a driver is silent" wait_until 60 guest_is silent class silent
	ok "the others report" wait_until 30 guest_is idle class reporting
	ok "the API can be introspected" busctl --no-pager introspect org.dynmem1 /org/dynmem1
}

test_lend_and_return()
{
	local lent i
	dynmem monitor --json >"$LAB_DIR/monitor.jsonl" 2>/dev/null &
	monitor=$!
	# As much as the host has beside what the idle guest uses and its last
	# minfree: with more, who lives is decided by how fast the emulated
	# balloons happen to be.
	for i in 1 2 3; do
		ok "busy gets 120 MiB more ($i)" ask_guest -t 180 busy touch 120M
		sleep 3
	done
	ok "the idle guest lends memory" wait_until 60 at_most idle $((540 * MIB))
	lent=$(guest actual idle)
	ok "busy holds what it touched" test "$(guest_field busy used)" -ge $((360 * MIB))
	ask_guest -t 60 busy free 360M >/dev/null
	# What it lent it may have again, for it needs more now.
	ask_guest -t 180 idle touch 60M >/dev/null
	ok "the idle guest gets memory back" wait_until 90 at_least idle $((lent + 40 * MIB))
	ok "no guest is above its max or below its min" in_range
	kill "$monitor"
	wait "$monitor" 2>/dev/null
	ok "the monitor saw decisions" grep -q '"type":"decision"' "$LAB_DIR/monitor.jsonl"
	ok "the monitor saw the level" grep -q '"type":"level"' "$LAB_DIR/monitor.jsonl"
	[[ $SOURCE == procfs ]] ||
		ok "and the kernel's events" grep -q '"type":"pressure"' "$LAB_DIR/monitor.jsonl"
	ok "each line of it is JSON" jq -e . "$LAB_DIR/monitor.jsonl"
	ok "decisions are logged with a reason" logged 'guest idle: .*shrunk by .* \[shrink-'
	is "the silent guest was left alone" "$(guest actual silent)" $((288 * MIB))
}

in_range()
{
	dynmem status --json |
		jq -e '.guests | all(.target >= .min and .target <= .max)' >/dev/null
}

settled()
{
	[[ $(guest_field "$1" target) == "$(guest actual "$1")" ]]
}

# A balloon that is still on its way goes on to its target, whoever is gone.
rests()
{
	local size
	size=$(guest actual "$1")
	sleep 2
	(($(guest actual "$1") == size))
}

test_killed()
{
	local before status
	kill -KILL "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null
	wait_until 60 rests idle
	before=$(guest actual idle)
	sleep 3
	is "a killed daemon changes nothing" "$(guest actual idle)" "$before"
	dynmem status >"$LAB_DIR/out.txt" 2>&1
	status=$?
	if [[ $SOURCE == procfs ]]; then
		is "without daemon and module the command says so" $status 3
	else
		is "without daemon the command says so" $status 4
		ok "and still shows the host" grep -q '^Host' "$LAB_DIR/out.txt"
	fi
	if start_daemon $config; then
		pass "a new daemon starts"
	else
		fail "a new daemon starts"
	fi
	ok "it finds all guests again" wait_until 20 has_guests 3
	ok "and knows them" logged 'guest idle: known: what was learned'
}

test_stop()
{
	mkdir -p /run/dynmem
	touch /run/dynmem/stop
	ok "the kill switch is noticed" wait_until 5 host_is mode stopped
	dynmem drain >"$LAB_DIR/out.txt" 2>&1
	is "a drain is refused then" $? 1
	rm /run/dynmem/stop
	ok "and its end" wait_until 5 host_is mode manage
}

test_drain()
{
	local before status all=5
	dynmem drain >/dev/null
	# Its balloon may still be on the way to its target before.
	before=$(guest_field idle target)
	dynmem drain --timeout 60 --json >"$LAB_DIR/drain.json"
	status=$?
	# Their maxima together are all that this host has: as far as it goes.
	jq -e '.guests == .at_max' "$LAB_DIR/drain.json" >/dev/null && all=0
	is "a drain says whether all guests are at their max" "$status" "$all"
	ok "it takes nothing" at_least idle "$before"
	ok "and it is shown" host_is mode drain
	ok "until it is ended" dynmem resume
	ok "and guests are managed again" host_is mode manage
}

test_bad_reload()
{
	mkdir -p /etc/dynmem/dynmem.conf.d
	printf '[guest busy]\nmin = 2G\nmax = 1G\n' >/etc/dynmem/dynmem.conf.d/bad.conf
	kill -HUP "$daemon_pid"
	ok "a bad configuration is logged with file and line" wait_until 10 logged 'bad.conf:[0-9]+'
	is "the last good one stays" "$(guest_field busy shares)" 2000
	build/dynmemd --config $config >"$LAB_DIR/out.txt" 2>&1
	is "a daemon does not start with it" $? 78
	rm /etc/dynmem/dynmem.conf.d/bad.conf
}

test_hostile_monitors()
{
	socat UNIX-LISTEN:/run/dynmem-lab/qmp/mute.sock,fork SYSTEM:'sleep 1000' &
	local mute=$!
	socat UNIX-LISTEN:/run/dynmem-lab/qmp/babble.sock,fork SYSTEM:'yes }{' &
	local babble=$!
	ok "a mute monitor is logged" wait_until 30 logged 'mute'
	ok "a babbling monitor is logged" wait_until 30 logged 'babble'
	is "the others go on" "$(guest_field idle class)" reporting
	kill $mute $babble
	wait $mute $babble 2>/dev/null
	rm -f /run/dynmem-lab/qmp/{mute,babble}.sock
}

test_module_gone()
{
	ok "the module can go" rmmod dynmem
	ok "the daemon goes on with procfs" wait_until 10 host_is source procfs
	is "the guests are still there" "$(guest_field idle class)" reporting
	ok "the module comes back" insmod "build/kmod/$(uname -r)/dynmem.ko"
	ok "and is used again" wait_until 10 host_is source genl
}

cgroup_file()
{
	cat "/sys/fs/cgroup/machine.slice/$1.scope/$2"
}

not()
{
	! "$@"
}

high_is()
{
	[[ $(cgroup_file "$1" memory.high) == "$2" ]]
}

has_swapped()
{
	(($(cgroup_file "$1" memory.swap.current) >= $2))
}

high_at_most()
{
	! high_is "$1" max && (($(cgroup_file "$1" memory.high) <= $2))
}

# A guest's processors stand still behind QEMU's back when it is to grow.
# Meanwhile the host is pressed by something that is no guest, so hard that
# balloons do not suffice.
test_pressed()
{
	guest freeze busy
	printf '[guest busy]\nmin = 700M\n' >/etc/dynmem/dynmem.conf.d/busy.conf
	kill -HUP "$daemon_pid"
	ok "a guest whose balloon does not move is stuck" wait_until 40 guest_is busy class stuck
	rm /etc/dynmem/dynmem.conf.d/busy.conf
	printf '[guest silent]\nreclaim = yes\n' >/etc/dynmem/dynmem.conf.d/silent.conf
	kill -HUP "$daemon_pid"
	ok "the silent one is silent for the new daemon, too" wait_until 90 guest_is silent class silent
	ok "the host can be pressed" press_host 170
	# How much the others can still give differs from run to run.
	if [[ $SILENT == yes ]]; then
		ok "memory of the silent guest is reclaimed" wait_until 60 has_swapped silent $((4 * MIB))
		ok "and that is logged" wait_until 10 logged 'guest silent: .* reclaimed by its cgroup'
	fi
	is "its balloon was left alone" "$(guest actual silent)" $((288 * MIB))
	guest thaw busy
}

# While the host is still pressed: what it has must not be given to it.
test_driver_unloaded()
{
	local high
	printf '[policy]\nenforce = 1\n[guest idle]\nmax = 560M\n' >/etc/dynmem/dynmem.conf.d/enforce.conf
	kill -HUP "$daemon_pid"
	ok "a guest is brought inside its new range" wait_until 40 at_most idle $((560 * MIB))
	ok "and held to that by its cgroup" wait_until 20 high_at_most idle $(((560 + 32 + 256) * MIB))
	high=$(cgroup_file idle memory.high)
	ok "a guest unloads its balloon's driver" ask_guest -t 60 idle rmmod virtio_balloon
	ok "and has all its memory" wait_until 20 at_least idle $((640 * MIB))
	ok "it does not count as reporting any more" wait_until 60 not guest_is idle class reporting
	ok "but it is held to what it had" high_at_most idle "$high"
	release_host
	rm /etc/dynmem/dynmem.conf.d/enforce.conf
	kill -HUP "$daemon_pid"
	ok "the limit is taken back" wait_until 10 high_is idle max
	ok "the other's balloon moves again" wait_until 60 settled busy
}

# It comes back with its driver, and counts anew.
test_reboot()
{
	is "the idle guest did not run out of memory" "$(guest_oom_kills idle)" 0
	ask_guest -t 20 idle reboot >/dev/null 2>&1
	ok "a guest reboots" wait_until 30 logged 'guest idle: reboots'
	ok "it is up again" ask_guest -t 180 idle ping
	ok "and reports again" wait_until 90 guest_is idle class reporting ||
		diag "it is $(guest_field idle class), as it has $(guest actual idle), target $(guest_field idle target); $(guest stats idle)"
	ok "nobody is out of range" in_range
}

test_guest_goes()
{
	guest stop silent
	ok "a guest that went is gone" wait_until 20 has_guests 2
}

test_end()
{
	local status
	is "nobody ran out of memory on the host" "$(host_oom_kills)" "$ooms"
	is "nor in the busy guest" "$(guest_oom_kills busy)" 0
	kill -TERM "$daemon_pid"
	wait "$daemon_pid"
	status=$?
	is "the daemon ends well" $status 0
	build/dynmemd --config $config --frobnicate >"$LAB_DIR/out.txt" 2>&1
	is "it refuses a wrong option" $? 2
	[[ $SOURCE == procfs ]] || rmmod dynmem
	sed 's/^source.*/source = genl/' selftests/vm/jobs/e2e.conf >/tmp/genl.conf
	build/dynmemd --config /tmp/genl.conf >"$LAB_DIR/out.txt" 2>&1
	is "without the module it says so, and does not start" $? 3
	ok "and says how to get it" grep -q 'modprobe dynmem' "$LAB_DIR/out.txt"
}

start_world || exit 1
test_adoption
test_lend_and_return
test_killed
test_stop
test_bad_reload
test_hostile_monitors
[[ $SOURCE == procfs ]] || test_module_gone
test_pressed
test_driver_unloaded
test_reboot
test_guest_goes
test_drain
test_end
lost=$(lost_guests)
guest stop --all
[[ -z $lost ]] || diag "lost without a word of its kernel: $lost"
tap_end
