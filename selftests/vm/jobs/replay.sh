#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A recording of a real host with real guests, made in the lab's host machine:
# replayed, the engine decides what the daemon decided, and no field of a record
# is without a value. TAP.
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh

config=/etc/dynmem/dynmem.conf
log=$LAB_DIR/dynmemd.log
whole=$LAB_DIR/whole.jsonl
later=$LAB_DIR/later.jsonl

at_most()
{
	(($(guest actual "$1") <= $2))
}

commanded()
{
	grep -qE 'guest idle: .*shrunk by' "$log"
}

# What the lab's host and guests do not have: no ZFS, and its QEMU is too old
# for six counters of guests.
never_here='arc-size arc-min stat-oom-kills stat-alloc-stalls stat-async-scans
stat-direct-scans stat-async-reclaims stat-direct-reclaims'

# fields KIND: that records of this kind had in the recording
fields()
{
	jq -r --arg kind "$1" 'select(.type == $kind) | .record | keys[]' "$whole" | sort -u
}

# all_fields TABLE: the names that the table of fields has
all_fields()
{
	sed -n "/^const struct record_field $1/,/^};/p" tools/policy/record_fields.c |
		grep -oE '"[a-z-]+"' | tr -d '"' | sort -u
}

# every_field KIND TABLE
every_field()
{
	local missing
	(($(all_fields "$2" | wc -l) > 10)) || return
	missing=$(comm -13 <(fields "$1") <(all_fields "$2") | grep -vxF "$(tr ' ' '\n' <<<"$never_here")")
	[[ -z $missing ]] || diag "no $1 record had: ${missing//$'\n'/ }"
	[[ -z $missing ]]
}

start_world()
{
	install -D -m 0644 selftests/vm/jobs/e2e.conf $config
	start_bus
	mkdir -p /run/dynmem-lab/qmp
	start_daemon $config --record="$whole" || return
	echo 1 >/sys/kernel/mm/ksm/run
	guest start idle --mem 640 --disk
	guest start busy --mem 896
	ask_guest -t 200 idle touch 280M >/dev/null
	ask_guest -t 200 idle readcache 180M >/dev/null
	ask_guest -t 200 idle free 100M >/dev/null
	ok "both guests are found" wait_until 60 has_guests 2
}

test_recorded()
{
	local i recorder
	build/dynmem record "$later" 2>"$LAB_DIR/record.txt" &
	recorder=$!
	for i in 1 2 3; do
		ok "busy gets 120 MiB more ($i)" ask_guest -t 180 busy touch 120M
		sleep 3
	done
	ok "the idle guest lends memory" wait_until 90 at_most idle $((560 << 20))
	ok "by a command of the daemon" commanded
	# One that does not answer is followed by its CPU time.
	kill -STOP "$(pgrep -f 'name busy' | head -n 1)"
	sleep 8
	kill -CONT "$(pgrep -f 'name busy' | head -n 1)"
	sleep 2
	ok "the records can be read" sh -c "busctl --json=short call org.dynmem1 /org/dynmem1 \
		org.dynmem1.Manager GetRecords | jq -e '.data[0] | fromjson | .schema == 1'"
	kill -TERM "$recorder"
	wait "$recorder"
	is "the recorder ends well" $? 0
	stop_daemon
	ok "each line of a recording is JSON" jq -e . "$whole"
}

test_replayed()
{
	build/dynmem simulate --replay "$whole" --json >"$LAB_DIR/replay.jsonl"
	is "the recording of the whole run is replayed exactly" $? 0
	tail -n 1 "$LAB_DIR/replay.jsonl"
	ok "no decision is unlike the daemon's" jq -es 'last | .exact and .unlike == 0' "$LAB_DIR/replay.jsonl"
	ok "there were decisions, and commands" jq -es 'last | .decisions > 20 and .commands > 0' "$LAB_DIR/replay.jsonl"
	ok "the one begun later can be replayed" build/dynmem simulate --replay "$later"
	jq -c 'if .type == "host" and .record.total then .record.available = 67108864 else . end' \
		"$whole" >"$LAB_DIR/other.jsonl"
	refused "another host is decided otherwise, which is an error" \
		build/dynmem simulate --replay "$LAB_DIR/other.jsonl"
}

test_fields()
{
	ok "every field of a guest's record was filled" every_field guest guest_record_fields
	ok "every field of the host's record was filled" every_field host host_record_fields
}

start_world || exit 1
test_recorded
test_replayed
test_fields
guest stop --all
tap_end
