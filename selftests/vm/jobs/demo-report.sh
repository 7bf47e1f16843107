# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# The demonstration's figures, taken with plain tools that do not depend on
# what they judge: the monitors of the guests, /proc and /sys.

GUESTS=(idle1 idle2 busy silent)
declare -A actual rss ooms avail saved kills

mib()
{
	echo $((${1:-0} >> 20))
}

ksm_saved()
{
	echo $(($(cat /sys/kernel/mm/ksm/pages_sharing) * 4096))
}

# A field of /proc/meminfo in bytes.
meminfo()
{
	awk -v key="$1:" '$1 == key { printf "%d\n", $2 * 1024 }' /proc/meminfo
}

# report_take WHEN: remember all figures under that name.
report_take()
{
	local g
	for g in "${GUESTS[@]}"; do
		actual[$1,$g]=$(guest actual "$g" 2>/dev/null || echo 0)
		rss[$1,$g]=$(guest rss "$g" 2>/dev/null || echo 0)
		ooms[$1,$g]=$(guest_oom_kills -t 20 "$g" 2>/dev/null)
	done
	avail[$1]=$(meminfo MemAvailable)
	saved[$1]=$(ksm_saved)
	kills[$1]=$(host_oom_kills)
}

guest_ooms()
{
	local g sum=0
	for g in "${GUESTS[@]}"; do
		sum=$((sum + ${ooms[after,$g]:-0}))
	done
	echo $sum
}

host_ooms()
{
	echo $((kills[after] - kills[before]))
}

# When the first balloon command came, seen from the first stall or rise of
# the level, by the kernel's clock. It may come earlier: the daemon keeps what
# guests could call in, and does not wait for the host to be pressed.
reaction()
{
	jq -rs '
		def ms: . / 1e4 | round / 100 | tostring + " ms";
		(map(select((.type == "level" or (.type == "pressure" and (.event | length > 0))) and .level != "none")) | first.monotonic) as $t0
		| map(select(.type == "decision" and .applied) | .monotonic) as $t
		| ($t | map(select(. >= $t0)) | first) as $after
		| if $t0 == null then "the host was never pressed"
		  elif $after == null then "no balloon command followed"
		  else "the first balloon command after it came " + ($after - $t0 | ms) + " later"
			+ (if $t[0] < $t0 then ", the very first " + ($t0 - $t[0] | ms) + " before it" else "" end)
		  end
	' "$LAB_DIR/monitor.jsonl" 2>/dev/null
}

report_print()
{
	local g
	printf '\n%-22s %12s %12s %12s\n' '' before pressed after
	for g in "${GUESTS[@]}"; do
		printf '%-22s %8d MiB %8d MiB %8d MiB\n' "$g may use" \
			"$(mib "${actual[before,$g]}")" "$(mib "${actual[pressed,$g]}")" "$(mib "${actual[after,$g]}")"
		printf '%-22s %8d MiB %8d MiB %8d MiB\n' '  costs the host' \
			"$(mib "${rss[before,$g]}")" "$(mib "${rss[pressed,$g]}")" "$(mib "${rss[after,$g]}")"
	done
	printf '%-22s %8d MiB %8d MiB %8d MiB\n' 'host available' \
		"$(mib "${avail[before]}")" "$(mib "${avail[pressed]}")" "$(mib "${avail[after]}")"
	printf '%-22s %8d MiB %8d MiB %8d MiB\n' 'KSM saves' \
		"$(mib "${saved[before]}")" "$(mib "${saved[pressed]}")" "$(mib "${saved[after]}")"
	echo
	[[ -z $BASELINE ]] && echo "first stall or level change: $(reaction)"
	echo "OOM kills: $(host_ooms) on the host, $(guest_ooms) in guests"
}

# Did it work?  Each line that did not is said.
report_verdict()
{
	local bad=0
	check()
	{
		(($1)) || { echo "demo: $2"; bad=1; }
	}
	case $BASELINE in
	'')
		check $((actual[pressed,idle1] + actual[pressed,idle2] <= actual[before,idle1] + actual[before,idle2] - (200 << 20))) \
			"the idle guests did not lend 200 MiB"
		check $((actual[after,idle1] + actual[after,idle2] >= actual[pressed,idle1] + actual[pressed,idle2] + (100 << 20))) \
			"the idle guests did not get their memory back"
		check $(($(host_ooms) == 0 && $(guest_ooms) == 0)) "somebody ran out of memory"
		((bad)) || echo "demo: memory moved to the busy guest and back, and nobody ran out of it"
		;;
	none | fpr)
		if (($(host_ooms))); then
			echo "demo: without dynmem ($BASELINE) the host ran out of memory and killed $(host_ooms) of its guests"
		else
			echo "demo: without dynmem ($BASELINE) the host survived"
		fi
		;;
	esac
	return $bad
}
