#!/bin/busybox sh
# Opens the pools of Luvalley's `pool=...` to the group `kvm`, as udev and the service luvalley do in a real Debian.
for module in $(ls /luv/pool); do insmod /luv/pool/$module; done
/luv/boot/luv open
