# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A daemon and three real guests, for the jobs hostile.sh and scarce.sh, after
# host.sh and guests.sh: "web" holds much, "plug" can be given more, "sleepy" can
# sleep.

MIB=$((1 << 20))
config=/etc/dynmem/dynmem.conf
log=$LAB_DIR/dynmemd.log
monitor_log=$LAB_DIR/monitor.jsonl
WEB_MAX=$((384 * MIB))
PLUG_MAX=$((256 * MIB))
SLEEPY_MAX=$((192 * MIB))
# What "web" holds; its kernel needs some on top of it.
WEB_HOLDS=200

# Of each a recording remains with the logs, for `dynmem simulate --replay`.
start_watched_daemon()
{
	start_daemon $config --record "$(mktemp -u "$LAB_DIR/record-XXXX.jsonl")" || return
	dynmem monitor --json >>"$monitor_log" 2>/dev/null &
	monitor=$!
}

# More options for web.
web_options=()

start_world()
{
	install -D -m 0644 selftests/vm/jobs/hostile.conf $config
	start_bus
	mkdir -p /run/dynmem-lab/qmp
	guest start web --mem 384 "${web_options[@]}"
	# Movable, or its kernel does not let it go again.
	guest start plug --mem 256 "${PLUGGABLE[@]/=online/=online_movable}"
	guest start sleepy --mem 192 "${CAN_SLEEP[@]}"
	ask_guest -t 200 web touch ${WEB_HOLDS}M >/dev/null
	ask_guest -t 200 plug touch 60M >/dev/null
	start_watched_daemon || return
	wait_until 20 test -e "$monitor_log"
	ok "the guests report" wait_until 60 all_report
}

end_world()
{
	local lost
	kill "$monitor"
	stop_daemon
	lost=$(lost_guests)
	guest stop --all
	[[ -z $lost ]] || diag "lost without a word of its kernel: $lost"
	tap_end
}

# run_themes THEME...: functions theme_THEME
run_themes()
{
	local theme
	for theme; do
		[[ $(type -t "theme_$theme") == function ]] || {
			echo "there is no theme '$theme'" >&2
			exit 2
		}
	done
	for theme; do
		"theme_$theme"
	done
}

all_report()
{
	guest_is web class reporting && guest_is plug class reporting && guest_is sleepy class reporting
}

# has GUEST BYTES: at least
has()
{
	(($(guest actual "$1") >= $2))
}

logged()
{
	grep -qE -- "$1" "$log"
}

# decided CODE [GUEST]: since begin, and it was done.
decided()
{
	tail -n +$((lines_before + 1)) "$monitor_log" | jq -se --arg code "$1" --arg name "${2:-}" \
		'any(.type == "decision" and .applied and .code == $code and ($name == "" or .guest == $name))' >/dev/null
}

# level_was LEVEL: since begin.
level_was()
{
	tail -n +$((lines_before + 1)) "$monitor_log" |
		jq -se --arg level "$1" 'any(.type == "level" and .level == $level)' >/dev/null
}

# What was taken from whom since begin, and why.
commands()
{
	tail -n +$((lines_before + 1)) "$monitor_log" | jq -rs 'map(select(.type == "decision" and .applied and .to < .from))
		| .[] | "\(.guest) \(.from / 1048576 | floor) -> \(.to / 1048576 | floor): \(.code)"'
}

shrinks()
{
	commands | wc -l
}

shrunk()
{
	(($(shrinks) > 0))
}

# A level is left some time after it is over.
begin()
{
	wait_until 90 host_is level none
	lines_before=$(wc -l <"$monitor_log")
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

# On a host with plenty again, whether they need it or not.
all_get_back()
{
	ok "$1: all get everything back" wait_until 90 all_at_max ||
		diag "$(dynmem status; for name in web plug sleepy; do dynmem explain $name; done)"
}

all_at_max()
{
	has web $WEB_MAX && has plug $PLUG_MAX && has sleepy $SLEEPY_MAX
}
