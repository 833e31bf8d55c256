#!/bin/sh
# Run Linux in a QEMU on the library: linux.sh CPUS MARKER... ; succeeds if the guest powers off, its disk reads
# right and its console has each marker.
cpus=$1
shift
disk=/tmp/disk console=/tmp/console firmware=/tmp/firmware
head -c 1048576 /bin/busybox >$disk
log=/tmp/log
rm -f $console $firmware $log
export LUVKVM_LOG=$log
timeout 150 luv run -- qemu-system-x86_64 -accel kvm $QEMU_MORE -smp $cpus -m 128 -nodefaults -display none -no-reboot \
    -serial file:$console -chardev file,id=firmware,path=$firmware -device isa-debugcon,iobase=0x402,chardev=firmware \
    -kernel /guest/vmlinuz -initrd /guest/initrd -drive file=$disk,if=virtio,format=raw \
    -append "console=ttyS0 quiet nokaslr mitigations=off no_timer_check cryptomgr.notests=1 random.trust_cpu=on panic=-1" ||
    { echo "QEMU ended with $?"; tail -n 20 $console; exit 1; }
sum=$(md5sum $disk | cut -d' ' -f1)
for marker in "@guest cpus $cpus" "@guest md5 $sum" "@guest clock kvm-clock" "@guest end" "$@"; do
    grep -q "$marker" $console || { echo "missing: $marker"; cat $console; exit 2; }
done
! grep "verify: KVM reads" $log || exit 4
[ -z "$LUVKVM_VERIFY" ] || grep "reads compared" $log || { echo "nothing was compared"; exit 5; }
grep -q "SeaBIOS (version" $firmware || { echo "SeaBIOS is silent"; exit 3; }
