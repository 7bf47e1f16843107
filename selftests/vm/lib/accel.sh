# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # the options are set in lab
#
# What runs the lab's machine: this machine's KVM where that works, with guests in
# guests, else QEMU's emulation.
#
#   LAB_ACCEL=tcg|kvm   by hand, instead of the probe

PROBE_TIMEOUT=40

# accel and accel_why: what runs it, and why.
choose_accel() {
	case ${LAB_ACCEL:-} in
	'') ;;
	tcg | kvm)
		accel=$LAB_ACCEL accel_why="LAB_ACCEL"
		[[ $accel == tcg || ($thread == multi && -z $icount) ]] ||
			usage_error "--one-thread and --icount are for the emulator, and LAB_ACCEL=kvm is set"
		return
		;;
	*) usage_error "LAB_ACCEL='$LAB_ACCEL': allowed are tcg and kvm, or nothing for a probe" ;;
	esac
	accel=tcg
	if [[ $thread != multi || -n $icount ]]; then
		accel_why="only the emulator can do what is asked for"
	elif [[ ! -w /dev/kvm ]]; then
		accel_why="there is no /dev/kvm here"
	else
		use_probe
	fi
}

# A probe holds until this machine boots again, for this kernel and this QEMU.
use_probe() {
	local cache key lock
	key="$(cat /proc/sys/kernel/random/boot_id) $(basename "$kernel_dir") $("$emulator" --version | head -n 1)"
	cache=$BUILD/lab/$(basename "$kernel_dir")/accel
	exec {lock}>"$cache.lock"
	flock "$lock"
	if [[ $(head -n 1 "$cache" 2>/dev/null) != "$key" ]]; then
		progress "probing whether /dev/kvm can run the lab (once; $PROBE_TIMEOUT s at the most) ..."
		{
			echo "$key"
			probe
		} >"$cache.new"
		mv "$cache.new" "$cache"
	fi
	exec {lock}>&-
	# shellcheck disable=SC2034 # l1.sh shows it
	read -r accel accel_why < <(sed -n 2p "$cache")
}

# Boots the machine, and one guest in it: prints accelerator and reason.
probe() {
	local start=${EPOCHREALTIME/./} log=$BUILD/lab/probe/probe.log dir=$BUILD/lab/probe
	mkdir -p "$dir"
	if LAB_ACCEL=kvm LAB_PROBE=1 timeout --kill-after=5 "$PROBE_TIMEOUT" "$VM_DIR/lab" run --quiet \
		--id probe --kernel "$(basename "$kernel_dir")" --module none --mem 768 --zram 0 \
		-- "$VM_DIR/guest" start probe --mem 192 >"$log" 2>&1 </dev/null; then
		echo "kvm a guest in it was up after $(seconds_since "$start") s"
	else
		echo "tcg /dev/kvm cannot run it: $(probe_failure "$log" "$dir/qemu.log")"
	fi
}

# The most useful line: QEMU's, else the last of the lab's output.
probe_failure() {
	local line
	line=$(grep -m 1 -aiE 'error|fail|assert' "$2" 2>/dev/null || tail -n 1 "$1")
	printf '%s\n' "${line:-no answer within $PROBE_TIMEOUT s}" | tr -d '\r' | cut -c 1-100
}
