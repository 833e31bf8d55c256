#!/bin/sh
# QEMU is killed 20 times, at different moments. Under `luv run` its pool memory must be free within a second.
count_free() {
    luv info | sed -n 's/^pool 0.*, \([0-9]*\) free.*/\1/p'
}
all=$(count_free)
most=0
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    luv run -- qemu-system-x86_64 -accel kvm -m 64 -nodefaults -display none -kernel /guest/vmlinuz -append "console=ttyS0" &
    luv=$!
    sleep 0.$((turn * 37 % 10))
    [ $((turn % 2)) = 0 ] || sleep 0.7
    kill -9 $(pidof qemu-system-x86_64) 2>/dev/null
    for wait in 1 2 3 4 5 6 7 8 9 10; do
        free=$(count_free)
        [ "$free" = "$all" ] && break
        sleep 0.1
    done
    wait $luv
    [ $wait -le $most ] || most=$wait
    [ "$free" = "$all" ] || { echo "turn $turn: $free of $all MiB are free a second after the kill"; exit 1; }
done
echo "20 kills: all $all MiB were free again after at most $most tenths of a second"
[ $(luv list | tail -n +2 | wc -l) = 0 ]
