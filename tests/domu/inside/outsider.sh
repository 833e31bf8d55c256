#!/bin/sh
# A process without rights gets nothing: not from open pools, not from closed ones, and not when dom0's kernel uses the pool as memory
# for itself, which `luv open` then refuses. Its driver for that, kmem, was there before the pool's device and did not get it.
fail() {
    echo "$*"
    exit 1
}
device=/sys/bus/dax/devices/dax0.0
[ $(basename $(readlink $device/driver)) = device_dax ] || fail "the pool's device has another driver"
/root/outsider 16 || fail "with open pools"
yes luvalley | head -c 33554432 >/tmp/root-file
sum=$(md5sum </tmp/root-file)
luv close
[ ! -e /run/luvalley/token ] || fail "the token is still there"
/root/outsider 16 || fail "with closed pools"
luv open || fail "the pools do not open again"
luv close
echo dax0.0 >/sys/bus/dax/drivers/device_dax/unbind
echo dax0.0 >/sys/bus/dax/drivers/kmem/new_id
for block in /sys/devices/system/memory/memory*; do
    [ $(cat $block/state) = online ] || echo online >$block/state
done
grep "System RAM (kmem)" /proc/iomem || fail "the kernel did not take the pool"
luv open && fail "pools that are system memory were opened"
/root/outsider 600 || fail "with a pool that is system memory"
[ "$(md5sum </tmp/root-file)" = "$sum" ] || fail "root's file was overwritten"
