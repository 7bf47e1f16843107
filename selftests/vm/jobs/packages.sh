#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The life of an installation from Debian packages, under systemd in the lab's
# host machine, with a real guest: install, observe, manage, upgrade, downgrade,
# a module that cannot be built, remove, reinstall, purge.  TAP.
#
#   LIFE=short  install, manage, upgrade, remove, reinstall, purge: without a guest
#   LIFE=module install, a module that cannot be built, the module by DKMS in the machine,
#               purge: without a guest, and a quarter of an hour in an emulated machine
#   LIFE=full   all of it
#   ROOT=FILE   on that root file system, of another Debian, instead of this machine's: with
#               LIFE=short only, for this machine's QEMU does not run there
#
# build/deb-life has the packages, and their newer and older versions: test-packages makes them.
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh
# shellcheck source-path=SCRIPTDIR source=../l1/systemd.sh
. selftests/vm/l1/systemd.sh
# shellcheck source-path=SCRIPTDIR source=../lib/readme.sh
. selftests/vm/lib/readme.sh
# shellcheck source-path=SCRIPTDIR source=../lib/dkms.sh
. selftests/vm/lib/dkms.sh

MIB=$((1 << 20))
conf_d=/etc/dynmem/dynmem.conf.d
log=/tmp/dpkg.log
dynmem() { /usr/bin/dynmem "$@"; }

# All that the packages could leave. Not by a walk through /usr, which takes minutes here.
files()
{
	local dir
	for dir in /etc /etc/{dbus-1,systemd}/system{,.d} /etc/systemd/system/*.wants /run /var/lib{,/dkms} \
		/usr/{bin,sbin,src,include} /usr/include/linux /usr/lib/{modules-load.d,x86_64-linux-gnu} \
		/{,usr/}lib/systemd/system /usr/share/{doc,dbus-1/system.d,man/man{1,5,8}} /lib/modules/*/updates{,/dkms}; do
		compgen -G "$dir/*dynmem*"
	done | grep -vx /run/dynmem-lab | sort -u
}

install()
{
	DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i "$@" >>$log 2>&1
}

configure()
{
	DEBIAN_FRONTEND=noninteractive dpkg --configure --pending >>$log 2>&1
}

unit()
{
	systemctl show --value -p "$1" dynmemd
}

target_below()
{
	(($(guest_field one target) < $1))
}

logged()
{
	journalctl --no-pager -q -u dynmemd | grep -qE -- "$1"
}

restarted()
{
	[[ $(unit MainPID) -gt 0 && $(unit MainPID) != "$1" && $(unit ActiveState) == active ]]
}

test_install()
{
	ok "the packages install" install build/deb-life/dynmem_*.deb build/deb-life/libdynmem0_*.deb
	is "the daemon is neither enabled nor started" \
		"$(systemctl is-enabled dynmemd) $(unit ActiveState)" "disabled inactive"
	ok "the README's second line starts it" sh -c "$(readme_install 2)"
	ok "it answers" wait_until 60 host_is mode observe
	ok "without the module it goes by /proc" host_is source procfs
	ok "its command line is as autopkgtest wants it" debian/tests/command-line
}

test_observe()
{
	ok "a guest starts" guest start one --mem 640 --workload 'touch 420M; free 410M' \
		--qemu '-qmp unix:/run/dynmem/qmp/one.qmp,server=on,wait=off' </dev/null
	ok "it is found" wait_until 60 guest_is one name one
	ok "the host can be pressed" press_host 110
	ok "it logs what it would do" wait_until 60 logged 'guest one: would go '
	is "a fresh installation leaves the guest all its memory" "$(guest actual one)" $((640 * MIB))
	release_host
}

test_manage()
{
	mkdir -p $conf_d
	printf '[daemon]\nmode = manage\n[guest *]\nmin = 160M\n' >$conf_d/manage.conf
	ok "a reload makes it manage" systemctl reload dynmemd
	ok "which it says" wait_until 60 host_is mode manage
	ok "the guest reports" wait_until 60 guest_is one class reporting
	press_host 110
	ok "and lends what the host lacks" wait_until 60 target_below $((600 * MIB)) ||
		diag "$(dynmem status)"
	release_host
}

# Guests run on; their targets and what was learned are kept.
change_version()
{
	local what=$1 version=$2 pid before target
	pid=$(unit MainPID)
	before=$(guest actual one)
	ok "$what to $version" install "build/deb-life/$version"/*.deb
	ok "$what: the daemon is restarted" wait_until 60 restarted "$pid"
	ok "$what: it knows the guest" wait_until 60 guest_is one name one
	target=$(guest_field one target)
	ok "$what: the guest keeps its memory (${before} before, target $target)" \
		test "$target" -ge $((before - 16 * MIB))
	ok "$what: it manages within seconds" wait_until 30 guest_is one class reporting
	is "$what: the configuration is kept" "$(sed -n 2p $conf_d/manage.conf)" "mode = manage"
}

# Modules that nothing here wants: depmod reads each, for minutes.
few_modules()
{
	local dir
	for dir in /lib/modules/"$(uname -r)"/kernel/{sound,drivers/{gpu,hid,iio,infiniband,input,isdn,media,mtd,net,platform,scsi,staging,usb}}; do
		mount -t tmpfs none "$dir" || return
	done
}

# module_is STATUS: as the doctor sees it.
module_is()
{
	[[ $(/usr/bin/dynmem doctor --json | jq -r '.findings[] | select(.check == "module") | .status') == "$1" ]]
}

# No headers, as after a kernel upgrade without them; then a compiler that fails.
test_module_fails()
{
	local build compiler
	compiler=$(realpath "$(command -v gcc-12)")
	build=/lib/modules/$(uname -r)/build
	mv "$build" "$build.away"
	ok "the module's package installs where it cannot be built" install build/deb-life/dynmem-dkms_*.deb
	ok "and says that it is not loaded" grep -q 'dynmem-dkms: the module is not loaded' $log
	ok "the daemon goes on by /proc" host_is source procfs
	ok "it can be removed" dpkg --purge dynmem-dkms
	mv "$build.away" "$build"

	mount --bind /bin/false "$compiler"
	refused "a module that does not compile is an error of its package" install build/deb-life/dynmem-dkms_*.deb
	is "which waits to be configured" "$(dpkg-query -W -f '${Status}' dynmem-dkms)" "install ok half-configured"
	ok "the daemon goes on by /proc" host_is source procfs
	ok "which the doctor says" module_is note
	umount "$compiler"
}

# What was in the way is gone: built, signed by DKMS's key, and loaded.
test_module()
{
	local file
	file=/lib/modules/$(uname -r)/updates/dkms/dynmem.ko
	ok "the module is built once it can be" configure || diag "$(tail -n 30 $log)" \
		"$(tail -n 30 /var/lib/dkms/dynmem/*/build/make.log)"
	is "for the kernel that runs" "$(dkms status dynmem | grep -c "$(uname -r).*: installed")" 1
	ok "it is signed with DKMS's key" signed_by_dkms "$file"
	ok "it is loaded" test -d /sys/module/dynmem
	is "as it was built" "$(cat /sys/module/dynmem/srcversion)" "$(modinfo -F srcversion "$file")"
	ok "and the daemon uses it at once" wait_until 60 host_is source genl
	ok "which the doctor says, too" module_is ok
	is "it is loaded at boot" "$(grep -v '^#' /usr/lib/modules-load.d/dynmem.conf)" dynmem
}

test_module_goes()
{
	ok "its package is removed" dpkg --purge dynmem-dkms
	ok "with the module" test ! -d /sys/module/dynmem
	refused "and its file" modinfo dynmem
	ok "the daemon goes on by /proc" wait_until 60 host_is source procfs
}

test_remove()
{
	press_host 110
	ok "the guest lends something" wait_until 60 target_below $((600 * MIB))
	release_host
	ok "the package is removed" dpkg --remove dynmem
	ok "the guest has all its memory back" wait_until 60 test "$(guest actual one)" -ge $((638 * MIB)) ||
		diag "actual: $(guest actual one)"
	ok "the guest lives" guest 'do' one oom-count
	ok "the configuration stays" test -e /etc/dynmem/dynmem.conf -a -e $conf_d/manage.conf
	ok "the state stays" test -e /var/lib/dynmem/state
	reinstall
	ok "and is purged" dpkg --purge dynmem libdynmem0
	nothing_left
}

# change_version without a guest, and the end.
test_short()
{
	local pid
	mkdir -p $conf_d
	printf '[daemon]\nmode = manage\n' >$conf_d/manage.conf
	ok "a reload makes it manage" systemctl reload dynmemd
	ok "which it says" wait_until 60 host_is mode manage
	pid=$(unit MainPID)
	ok "an upgrade" install build/deb-life/9.0-1/*.deb
	ok "restarts the daemon" wait_until 60 restarted "$pid"
	ok "which goes on as configured" wait_until 60 host_is mode manage
	ok "the metrics' unit starts" systemctl start dynmem-metrics
	ok "the package is removed" dpkg --remove dynmem
	is "with what it ran" "$(unit ActiveState)" inactive
	ok "its configuration stays" test -e $conf_d/manage.conf
	reinstall
	ok "and is purged" dpkg --purge dynmem libdynmem0
	nothing_left
}

# The removal's drain has ended with it: else nobody would be managed again.
reinstall()
{
	ok "it installs again" install build/deb-life/dynmem_*.deb
	ok "and starts" systemctl start dynmemd
	ok "as it was configured" wait_until 60 host_is mode manage
}

nothing_left()
{
	is "nothing is left" "$(files | comm -13 /tmp/files.before -)" ""
	is "no process is left" "$(pgrep -d ' ' -f '^/usr/s?bin/dynmem')" ""
	refused "nor a user" getent passwd dynmem-metrics
}

inside()
{
	# A builder's root file system may forbid to start services; a host does not.
	rm -f /usr/sbin/policy-rc.d
	# Indexing all manual pages of the machine takes minutes here, after each package.
	rm -f /var/lib/man-db/auto-update
	files >/tmp/files.before
	test_install
	if [[ ${LIFE:-} == short ]]; then
		test_short
	elif [[ ${LIFE:-} == module ]]; then
		test_module_fails
		test_module
		test_module_goes
		ok "the packages are purged" dpkg --purge dynmem libdynmem0
		nothing_left
	else
		test_observe
		test_manage
		change_version upgrade 9.0-1
		change_version downgrade 0.0.1-1
		if [[ ${LIFE:-} == full ]]; then
			test_module_fails
			test_module
			test_module_goes
		fi
		test_remove
		guest stop --all
	fi
	tap_end || {
		tail -n 40 $log | sed 's/^/# dpkg: /'
		journalctl --no-pager -q -u dynmemd | tail -n 40 | sed 's/^/# /'
		exit 1
	}
}

if [[ ${1:-} == inside ]]; then
	inside
else
	if [[ ${ROOT:-} ]]; then
		unpack_root "$ROOT" || exit 1
	elif [[ ${LIFE:-} != short ]]; then
		few_modules || exit 1
	fi
	start_systemd || exit 1
	# shellcheck disable=SC2153 # the lab exports it
	in_container env PATH="$PATH" LIFE="${LIFE:-}" LAB_DIR="$LAB_DIR" BUILD="$BUILD" "$PWD/selftests/vm/jobs/packages.sh" inside
fi
