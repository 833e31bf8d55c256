#!/bin/busybox sh
# Prepares the pools of Luvalley's `pool=...` for domUs: makes their devices, with 4 KiB pages, accessible to the group `luv`.
# A process that can open a pool's device can read and write the memory of all domUs in it.
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
