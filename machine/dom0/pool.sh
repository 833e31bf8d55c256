#!/bin/busybox sh
# Prepares the pools that Luvalley's `pool=...` keeps for domUs: their devices, pages of 4 KiB, and who may open them.
# Whoever may open a pool's device can see all domUs in it: the group is `luv`.
for module in $(ls /luv/pool); do insmod /luv/pool/$module; done
for device in /sys/bus/dax/devices/dax*; do
    name=${device##*/}
    [ -e "$device" ] || { echo "pool.sh: the kernel has made no device of the pool." >&2; exit 1; }
    echo $name >/sys/bus/dax/drivers/device_dax/unbind
    echo 4096 >$device/align
    echo $name >/sys/bus/dax/drivers/device_dax/bind
    chown root:luv /dev/$name
    chmod 660 /dev/$name
done
