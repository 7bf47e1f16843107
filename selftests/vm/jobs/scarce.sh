#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A host that is short of memory, with real guests: what is taken, what harm
# is undone, and that all of it comes back.  TAP.
#
#   scarce.sh [THEME...]    of: shares harm emergency reservation; all without one
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh
# shellcheck source-path=SCRIPTDIR source=../l1/guests.sh
. selftests/vm/l1/guests.sh
# shellcheck source-path=SCRIPTDIR source=../l1/world.sh
. selftests/vm/l1/world.sh

swap=/tmp/web.swap

below()
{
	(($(guest actual "$1") < $2))
}

# What guests do not need is taken first from who has few shares, whoever that is.
theme_shares()
{
	local giver name
	for giver in web plug; do
		begin
		for name in web plug sleepy; do
			dynmem guest $name set shares 10000 >/dev/null
		done
		ok "shares: $giver gets few" dynmem guest $giver set shares 100
		ok "shares: the host is pressed until somebody gives" press_softly
		ok "shares: which is $giver, as long as it has more than it needs" gave_first $giver ||
			diag "$(commands)"
		release_host
		all_get_back "shares: $giver"
	done
	for name in web plug sleepy; do
		dynmem guest $name set shares default >/dev/null
	done
	nobody_killed shares
}

# In small steps from level low's threshold on, so that not everybody has to give.
press_softly()
{
	local mib
	for ((mib = 500; mib > 260; mib -= 16)); do
		press_host $mib
		sleep 1
		! shrunk || return 0
	done
	return 1
}

# gave_first GUEST: alone, or all that it does not need.
gave_first()
{
	local givers
	givers=$(commands | cut -d ' ' -f 1 | sort -u | xargs)
	[[ $givers == "$1" ]] ||
		[[ " $givers " == *" $1 "* && $(guest_field "$1" target) -le $(($(guest_field "$1" demand) + 16 * MIB)) ]]
}

# It gave, needs more soon after, and begins to swap; its host has nothing for it.
theme_harm()
{
	local size
	begin
	ok "harm: the host can be pressed" press_host 160
	ok "harm: a guest gives" wait_until 60 below web $((WEB_MAX - 32 * MIB))
	ok "harm: and needs more soon after" ask_guest -t 120 web touch 90M
	ask_guest -t 60 web busy 60M >/dev/null
	ok "harm: that is noticed" wait_until 90 harmed web
	ok "harm: and explained" explained web 'no shrink until .*did harm'
	size=$(guest actual web)
	release_host
	ok "harm: it has more as soon as there is any" wait_until 60 has web $((size + 12 * MIB))
	ask_guest -t 60 web busy 0 >/dev/null
	ask_guest -t 60 web free 90M >/dev/null
	nobody_killed harm
	all_get_back harm
}

explained()
{
	dynmem explain "$1" 2>&1 | grep "$2"
}

# Faster than anybody watches: what is free in guests goes, what is used stays.
theme_emergency()
{
	local used rss
	ask_guest -t 60 plug free 60M >/dev/null
	used=$(guest_field web used)
	rss=$(guest rss plug)
	begin
	ok "emergency: the host can be pressed" press_host 60
	ok "emergency: the host is critical" wait_until 20 level_was critical
	ok "emergency: guests give at once" wait_until 20 decided shrink-critical
	ok "emergency: and the host has it" wait_until 60 rss_below plug $((rss - 20 * MIB))
	ok "emergency: web keeps what it uses" has web "$used"
	nobody_killed emergency
	release_host
	all_get_back emergency
	ask_guest -t 60 plug touch 60M >/dev/null
}

rss_below()
{
	(($(guest rss "$1") < $2))
}

# More than the host has beside its guests: they make room, and it is kept.
theme_reservation()
{
	local size id
	begin
	size=$(($(host_field largest) + 32 * MIB))
	dynmem reserve "$((size / 1024))K" --name new --json >"$LAB_DIR/reserve.json" 2>&1
	is "reservation: room is made for it" $? 0 || diag "$(cat "$LAB_DIR/reserve.json")"
	ok "reservation: by the guests" decided shrink-reserve || diag "$(commands)"
	id=$(jq -r '.id // empty' "$LAB_DIR/reserve.json" 2>/dev/null)
	dynmem reserve 64G >"$LAB_DIR/out.txt" 2>&1
	is "reservation: more than all could give is refused" $? 1
	kill -KILL "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null
	if start_watched_daemon; then
		pass "reservation: a new daemon starts"
	else
		fail "reservation: a new daemon starts"
	fi
	ok "reservation: what was reserved outlives it" dynmem reserve --release "$id"
	refused "reservation: and is over then" dynmem reserve --release "$id"
	nobody_killed reservation
	all_get_back reservation
}

truncate -s 96M $swap
web_options=(--qemu "-drive file=$swap,if=none,id=swap,format=raw -device virtio-blk-pci,drive=swap")
start_world || exit 1
ok "web has swap" ask_guest -t 60 web sh 'mkswap /dev/vda && swapon /dev/vda'
(($#)) || set -- shares harm emergency reservation
run_themes "$@"
end_world
