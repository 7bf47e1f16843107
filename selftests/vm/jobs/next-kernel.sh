#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module that DKMS has built for a kernel before that ran: package-roots kept it in
# build/dkms. It is loaded when that kernel boots, as modules-load.d has it, and dynmemd
# uses it. TAP.
set -u
cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=../tap.sh
. selftests/vm/tap.sh
# shellcheck source-path=SCRIPTDIR source=../l1/host.sh
. selftests/vm/l1/host.sh

release=$(uname -r)
file=/lib/modules/$release/updates/dkms/dynmem.ko
conf=/usr/lib/modules-load.d/dynmem.conf

install_module()
{
	install -D -m 0644 "$BUILD/dkms/$release/dynmem.ko" "$file" &&
		dpkg-deb --fsys-tarfile build/deb-life/dynmem-dkms_*.deb | tar -x -C / ".$conf" &&
		depmod "$release" "$file"
}

ok "the module that was built for $release is there" install_module
refused "nothing has loaded it" test -d /sys/module/dynmem
ok "systemd loads what modules-load.d names" /lib/systemd/systemd-modules-load "$conf"
is "it is the one that DKMS built" "$(cat /sys/module/dynmem/srcversion)" "$(modinfo -F srcversion "$file")"
start_bus
printf '[daemon]\nmode = observe\n' >/tmp/dynmem.conf
ok "the daemon starts" start_daemon /tmp/dynmem.conf
ok "and has its events from the module" wait_until 30 host_is source genl
ok "it stops" stop_daemon
ok "the module can be unloaded" rmmod dynmem
tap_end
