#!/bin/sh
# Run Linux in QEMU with libluvkvm: linux.sh CPUS MARKER... ; succeeds if the guest powers off, reads its disk correctly, and its
# console has each marker. Variables: SHOW=1 shows the console, QEMU_MORE and LINUX_MORE are additional arguments of QEMU and of the
# guest's kernel, NAME distinguishes the files of two guests, TICKS=1 prints the duration, LUV is the command that runs QEMU, LIMIT
# is its time limit in seconds of dom0's clock (150).
cpus=$1
shift
disk=/tmp/disk$NAME console=/tmp/console$NAME firmware=/tmp/firmware$NAME
head -c 1048576 /bin/busybox >$disk
log=/tmp/log$NAME
rm -f $console $firmware $log
touch $log
export LUVKVM_LOG=$log
quiet="quiet nokaslr mitigations=off no_timer_check cryptomgr.notests=1 random.trust_cpu=on audit=0 nowatchdog apparmor=0 selinux=0
    rcupdate.rcu_expedited=1 $(grep -o 'tsc_early_khz=[0-9]*' /proc/cmdline)"
tick() {
    [ -z "$TICKS" ] || selfcheck --tick | cut -d' ' -f3
}
[ -z "$SHOW" ] || { touch $console; tail -f $console & shown=$!; }
start=$(tick)
timeout ${LIMIT-150} ${LUV-luv run --} qemu-system-x86_64 -accel kvm $QEMU_MORE -smp $cpus -m 128 -nodefaults -display none -no-reboot \
    -serial file:$console -chardev file,id=firmware,path=$firmware -device isa-debugcon,iobase=0x402,chardev=firmware \
    -kernel /guest/vmlinuz -initrd /guest/initrd -drive file=$disk,if=virtio,format=raw \
    -append "console=ttyS0 $(echo $quiet) panic=-1 $LINUX_MORE" </dev/null
status=$?
end=$(tick)
[ -z "$TICKS" ] || echo "guest ticks: $((end - start))"
[ -z "$SHOW" ] || { sleep 1; kill $shown; }
[ $status = 0 ] || { echo "QEMU ended with $status"; tail -n 20 $console; cat $log; exit 1; }
sum=$(md5sum $disk | cut -d' ' -f1)
for marker in "@guest cpus $cpus" "@guest md5 $sum" "@guest clock kvm-clock" "@guest end" "$@"; do
    grep -q "$marker" $console || { echo "missing: $marker"; cat $console; exit 2; }
done
! grep "verify: KVM reads" $log || exit 4
[ -z "$LUVKVM_VERIFY" ] || grep "reads compared" $log || { echo "nothing was compared"; exit 5; }
grep -q "SeaBIOS (version" $firmware || { echo "SeaBIOS is silent"; exit 3; }
echo "domU: $cpus CPUs, SeaBIOS, Linux, and a disk that reads as it does here: $sum"
