# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How selftests/check runs suites: the lists that it makes of selftests/suites,
# what runs beside what, and what is printed.

logs=${CHECK_LOGS:-build/check}
mkdir -p "$logs"

parts=()
# The suites that are wanted, in order, and the steps that build for them.
names=() limits=() slots=() commands=()
steps=()
passed=0 failed=0 skipped=0
failures=()

# How long each took when it last ran here, else where the defaults are from.
declare -A seconds=() took=() suite_of=() start_of=()
for file in selftests/durations "$logs/durations"; do
	[ ! -e "$file" ] || while read -r name value; do
		seconds[$name]=$value
	done < <(grep -v '^#' "$file")
done

seconds_of()
{
	echo "${seconds[$1]:-5}"
}

# What this machine can run at once, and what of it is free. Most suites wait most
# of the time: five run where a lab, which keeps two processors busy, and one do.
lab_slots=4
capacity=$(($(nproc) * lab_slots / 2 + 1))
[ "$capacity" -gt "$lab_slots" ] || capacity=$((lab_slots + 1))
free=$capacity

# wanted NAME: by the command line.
wanted()
{
	local part
	[ "${#parts[@]}" -gt 0 ] || return 0
	for part in "${parts[@]}"; do
		# shellcheck disable=SC2053 # a glob is wanted
		[[ $1 == $part || $1 == "$part"/* ]] && return 0
	done
	return 1
}

# queue SLOTS NAME TIME-OUT COMMAND...
queue()
{
	wanted "$2" || return 0
	slots+=("$1") names+=("$2") limits+=("$3") commands+=("${*:4}")
}

# suite NAME TIME-OUT COMMAND...: one that needs a processor at most.
suite()
{
	queue 1 "$@"
}

# lab_suite NAME TIME-OUT COMMAND...: in an emulated machine, which needs two.
lab_suite()
{
	queue $lab_slots "$@"
}

# waiting_lab_suite NAME TIME-OUT COMMAND...: in one that waits half of its time.
waiting_lab_suite()
{
	queue $((lab_slots / 2)) "$@"
}

# step NAME SUITES COMMAND...: a build step, for suites that match one of these
# globs. It has to work for the rest to make sense.
step()
{
	steps+=("$1|$2|${*:3}")
}

run_steps()
{
	local step name patterns command begin
	for step in "${steps[@]}"; do
		IFS='|' read -r name patterns command <<<"$step"
		any_wanted "$patterns" || continue
		printf '%-40s ' "build-$name"
		begin=$SECONDS
		if $command >"$logs/build-$name.log" 2>&1; then
			echo "done ($((SECONDS - begin)) s)"
		else
			echo FAILED
			tail -n 60 "$logs/build-$name.log"
			echo "0 passed, 1 failed"
			exit 1
		fi
	done
}

any_wanted()
{
	local pattern name
	set -f
	for pattern in $1; do
		for name in "${names[@]}"; do
			# shellcheck disable=SC2053
			[[ $name == $pattern ]] && { set +f; return 0; }
		done
	done
	set +f
	return 1
}

log_of()
{
	echo "$logs/${1//\//-}.log"
}

# Each suite is a session of its own, so that all of it can be ended.
start_suite()
{
	local i=$1
	# shellcheck disable=SC2086 # a command and its arguments
	CHECK_SUITE=${names[i]} setsid timeout --kill-after=20 "${limits[i]}" ${commands[i]} \
		>"$(log_of "${names[i]}")" 2>&1 </dev/null &
	suite_of[$!]=$i start_of[$!]=$SECONDS
	free=$((free - slots[i]))
}

# Starts what fits, in order; where a lab does not, others go before it.
start_suites()
{
	local i rest=()
	for i in "${waiting[@]}"; do
		if ((slots[i] <= free)); then
			start_suite "$i"
		else
			rest+=("$i")
		fi
	done
	waiting=("${rest[@]}")
}

# Counts the results in a log; sets p, f and s.
count_results()
{
	local log=$1 name=$2 status=$3
	s=$(grep -cE '^ok .*# SKIP' "$log")
	p=$(($(grep -cE '^ok ' "$log") - s))
	# A whole suite that cannot run here.
	s=$((s + $(grep -cE '^1\.\.0 # SKIP' "$log")))
	f=$(grep -cE '^not ok ' "$log")
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		echo "not ok - $name exited with status $status$([ "$status" -eq 124 ] && echo ': time-out')" >>"$log"
	elif [ $((p + f + s)) -eq 0 ]; then
		f=1
		echo "not ok - $name printed no test result" >>"$log"
	fi
}

# end_suite PID STATUS
end_suite()
{
	local i=${suite_of[$1]} name log p f s
	name=${names[i]}
	log=$(log_of "$name")
	count_results "$log" "$name" "$2"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	free=$((free + slots[i])) took[$name]=$((SECONDS - start_of[$1]))
	unset "suite_of[$1]"
	printf "$clear%-36s %s (%d s) %s\n" "$name" \
		"$p passed, $f failed$([ "$s" -gt 0 ] && echo ", $s skipped")" "${took[$name]}" "[$(time_left)]"
	if [ "$f" -gt 0 ]; then
		failures+=("$name: $log")
		grep -E '^not ok ' "$log" | sed 's/^/    /'
		tail -n 25 "$log" | sed 's/^/    | /'
	else
		seconds[$name]=${took[$name]}
	fi
}

# By how long each took before; what runs counts by what is left of it.
time_left()
{
	local i pid left longest=0 work=0
	for i in "${waiting[@]}"; do
		left=$(seconds_of "${names[i]}")
		work=$((work + left * slots[i]))
		((left > longest)) && longest=$left
	done
	for pid in "${!suite_of[@]}"; do
		i=${suite_of[$pid]}
		left=$(($(seconds_of "${names[i]}") - SECONDS + start_of[$pid]))
		((left > 1)) || left=1
		work=$((work + left * slots[i]))
		((left > longest)) && longest=$left
	done
	left=$((work / capacity))
	((left > longest)) || left=$longest
	if ((left >= 90)); then
		echo "about $(((left + 30) / 60)) min left"
	else
		echo "about $left s left"
	fi
}

# A terminal gets a line that says what runs now.
if [ -t 1 ]; then
	clear=$'\r\033[K'
	running_now()
	{
		local pid text=
		for pid in "${!suite_of[@]}"; do
			text+="${names[suite_of[$pid]]} ($((SECONDS - start_of[$pid])) s) "
		done
		printf '%s' "$clear${text:0:60} ... $(time_left)"
	}
else
	clear=
	running_now() { :; }
fi

run_suites()
{
	local pid ticker='' status
	waiting=("${!names[@]}")
	while :; do
		start_suites
		((${#suite_of[@]})) || break
		running_now
		[ -n "$ticker" ] || { sleep 2 & ticker=$!; }
		wait -n -p pid "$ticker" "${!suite_of[@]}"
		status=$?
		if [ "$pid" = "$ticker" ]; then
			ticker=
		else
			end_suite "$pid" "$status"
		fi
	done
	kill "$ticker" 2>/dev/null
	save_seconds
}

save_seconds()
{
	local name
	for name in "${!seconds[@]}"; do
		echo "$name ${seconds[$name]}"
	done | sort >"$logs/durations"
}

interrupted()
{
	local pid
	trap '' INT TERM
	for pid in "${!suite_of[@]}"; do
		pkill -TERM --session "$pid"
	done
	wait
	save_seconds
	echo "check: interrupted" >&2
	exit 130
}

print_slowest()
{
	local name value
	[ "${#names[@]}" -gt 8 ] || return 0
	echo
	echo "The slowest, of $((SECONDS / 60)) min $((SECONDS % 60)) s in all:"
	for name in "${!took[@]}"; do
		echo "${took[$name]} $name"
	done | sort -rn | head -n 6 | while read -r value name; do
		printf '  %5d s  %s\n' "$value" "$name"
	done
}

# The last line is the sum.
print_sum()
{
	if [ "${#failures[@]}" -gt 0 ]; then
		echo
		echo "Failed, with their logs:"
		printf '  %s\n' "${failures[@]}"
	fi
	if [ -s "$CHECK_REPEATS" ]; then
		echo
		echo "Repeated in a new machine, after it failed in another (only one may be):"
		sed 's/^/  /' "$CHECK_REPEATS"
	fi
	[ "${#names[@]}" -gt 8 ] && echo
	echo "$passed passed, $failed failed$([ "$skipped" -gt 0 ] && echo ", $skipped skipped")"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
