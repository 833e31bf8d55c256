#!/bin/sh
# A shell of a Linux guest, on this terminal. Ctrl-A X ends QEMU.
export LUVKVM_LOG=/tmp/log
head -c 1048576 /bin/busybox >/tmp/disk
quiet="quiet nokaslr mitigations=off no_timer_check cryptomgr.notests=1 random.trust_cpu=on audit=0"
clock=$(grep -o 'tsc_early_khz=[0-9]*' /proc/cmdline)
exec luv run -- qemu-system-x86_64 -accel kvm -smp ${1:-$(nproc)} -m 128 -nodefaults -display none -no-reboot -serial mon:stdio \
    -kernel /guest/vmlinuz -initrd /guest/initrd -drive file=/tmp/disk,if=virtio,format=raw \
    -append "console=ttyS0 $quiet $clock panic=-1 luv.shell"
