#!/bin/busybox sh
# The outer machine's first process: loads KVM, runs /script, and gives its exit status to QEMU's debug exit port.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
for module in irqbypass kvm kvm-amd; do insmod /modules/$module.ko; done
sh /script
status=$?
echo "@host status $status"
sleep 1
printf "\\x$(printf %x $status)" | dd of=/dev/port bs=1 seek=244 count=1 2>/dev/null
poweroff -f
