# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What all the lab's scripts share: where things are, and how they speak.

VM_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that source this file
TOP=$(cd -- "$VM_DIR/../.." && pwd -P)
BUILD=${BUILD:-$TOP/build}
# Several copies of the tree may share one folder of kernels by a link.
KERNELS=$(realpath -m -- "$BUILD/kernels")
# Beside them: compilers of newer Debians, which some need, and newer QEMUs.
# shellcheck disable=SC2034 # see fetch-toolchain and fetch-qemu
TOOLCHAINS=$(dirname -- "$KERNELS")/toolchain QEMUS=$(dirname -- "$KERNELS")/qemu

# The name to put before messages; scripts may set another before sourcing.
: "${PROG:=$(basename -- "$0")}"

say() {
	printf '%s: %s\n' "$PROG" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

# retry TIMES COMMAND...: for what goes over a network.
retry() {
	local times=$1 try
	shift
	for ((try = 1; try <= times; try++)); do
		"$@" && return 0
		((try < times)) && say "'$1' failed, try $try of $times; again in $((try * 2)) s" &&
			sleep $((try * 2))
	done
	return 1
}

# kernel_dir NAME: prints the unpacked kernel of this name: the newest of
# Debian's of a series ("6.1", "6.12", "7"), that of a series with PREEMPT_RT
# ("6.12-rt"), an exact release, or that with a suffix ("debug"); fails when
# there is none.
kernel_dir() {
	local series=${1%-rt} dir best=
	while read -r dir; do
		[[ $1 != *-rt && $dir == *-rt-amd64 && $dir != "$KERNELS/$1" ]] && continue
		[[ $(cat "$dir/.complete" 2>/dev/null) == "$dir" ]] && best=$dir
	done < <(printf '%s\n' "$KERNELS/$1" "$KERNELS/$series".*"${1#"$series"}"-amd64 "$KERNELS"/*-"$1" | sort -V)
	[[ -n $best ]] || return 1
	printf '%s\n' "$best"
}
