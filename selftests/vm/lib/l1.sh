# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # the options are set in lab
#
# The life of the lab's host machine: prepare, start, follow, end.

# Booting takes 4 to 6 s, or 20 on a machine that is busy with other things;
# past this it hangs, and is tried once more.
BOOT_TIMEOUT=120
BOOT_TRIES=2
# A machine whose job has ended powers off within a second.
OFF_TIMEOUT=20

# Lines in the kernel's log that a clean run doesn't have. Not among them: the
# taint that an unsigned, out-of-tree module brings; what the OOM killer says,
# since some jobs want it to.
DMESG_PATTERN=$(
	paste -sd '|' <<'END'
WARNING: 
BUG: 
Oops
general protection fault
Kernel panic
detected (expedited )?stalls? on
kthread starved for
soft lockup
hard LOCKUP
blocked for more than
possible circular locking
possible recursive locking
suspicious RCU usage
INFO: trying to register
KASAN
UBSAN
KCSAN
kmemleak: .*suspected
page allocation failure
refcount_t:
list_(add|del) corruption
sleeping function called
scheduling while atomic
Bad page state
END
)

run_dir='' qemu_pid='' qemu_end='' status='' helper_pids=() saved_tty=''

progress() {
	((quiet)) || say "$*"
}

# Starts a command in the background that dies when this script does, even by
# SIGKILL, and which Ctrl-C in the terminal doesn't reach.
spawn() {
	# Without <&0 the shell would give it /dev/null.
	setpriv --pdeathsig KILL -- "$@" <&0 &
}

# The newest QEMU that is unpacked: up to 8.0 the emulation translates a page
# before it watches it for writes, so that a processor may keep the breakpoint by
# way of which the kernel patches its text ("Oops: int3", or it hangs).
choose_emulator() {
	local newest
	newest=$(printf '%s\n' "$QEMUS"/*/.complete | sort -V | tail -n 1)
	emulator="qemu-system-x86_64"
	[[ ! -e $newest ]] || emulator=$(dirname -- "$newest")/usr/bin/$emulator
}

l1_prepare() {
	local release
	kernel_dir=$(kernel_dir "$kernel") || {
		say "no kernel $kernel is unpacked in ${KERNELS#"$TOP"/}; run 'make deps'"
		exit 125
	}
	release=$(basename "$kernel_dir")
	choose_emulator
	guest_path=$PATH
	if [[ -n $qemu_version ]]; then
		[[ -e $QEMUS/$qemu_version/.complete ]] ||
			usage_error "--qemu $qemu_version: it is not in ${QEMUS#"$TOP"/}; run 'make deps'"
		guest_path=$QEMUS/$qemu_version/usr/bin:$PATH
	fi
	case $module in
	'')
		module=$BUILD/kmod/$release/kmod/dynmem.ko
		[[ -e $module ]] || module=
		;;
	none) module= ;;
	*)
		[[ -r $module ]] || usage_error "--module $module: no such file"
		module=$(realpath "$module")
		;;
	esac

	mkdir -p "$BUILD/lab"
	BUILD=$(realpath "$BUILD")
	flock "$BUILD/lab/.lock" env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -f "$VM_DIR/lab.mk" lab-prepare \
		BUILD="$BUILD" KERNEL_DIR="$kernel_dir" >&2 || {
		say "the lab's own programs can't be built; see above"
		exit 125
	}

	if [[ -n $id ]]; then
		run_dir=$BUILD/lab/$id
		mkdir -p "$run_dir"
	else
		run_dir=$(mktemp -d "$BUILD/lab/run-XXXXXX")
		chmod 755 "$run_dir"
	fi
	choose_accel
	: "${out:=$run_dir/out}"
	mkdir -p "$out"
	out=$(realpath "$out")
	rm -f "$run_dir"/{dmesg.log,console.log,setup-failed,ended}
}

# What l1/setup reads in the machine.
write_config() {
	local setting
	{
		printf 'LAB_BIN=%q\n' "$BUILD/lab/bin"
		printf 'LAB_ZRAM=%q\n' "$zram"
		printf 'LAB_MODULE=%q\n' "$module"
		printf 'LAB_TTY=%q\n' "$tty"
		printf 'LAB_CWD=%q\n' "$PWD"
		printf 'export BUILD=%q\n' "$BUILD"
		printf 'export TERM=%q\n' "${TERM:-dumb}"
		printf 'export PATH=%q\n' "$guest_path"
		for setting in "${env[@]}"; do
			printf 'export %q\n' "$setting"
		done
		printf 'LAB_JOB=('
		printf ' %q' "${job[@]}"
		printf ' )\n'
	} >"$run_dir/config"
}

# The machine's command line for QEMU, in the array qemu. The emulated processor's
# model matters: with "max", or with virtual GIF, guests in it die now and then.
qemu_command() {
	local name node mem_of_node cpus_of_node run=(-accel "tcg,thread=$thread" -cpu "EPYC,-vgif")
	[[ $accel == tcg ]] || run=(-accel kvm -cpu host)
	qemu=("$emulator" -nodefaults -no-user-config -display none -no-reboot
		-machine q35 "${run[@]}" -m "$mem"
		-smp "$smp,sockets=$numa,maxcpus=$smp"
		-kernel "$kernel_dir/boot/vmlinux"
		-initrd "$BUILD/lab/$(basename "$kernel_dir")/l1.cpio"
		-append "console=ttyS0 loglevel=5 panic=-1 psi=1 log_buf_len=4M mitigations=off watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120 \
lab.dir=$run_dir lab.kernel=$kernel_dir lab.setup=$VM_DIR/l1/setup $cmdline"
		-serial "file:$run_dir/console.log"
		-virtfs "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap"
		-virtfs "local,path=$run_dir,mount_tag=lab,security_model=none"
		-virtfs "local,path=$out,mount_tag=out,security_model=none"
		-device virtio-serial-pci)
	[[ -z $icount ]] || qemu+=(-icount "$icount")
	# The guests' disks: from a device, not a file over 9p, they are read past the
	# host machine's page cache.
	for name in disk disk2; do
		qemu+=(-drive "file=$BUILD/lab/$name.img,if=none,id=$name,format=raw,readonly=on"
			-device "virtio-blk-pci,drive=$name,serial=$name")
	done
	# Its own monitor, at one of its own ports: QEMU is its own client.
	[[ -z $maxmem ]] || qemu+=(-m "slots=8,maxmem=${maxmem}M"
		-chardev "socket,id=monitor,path=$run_dir/monitor,server=on,wait=off"
		-mon "chardev=monitor,mode=readline"
		-chardev "socket,id=port,path=$run_dir/monitor"
		-device "virtserialport,chardev=port,name=lab.monitor")
	for name in ctl in out err; do
		qemu+=(-chardev "pipe,id=$name,path=$run_dir/$name"
			-device "virtserialport,chardev=$name,name=lab.$name")
	done
	if ((numa > 1)); then
		mem_of_node=$((mem / numa)) cpus_of_node=$((smp / numa))
		for ((node = 0; node < numa; node++)); do
			((node == numa - 1)) && mem_of_node=$((mem - node * mem_of_node))
			qemu+=(-object "memory-backend-ram,id=node$node,size=${mem_of_node}M")
			qemu+=(-numa "node,nodeid=$node,memdev=node$node,cpus=$((node * cpus_of_node))-$((
				node == numa - 1 ? smp - 1 : (node + 1) * cpus_of_node - 1))")
		done
	fi
}

# The job's output, input and the control lines go through fifos, so that QEMU
# never sees this script's terminal (it would change its modes).
start_machine() {
	local name
	for name in ctl in out err; do
		rm -f "$run_dir/$name".{in,out}
		mkfifo "$run_dir/$name".{in,out}
	done
	exec {ctl_in}<>"$run_dir/ctl.in" {ctl_out}<>"$run_dir/ctl.out"
	ctl_begun=

	spawn cat "$run_dir/out.out"
	helper_pids=($!)
	spawn cat "$run_dir/err.out" >&2
	helper_pids+=($!)
	spawn "${qemu[@]}" </dev/null >"$run_dir/qemu.log" 2>&1
	qemu_pid=$!
	boot_time=${EPOCHREALTIME/./}
}

# The terminal's keys go to the job as they are, Ctrl-C too.
attach_terminal() {
	if [[ -t 0 ]]; then
		saved_tty=$(stty -g)
		trap send_window_size WINCH
		send_window_size
		stty raw -echo
		spawn cat <&0 >"$run_dir/in.in"
	else
		# End of file becomes the terminal's Ctrl-D.
		spawn sh -c 'cat; printf "\004"' <&0 >"$run_dir/in.in"
	fi
	helper_pids+=($!)
}

send_window_size() {
	local size
	size=$(stty size <&0) && echo "winsize $size" >&"$ctl_in"
}

running() {
	kill -0 "$qemu_pid" 2>/dev/null
}

# Waits for QEMU, which is about to end or has, and keeps how it did.
reap_machine() {
	local qemu_status
	wait "$qemu_pid" 2>/dev/null
	qemu_status=$?
	qemu_pid=
	if ((qemu_status > 128)); then
		qemu_end="QEMU was killed by signal $((qemu_status - 128)) ($(kill -l "$qemu_status"))"
	else
		qemu_end="QEMU ended with exit status $qemu_status"
	fi
	echo "$qemu_end" >>"$run_dir/qemu.log"
}

seconds_since() {
	local us=$((${EPOCHREALTIME/./} - $1))
	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

# QEMU's output, but for the features it always misses, and the console from
# the first sign of trouble on.
last_words() {
	local from
	grep -v "TCG doesn't support requested feature" "$run_dir/qemu.log"
	from=$(grep -anEm 1 -- "$DMESG_PATTERN" "$run_dir/console.log")
	if [[ -n $from ]]; then
		tail -n "+${from%%:*}" "$run_dir/console.log" | head -n 20
	else
		tail -n 15 "$run_dir/console.log"
	fi
}

# The kernel patches its text by way of a breakpoint. Now and then the emulator
# goes on with its translation of that breakpoint, though the memory holds the
# new instruction again: a processor that runs in circles there for good. It is
# seen in the handler, or, at the same instruction, for minutes.
stuck_on_breakpoint() {
	grep -qaE 'soft lockup .*stuck for [0-9]{3,}s' "$run_dir/console.log" ||
		{ grep -qa 'soft lockup' "$run_dir/console.log" &&
			grep -qa 'RIP: .*asm_exc_int3' "$run_dir/console.log"; }
}

# read_ctl: a control line from the machine, to $line; fails when a second is over
# without one. The second may end in the middle of a line, also of one that is all
# there: what read has of it by then begins the next.
ctl_begun=
read_ctl() {
	local failed=0
	IFS= read -r -t 1 line <&"$ctl_out" || failed=1
	ctl_begun+=$line
	((!failed)) || return 1
	line=$ctl_begun ctl_begun=
}

# late_exit: the job's status, if it came while the machine powered off.
late_exit() {
	local line
	while read_ctl; do
		[[ $line == 'exit '* ]] || continue
		status=${line#exit }
		return 0
	done
	return 1
}

# Follows the machine until the job's status is known. Returns 0 when it is, 1
# when the machine died or hung before the job began, 2 when it did so later.
follow() {
	local line up=0 start=$SECONDS
	while :; do
		if read_ctl; then
			case $line in
			up)
				up=1
				progress "up after $(seconds_since "$boot_time") s"
				check_setup
				((tty)) && attach_terminal
				;;
			'exit '*)
				status=${line#exit }
				return 0
				;;
			esac
			continue
		fi
		if ! running; then
			late_exit && return
			reap_machine
			say "the host machine ended by itself: $qemu_end; its last words:"
			last_words >&2
			((up)) && return 2
			return 1
		fi
		if ((!up && SECONDS - start > BOOT_TIMEOUT)); then
			say "not up after $BOOT_TIMEOUT s; its last words:"
			last_words >&2
			return 1
		fi
		if stuck_on_breakpoint; then
			say "the emulator hangs: a processor runs in circles on a breakpoint that is gone"
			return 2
		fi
		if ((timeout && SECONDS - start > timeout)); then
			status=124
			say "time is up: the job took longer than $timeout s, ending it"
			return 2
		fi
		# Either nobody reads our output any more, or the machine just ends.
		if ((up)) && ! kill -0 "${helper_pids[0]}" 2>/dev/null; then
			late_exit && return
			status=141
			return 2
		fi
	done
}

check_setup() {
	[[ -e $run_dir/setup-failed ]] || return 0
	sed "s/^/$PROG: trouble in the host machine: /" "$run_dir/setup-failed" >&2
}

# wait_gone SECONDS PID...: false when one is still there after that long.
wait_gone() {
	local end=$((SECONDS + $1)) pid
	shift
	for pid; do
		while kill -0 "$pid" 2>/dev/null; do
			((SECONDS < end)) || return 1
			sleep 0.05
		done
	done
}

# Ends whatever is left and waits for it; callable at any moment.
end_machine() {
	[[ -z $saved_tty ]] || stty "$saved_tty"
	saved_tty=
	if [[ -n $qemu_pid ]]; then
		kill -KILL "$qemu_pid" 2>/dev/null
		wait "$qemu_pid" 2>/dev/null
		qemu_pid=
	fi
	if ((${#helper_pids[@]})); then
		# They end by themselves once QEMU has closed the fifos, after
		# having copied what is still in there.
		wait_gone 2 "${helper_pids[@]:0:2}" || :
		kill -KILL "${helper_pids[@]}" 2>/dev/null
		wait "${helper_pids[@]}" 2>/dev/null
	fi
	helper_pids=()
	return 0
}

# Guests that nobody stopped; a test may have killed them.
show_ended_guests() {
	[[ ! -s $run_dir/ended ]] || sed "s/^/$PROG: not stopped, but ended: guest /" "$run_dir/ended" >&2
}

tidy_up() {
	rm -f "$run_dir"/{ctl,in,out,err}.{in,out}
	rmdir "$out" 2>/dev/null
	if ((status == 0 && !keep)) && [[ ! -e $run_dir/out && -z $id ]]; then
		rm -rf "$run_dir"
	else
		progress "the run's files are in ${run_dir#"$TOP"/}"
	fi
	return 0
}

on_signal() {
	trap '' INT TERM HUP
	status=$1
	end_machine
	tidy_up
	exit "$status"
}

# A lab keeps two processors busy: more at once than the machine carries only
# run each other into their time-outs. So each takes one of LAB_SLOTS places.
take_turn() {
	local slots=${LAB_SLOTS:-} slot reported=0
	if [[ -z $slots ]]; then
		slots=$(($(nproc) / 2))
		((slots < 2)) && slots=2
	fi
	while :; do
		for ((slot = 1; slot <= slots; slot++)); do
			exec {turn}>"$BUILD/lab/.slot.$slot"
			flock -n "$turn" && return
			exec {turn}>&-
		done
		((reported++)) || progress "waiting for one of $slots other labs to end ..."
		sleep 1
	done
}

l1_run() {
	local try
	trap 'on_signal 130' INT
	trap 'on_signal 143' TERM
	trap 'on_signal 129' HUP
	trap end_machine EXIT

	# In a probe the machine has 10 s to boot, its guest the rest of the probe's time.
	if [[ -n ${LAB_PROBE:-} ]]; then
		BOOT_TIMEOUT=${LAB_PROBE_BOOT_TIMEOUT:-10} BOOT_TRIES=1
	else
		take_turn
	fi
	write_config
	qemu_command
	for ((try = 1; try <= BOOT_TRIES; try++)); do
		progress "booting Debian's kernel $(basename "$kernel_dir")" \
			"($mem MB, $smp CPUs, $zram MB of zram swap), with $accel: $accel_why ..."
		start_machine
		if follow; then
			wait_gone $OFF_TIMEOUT "$qemu_pid" ||
				say "the host machine doesn't power off; ending it"
			break
		elif (($? == 2)); then
			break
		fi
		end_machine
		((try < BOOT_TRIES)) && say "starting the host machine once more"
	done
	end_machine
	: "${status:=125}"
	check_dmesg
	((quiet)) || show_ended_guests
	tidy_up
	exit "$status"
}

check_dmesg() {
	local log=$run_dir/dmesg.log found
	[[ -s $log ]] || log=$run_dir/console.log
	# The kernel repeats its command line, which may name such things.
	found=$(grep -aE -- "$DMESG_PATTERN" "$log" | grep -av 'ommand line: ') || return 0
	say "the kernel's log (${log#"$TOP"/}) holds:"
	printf '%s\n' "$found" | head -n 20 >&2
	if ((dmesg_clean && status == 0)); then
		status=1
	fi
}
