# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For jobs about KSM in the lab; after host.sh.

KSM=/sys/kernel/mm/ksm
KSM_CONF=/tmp/ksm.conf
KSM_STATE=/tmp/ksm-state/state

# configure_ksm MODE [LINE...]: what the daemon reads; LINEs are more of [ksm], and sections.
configure_ksm()
{
	local mode=$1 line
	shift
	{
		printf '[daemon]\nmode = manage\nsource = procfs\nstate = %s\n' $KSM_STATE
		printf '[backend qmp]\npath = /run/dynmem-lab/qmp\n[guest *]\nmin = 90%%\n'
		printf '[ksm]\nmode = %s\n' "$mode"
		for line; do
			printf '%s\n' "$line"
		done
	} >$KSM_CONF
}

# host_says KEY TEXT: the host's value contains it.
host_says()
{
	[[ $(host_field "$1") == *"$2"* ]]
}

ksm_is()
{
	[[ $(<"$KSM/$1") == "$2" ]]
}

ksm_above()
{
	(($(<"$KSM/$1") > $2))
}

# ksmd's CPU time, in ticks of 10 ms.
ksmd_ticks()
{
	awk '{ print $14 + $15 }' "/proc/$(pgrep -x ksmd)/stat"
}

# ksmd_share SECONDS: of a CPU, in thousandths, over that time.
ksmd_share()
{
	local from=${EPOCHREALTIME/./} ticks
	ticks=$(ksmd_ticks)
	sleep "$1"
	echo $((($(ksmd_ticks) - ticks) * 10000 * 1000 / (${EPOCHREALTIME/./} - from)))
}
