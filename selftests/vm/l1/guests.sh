# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Hostile guests, for jobs in the lab: of memory that is plugged, of two memory
# backends, asleep, behind slow monitors.

# What `guest start` needs for the functions below.
# shellcheck disable=SC2034 # for jobs
PLUGGABLE=(--qemu '-m slots=4,maxmem=2G -object memory-backend-ram,id=vmem,size=256M -device virtio-mem-pci,id=vmem0,memdev=vmem'
	--cmdline memhp_default_state=online)
# Waking up goes through a reset.
# shellcheck disable=SC2034
CAN_SLEEP=(--reboot --qemu '-global PIIX4_PM.disable_s3=0')
# shellcheck disable=SC2034
SECOND_BACKEND=(--qemu '-m slots=1,maxmem=2G -object memory-backend-ram,id=ram2,size=128M -device pc-dimm,id=dimm2,memdev=ram2'
	--cmdline memhp_default_state=online)

# guest_dimm GUEST NAME MIB: plugs a DIMM.
guest_dimm()
{
	guest qmp "$1" object-add "{\"qom-type\":\"memory-backend-ram\",\"id\":\"mem-$2\",\"size\":$(($3 << 20))}" >/dev/null &&
		guest qmp "$1" device_add "{\"driver\":\"pc-dimm\",\"id\":\"$2\",\"memdev\":\"mem-$2\"}" >/dev/null
}

# guest_virtio_mem GUEST MIB: how much of its virtio-mem device it may have.
guest_virtio_mem()
{
	guest qmp "$1" qom-set "{\"path\":\"/machine/peripheral/vmem0\",\"property\":\"requested-size\",\"value\":$(($2 << 20))}" >/dev/null
}

# guest_total GUEST: bytes that its kernel knows of.
guest_total()
{
	ask_guest "$1" meminfo | sed -nE 's/.*\btotal=([0-9]+).*/\1/p'
}

# S3: its agent answers no more, until it wakes.
guest_sleep()
{
	ask_guest -t 2 "$1" sh 'echo mem >/sys/power/state' >/dev/null 2>&1
	wait_until 30 guest_is_asleep "$1"
}

guest_is_asleep()
{
	[[ $(guest qmp "$1" query-status 2>/dev/null | jq -r .status) == suspended ]]
}

guest_wake()
{
	guest qmp "$1" system_wakeup >/dev/null
}

# slow_monitor SOCKET SECONDS NAME: at SOCKET, the tests' monitor of the guest NAME,
# where each line of an answer takes so long. Run it in the background; it becomes socat.
slow_monitor()
{
	# shellcheck disable=SC2016 # for the shell that socat starts
	SLOW_SECONDS=$2 SLOW_TO=/run/dynmem-lab/ctl/$3.ctl exec socat "UNIX-LISTEN:$1,fork" \
		SYSTEM:'socat - "UNIX-CONNECT\:$SLOW_TO" | while IFS= read -r line; do sleep $SLOW_SECONDS; echo "$line"; done'
}
