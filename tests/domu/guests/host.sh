#!/bin/busybox sh
# The outer machine's init: loads KVM, runs /script, and prints its exit status.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
for module in irqbypass kvm kvm-amd; do insmod /modules/$module.ko; done
sh /script
echo "@host status $?"
sleep 1 # the serial port sends what is queued: power off would cut it
poweroff -f
