# Probe all CPUs, then take each application processor offline and online again, three times.
. /root/lib.sh
check "processors" "$(nproc)" "$1"
run "self-check" selfcheck
run "probe" /root/probe
for round in 1 2 3; do
    for cpu in $(seq 1 $(($1 - 1))); do
        run "CPU $cpu off" sh -c "echo 0 > /sys/devices/system/cpu/cpu$cpu/online"
        check "processors without it" "$(nproc)" $(($1 - 1))
        run "CPU $cpu on" sh -c "echo 1 > /sys/devices/system/cpu/cpu$cpu/online"
        check "processors with it" "$(nproc)" "$1"
    done
done
run "probe again" /root/probe
run "self-check again" selfcheck
finish
