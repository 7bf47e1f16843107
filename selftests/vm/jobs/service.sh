#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The daemon as systemd runs it: installed by `make install`, in the sandbox of
# its unit, with systemd as the first process of a container in the lab's host
# machine, and a real guest.  TAP.
#
# build/staged is what `make install DESTDIR=...` made.
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh
# shellcheck source-path=SCRIPTDIR source=../l1/ksm.sh
. selftests/vm/l1/ksm.sh
# shellcheck source-path=SCRIPTDIR source=../l1/systemd.sh
. selftests/vm/l1/systemd.sh

MIB=$((1 << 20))
conf_d=/etc/dynmem/dynmem.conf.d
# As a user calls it: what was installed.
dynmem() { /usr/local/bin/dynmem "$@"; }
dynmemd() { /usr/local/sbin/dynmemd "$@"; }

#
# Outside: the container.
#

outside()
{
	tar -C build/staged -c . | tar -C / -x --keep-directory-symlink || exit 1
	depmod
	ldconfig
	journalctl --update-catalog
	systemd-sysusers dynmem.conf || exit 1
	start_systemd || exit 1
	in_container "$PWD/selftests/vm/jobs/service.sh" inside
}

#
# Inside
#

unit()
{
	systemctl show --value -p "$1" dynmemd
}

logged()
{
	journalctl --no-pager -q -u dynmemd | grep -qE -- "$1"
}

target_below()
{
	(($(dynmem status --json | jq '.guests[0].target') < $1))
}

unit_is()
{
	[[ $(unit "$1") == "$2" ]]
}

of_process()
{
	awk -v key="$1:" '$1 == key { print $2 }' "/proc/$(unit MainPID)/status"
}

test_start()
{
	ok "the module is found where it was installed" modprobe dynmem
	ok "the unit starts" systemctl start dynmemd
	is "and says when it is ready" "$(unit Type) $(unit ActiveState)" "notify active"
	ok "the command finds it" host_is source genl
	ok "the shipped configuration only observes" host_is mode observe
	is "nobody else reads its monitors' folder" "$(stat -c %a /run/dynmem/qmp)" 700
}

test_sandbox()
{
	is "system calls are filtered" "$(of_process Seccomp)" 2
	is "no privileges can be gained" "$(of_process NoNewPrivs)" 1
	# CAP_DAC_OVERRIDE and CAP_SYS_RESOURCE.
	is "of capabilities it has two" "$(of_process CapBnd)" 0000000001000002
	ok "its memory is locked" test "$(of_process VmLck)" -gt 1000
	is "the OOM killer spares it" "$(cat "/proc/$(unit MainPID)/oom_score_adj")" -1000
}

doctor_says()
{
	[[ $(dynmem doctor --json | jq -r --arg check "$1" \
		'[.findings[] | select(.check == $check) | .status] | unique | join(" ")') == "$2" ]]
}

metrics_are()
{
	exec 9<>/dev/tcp/127.0.0.1/9974 && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&9 && grep -qx "$1" <&9
}

# As a user of its own, without a right but to read.
test_metrics()
{
	ok "the metrics' unit starts" systemctl start dynmem-metrics
	ok "it serves what the daemon says on the bus" wait_until 20 metrics_are 'dynmem_up 1' ||
		diag "$(journalctl --no-pager -q -u dynmem-metrics)"
	ok "and the module" metrics_are 'dynmem_stalls_total{cause="host"} [0-9]*'
	is "it has a user of its own" \
		"$(stat -c %U "/proc/$(systemctl show --value -p MainPID dynmem-metrics)")" dynmem-metrics
	ok "it stops" systemctl stop dynmem-metrics
	is "without a fault" "$(systemctl show --value -p Result dynmem-metrics)" success
}

test_doctor()
{
	ok "the doctor finds a daemon that only observes" doctor_says daemon note
	ok "the module" doctor_says module ok
	ok "and the source of pressure" doctor_says source ok
}

# Found where the shipped configuration looks for it, moved, for real.
test_guest()
{
	mkdir -p $conf_d
	printf '[daemon]\nmode = manage\n[guest *]\nmin = 160M\n' >$conf_d/manage.conf
	ok "the unit reloads" systemctl reload dynmemd
	ok "with the new configuration" wait_until 10 host_is mode manage
	ok "a guest starts" guest start one --mem 640 --workload 'touch 420M; free 410M' \
		--qemu '-qmp unix:/run/dynmem/qmp/one.qmp,server=on,wait=off'
	ok "it is found in the shipped configuration's folder" wait_until 20 guest_is one name one
	ok "it reports" wait_until 60 guest_is one class reporting
	ok "the doctor finds its balloon" doctor_says balloon ok || diag "$(dynmem doctor --all)"
	ok "and its statistics" doctor_says statistics ok
	ok "the host can be pressed" press_host 130
	ok "the guest is asked for memory" wait_until 60 target_below $((560 * MIB)) ||
		diag "$(dynmem status)"
	ok "and that is in the journal" wait_until 10 logged 'guest one: .*shrunk by'
	release_host
}

# The command reads what the daemon wrote to the journal, and journalctl explains it.
test_see()
{
	ok "the guest is shown" grep -qE 'min +160 MiB, from .*/manage.conf:[0-9]+' <<<"$(dynmem show one)"
	ok "explained" grep -q ' used$' <<<"$(dynmem explain one)"
	ok "with its decisions" grep -q ' -> .*shrunk by' <<<"$(dynmem explain one)"
	ok "which are its history" test "$(dynmem history one --json | jq '[.events[] | select(.type == "decision")] | length')" -gt 0
	ok "journalctl explains them" grep -q 'dynmem explain one' <<<"$(journalctl -x --no-pager -q -u dynmemd)"
	ok "a setting at run time" dynmem guest one set min 170M --expires 1h
	is "holds" "$(dynmem show one --json | jq -r '.guest | "\(.min / 1048576) \(.["min-from"])"')" "170 run time"
}

mux() { tmux -f /dev/null -S /run/top "$@"; }
top_shows() { mux capture-pane -p -t top 2>/dev/null | grep -qE -- "$1"; }

test_top()
{
	mux new-session -d -s top -x 80 -y 24 env LC_ALL=C.UTF-8 PS1='ready> ' bash --norc
	mux send-keys -t top '/usr/local/bin/dynmem top' Enter
	ok "top shows the host" wait_until 20 top_shows '^Host \[#+.*available' ||
		diag "$(mux capture-pane -p -t top)"
	ok "and the guest" wait_until 10 top_shows '^one +\[.*reporting'
	mux send-keys -t top q
	ok "it ends" wait_until 10 top_shows '^ready>'
	mux kill-server
}

# As many guests as they were, in the page, and what policies would have lent.
test_record()
{
	rm -f /tmp/see.jsonl
	ok "what decisions depend on is recorded" dynmem record --seconds 5 /tmp/see.jsonl
	ok "and reported as one page" dynmem report /tmp/see.jsonl -o /tmp/see.html
	ok "with the guest in it" grep -q '<svg.*one\|>one<' /tmp/see.html
}

test_reserve()
{
	dynmem reserve 16M --name two --timeout 0 --json >/tmp/see.json 2>&1
	ok "memory is reserved" test "$(dynmem reservations --json | jq '.reservations | length')" -eq 1 ||
		diag "$(cat /tmp/see.json)"
	ok "and given up" dynmem reserve --release "$(dynmem reservations --json | jq '.reservations[0].id')"
	is "so that nothing is kept" "$(dynmem reservations --json | jq '.reservations | length')" 0
}

test_diff()
{
	printf '[guest one]\nmax = 600M\n' >$conf_d/diff.conf
	ok "a reload's difference is shown before" grep -q '^one: range .* to 600 MiB' <<<"$(dynmemd --check --diff 2>&1)" ||
		diag "$(dynmemd --check --diff 2>&1)"
	rm $conf_d/diff.conf
}

in_sandbox()
{
	nsenter --target "$(unit MainPID)" --mount sh -c "$1" 2>/dev/null
}

# Of all kernel settings the sandbox lets it write KSM's.
test_ksm()
{
	echo 0 >$KSM/run
	printf '[ksm]\nmode = manage\n' >$conf_d/ksm.conf
	ok "what it saves is shown by guest" test "$(dynmem ksm --by guest --json | jq -r .by)" = guest
	ok "the unit reloads, to manage KSM" systemctl reload dynmemd
	ok "ksmd is started" wait_until 20 ksm_is run 1 || diag "$(dynmem status)"
	ok "and the daemon drives it" wait_until 10 host_is ksm-driver dynmemd
	refused "it can write no setting of memory management" in_sandbox 'echo 60 >/proc/sys/vm/swappiness'
	refused "nor another one beside KSM's" in_sandbox \
		'echo madvise >/sys/kernel/mm/transparent_hugepage/enabled'
	rm $conf_d/ksm.conf
	ok "the unit reloads, to leave it alone" systemctl reload dynmemd
	ok "KSM is as it was" wait_until 20 ksm_is run 0
}

restarted()
{
	[[ $(unit MainPID) -gt 0 && $(unit MainPID) != "$1" ]] && unit_is ActiveState active
}

test_killed()
{
	local pid
	pid=$(unit MainPID)
	kill -KILL "$pid"
	ok "killed, it is started again" wait_until 30 restarted "$pid"
	ok "and knows its guest" wait_until 20 logged 'guest one: known'
	is "with what was set" "$(dynmem show one --json | jq '.guest.min / 1048576')" 170
	ok "and its history" test "$(dynmem history one --json | jq '.events | length')" -gt 1
	ok "whose memory it manages" wait_until 60 guest_is one class reporting
}

# What Documentation/operation.rst offers to hosts whose processors are all busy.
test_realtime()
{
	local dir=/run/systemd/system/dynmemd.service.d
	mkdir -p $dir
	printf '[Service]\nCPUSchedulingPolicy=fifo\nCPUSchedulingPriority=1\n' >$dir/fifo.conf
	systemctl daemon-reload
	ok "it can run before all others" systemctl restart dynmemd
	ok "and does" grep -q FIFO <<<"$(chrt -p "$(unit MainPID)")"
	ok "and manages" wait_until 60 guest_is one class reporting
	rm -r $dir
	systemctl daemon-reload
	ok "or like others again" systemctl restart dynmemd
}

remove_module()
{
	rmmod dynmem && rm "/lib/modules/$(uname -r)/updates/dynmem.ko"
}

# What does not mend by itself is not tried again and again.
test_refuses()
{
	printf '[guest one]\nmin = 2G\nmax = 1G\n' >$conf_d/wrong.conf
	refused "with a wrong configuration the unit fails" systemctl restart dynmemd
	is "and stays down" "$(unit ActiveState) $(unit ExecMainStatus)" "failed 78"
	ok "having logged why" logged 'wrong.conf:[0-9]+'
	rm $conf_d/wrong.conf

	printf '[daemon]\nsource = genl\n' >$conf_d/source.conf
	ok "the module can go" rmmod dynmem
	ok "but is loaded by whom looks for its family" systemctl restart dynmemd
	ok "which is that" test -d /sys/module/dynmem
	systemctl stop dynmemd
	ok "it can be taken away" remove_module
	refused "without the module that is asked for it fails" systemctl restart dynmemd
	is "and stays down, too" "$(unit ActiveState) $(unit ExecMainStatus)" "failed 3"
	rm $conf_d/source.conf
	ok "else it does without" systemctl restart dynmemd
	ok "with PSI" host_is source procfs
	ok "and manages as well" wait_until 60 guest_is one class reporting
}

test_stop()
{
	ok "the unit stops" systemctl stop dynmemd
	is "without a fault" "$(unit Result) $(unit ExecMainStatus)" "success 0"
	ok "the doctor finds no daemon" doctor_says daemon warn
	ok "and a QEMU of which it knows the balloon" doctor_says balloon ok
	dynmem status >/dev/null 2>&1
	is "the command says that neither daemon nor module is there" $? 3
	guest stop --all
}

inside()
{
	test_start
	test_sandbox
	test_doctor
	test_metrics
	test_guest
	test_see
	test_top
	test_record
	test_reserve
	test_diff
	test_ksm
	test_killed
	test_realtime
	test_refuses
	test_stop
	tap_end || { journalctl --no-pager -q -u dynmemd | tail -n 60 | sed 's/^/# /'; exit 1; }
}

if [[ ${1:-} == inside ]]; then
	inside
else
	outside
fi
