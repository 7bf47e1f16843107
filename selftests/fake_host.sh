# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A host to look at, for tests of the command: a bus of its own, the real dynmemd,
# and monitors of guests that build/bench/fake_guests plays.
#
#   fake_host_open		a folder $D, and its bus
#   fake_bus			another bus, when that was ended
#   fake_guests N [PERCENT [PREFIX]]	so many guests g0, g1, ...: before the daemon starts
#   fake_daemon [LINE...]	the daemon, with these lines of configuration
#   fake_host_close
#   wait_for SECONDS COMMAND...	true as soon as the command is
#
# Not within ok(), which would wait for them and lose their numbers.
# Numbers of its processes are in ${pid[bus]}, ${pid[guests]}, ${pid[dynmemd]}.

declare -A pid=()
D=

fake_host_open()
{
	D=$(mktemp -d /tmp/dynmem-fake-XXXXXX) || return 1
	mkdir "$D/qmp" "$D/dynmem.conf.d"
	cat >"$D/bus.conf" <<-END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig><type>system</type><listen>unix:path=$D/bus</listen><auth>EXTERNAL</auth>
		<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
		<allow receive_type="signal"/><allow receive_type="method_call"/>
		<allow receive_type="method_return"/><allow receive_type="error"/></policy>
		<policy user="65534"><deny send_interface="org.dynmem1.Manager" send_member="Drain"/></policy></busconfig>
	END
	export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$D/bus
	fake_bus
}

fake_bus()
{
	rm -f "$D/bus"
	dbus-daemon --config-file="$D/bus.conf" --nofork 2>"$D/bus.log" &
	pid[bus]=$!
	wait_for 5 test -S "$D/bus"
}

fake_guests()
{
	[[ -x build/bench/fake_guests ]] || {
		echo "build/bench/fake_guests is not built; make build/bench/fake_guests" >&2
		return 1
	}
	# It ends when nobody writes to it any more.
	mkfifo "$D/ask"
	build/bench/fake_guests "$D/qmp" "$1" "${2:-50}" mapped "${3:-g}" <"$D/ask" >"$D/guests.log" 2>&1 &
	pid[guests]=$!
	# shellcheck disable=SC2034 # kept open
	exec {ask}>"$D/ask"
	wait_for 20 grep -q ready "$D/guests.log"
}

fake_daemon()
{
	printf '[daemon]\nmode = manage\nsource = procfs\nstate = %s/state\nstop = %s/stop\n[backend qmp]\npath = %s/qmp\n' \
		"$D" "$D" "$D" >"$D/dynmem.conf"
	printf '%s\n' "$@" >>"$D/dynmem.conf"
	build/dynmemd --config "$D/dynmem.conf" >"$D/dynmemd.log" 2>&1 &
	pid[dynmemd]=$!
	wait_for 60 build/dynmem status
}

fake_host_close()
{
	local p
	for p in "${pid[@]}"; do kill -9 "$p" 2>/dev/null; done
	wait 2>/dev/null
	[[ -z $D ]] || rm -rf -- "$D"
}

wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}
