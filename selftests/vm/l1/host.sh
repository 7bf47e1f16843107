# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For jobs in the lab: the D-Bus system bus and dynmemd, as on a real host.

TOP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.." && pwd -P)
guest() { "$TOP/selftests/vm/guest" "$@"; }
ask_guest() { guest 'do' "$@"; }
dynmem() { "$TOP/build/dynmem" "$@"; }
daemon_pid=

# Kills by the OOM killer since boot, as the kernel itself counts them.
host_oom_kills()
{
	awk '$1 == "oom_kill" { print $2 }' /proc/vmstat
}

# guest_oom_kills [-t SECONDS] GUEST
guest_oom_kills()
{
	ask_guest "$@" oom-count | grep -oE '[0-9]+' | tail -n 1
}

# wait_until SECONDS COMMAND...: true as soon as the command is.
wait_until()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}

start_bus()
{
	install -D -m 0644 "$TOP/tools/dynmemd/org.dynmem1.conf" /etc/dbus-1/system.d/org.dynmem1.conf
	mkdir -p /run/dbus
	dbus-uuidgen --ensure
	dbus-daemon --system --fork --nopidfile
}

# start_daemon CONFIG [OPTION...]: and wait until it answers.
start_daemon()
{
	local config=$1
	shift
	"$TOP/build/dynmemd" --config "$config" "$@" >/dev/null 2>>"${LAB_DIR:-/tmp}/dynmemd.log" &
	daemon_pid=$!
	wait_until 10 daemon_answers || {
		echo "dynmemd does not answer; the end of its log:" >&2
		tail -n 20 "${LAB_DIR:-/tmp}/dynmemd.log" >&2
		return 1
	}
}

daemon_answers()
{
	dynmem status --json >/dev/null 2>&1
}

# host_field KEY, guest_field GUEST KEY: of the daemon's status.
host_field()
{
	dynmem status --json | jq -r --arg key "$1" '.host[$key]'
}

guest_field()
{
	dynmem status --json | jq -r --arg name "$1" --arg key "$2" \
		'.guests[] | select(.name == $name) | .[$key]'
}

# host_is KEY VALUE, guest_is GUEST KEY VALUE
host_is()
{
	[[ $(host_field "$1") == "$2" ]]
}

guest_is()
{
	[[ $(guest_field "$1" "$2") == "$3" ]]
}

# harmed GUEST: by a shrink, lately
harmed()
{
	(($(dynmem show "$1" --json | jq '[.. | objects | .harms // 0] | max') > 0))
}

has_guests()
{
	[[ $(dynmem status --json | jq '.guests | length') -eq $1 ]]
}

# The daemon's exit status.
stop_daemon()
{
	local status
	[[ -n $daemon_pid ]] || return 0
	kill -TERM "$daemon_pid"
	wait "$daemon_pid"
	status=$?
	daemon_pid=
	return $status
}

# Memory that is taken goes into files here; /dev/shm has but half of the host.
open_press()
{
	mkdir -p /dev/shm/press
	mountpoint -q /dev/shm/press || mount -t tmpfs -o size=100% press /dev/shm/press
}

# press_host MIB: take memory on the host until so much is available.
press_host()
{
	local n
	open_press || return
	n=$(find /dev/shm/press -type f | wc -l)
	while (($(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo) > $1 * 1024 && n < 128)); do
		head -c 16M /dev/urandom >"/dev/shm/press/$n" || return
		n=$((n + 1))
	done
}

release_host()
{
	umount /dev/shm/press
}

# Guests that the emulator lost: dead, though nobody killed them and their
# kernel logged nothing about it.
lost_guests()
{
	local name rest
	while read -r name rest; do
		[[ $rest == *dead* && $rest != *'(KILL)'* && $rest != *'(TERM)'* ]] || continue
		grep -qiE 'panic|oops|out of memory' "$LAB_DIR/$name.console" || printf '%s ' "$name"
	done < <(guest list)
}
