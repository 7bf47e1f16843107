# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# TAP for shell tests:
#
#   . selftests/vm/tap.sh
#   ok "name" COMMAND...         passes when COMMAND succeeds
#   refused "name" COMMAND...    passes when it fails
#   is "name" GOT WANTED         passes when they are equal
#   pass NAME; fail NAME; skip NAME REASON
#   diag TEXT                    says more, as a comment
#   tap_end                      prints the plan, fails if a test has failed
#
# COMMAND's output becomes comments, but only when the test does not pass.

tap_count=0 tap_failed=0

pass() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s\n' $tap_count "$1"
}

fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' $tap_count "$1"
	return 1
}

skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' $tap_count "$1" "$2"
}

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

ok() {
	local name=$1 output status
	shift
	output=$("$@" 2>&1)
	status=$?
	if ((status == 0)); then
		pass "$name"
	else
		fail "$name"
		diag "status $status: $*"
		[[ -z $output ]] || diag "$output"
		return 1
	fi
}

refused() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		fail "$name"
		diag "succeeded, but should not: $*"
		[[ -z $output ]] || diag "$output"
		return 1
	fi
	pass "$name"
}

is() {
	if [[ $2 == "$3" ]]; then
		pass "$1"
	else
		fail "$1"
		diag "got '$2', wanted '$3'"
		return 1
	fi
}

tap_end() {
	printf '1..%d\n' $tap_count
	((tap_count > 0 && tap_failed == 0))
}
