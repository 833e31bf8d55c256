#!/bin/sh
# move.sh [CPUS]: migrate a running guest to another QEMU through a file, with its memory by the log of dirty pages.
cpus=${1:-1}
mkfifo /tmp/ask1 /tmp/ask2
run() {
    number=$1
    shift
    luv run -- qemu-system-x86_64 -accel kvm -smp $cpus -m 96 -nodefaults -display none -kernel /guest/vmlinuz -initrd /guest/initrd -append \
        "console=ttyS0 quiet nokaslr no_timer_check cryptomgr.notests=1 $(grep -o 'tsc_early_khz=[0-9]*' /proc/cmdline) luv.work" \
        -serial file:/tmp/console$number -monitor stdio "$@" </tmp/ask$number >/tmp/answers$number 2>&1 &
}
await() { # a word in a file
    for turn in $(seq 1 300); do
        grep -q "$1" $2 2>/dev/null && return
        sleep 0.1
    done
    echo "no \"$1\" in $2:"
    cat $2 /tmp/answers*
    exit 1
}
run 1
exec 3>/tmp/ask1
await "@guest turn 3" /tmp/console1
echo 'migrate_set_parameter downtime-limit 1000' >&3
echo 'migrate "exec:cat >/tmp/moved"' >&3
while ! grep -q "status: completed" /tmp/answers1; do
    echo 'info migrate' >&3
    sleep 0.3
    [ $((tries = tries + 1)) -lt 100 ] || { tail -n 20 /tmp/answers1; exit 1; }
done
echo quit >&3
last=$(grep -c "@guest turn" /tmp/console1)
run 2 -incoming "exec:cat /tmp/moved"
exec 4>/tmp/ask2
await "@guest turn $((last + 4))" /tmp/console2
echo quit >&4
wait
grep "spoiled" /tmp/console1 /tmp/console2 && exit 1
sent=$(sed -n 's/^normal: \([0-9]*\) pages.*/\1/p' /tmp/answers1 | tail -n 1) rounds=$(sed -n 's/^dirty sync count: //p' /tmp/answers1 | tail -n 1)
echo "moved after turn $last: $sent pages in $(echo $rounds) rounds"
[ $sent -lt 60000 ]
