# One CPU: page-table isolation as asked ($1: on or off), the memory map, MTRRs.
. /root/lib.sh
check "processors" "$(nproc)" 1
check "page-table isolation" "$(grep -qw pti /proc/cpuinfo && echo on || echo off)" "$1"
run "self-check" selfcheck
run "probe" /root/probe
if [ -e /proc/mtrr ]; then
    before=$(cat /proc/mtrr)
    run "an MTRR added" sh -c "echo 'base=0xf0000000 size=0x1000000 type=write-combining' > /proc/mtrr"
    check "it is there" "$(grep -c 'base=0x0f0000000.*write-combining' /proc/mtrr)" 1
    run "an MTRR changed" /root/probe
    number=$(grep 'base=0x0f0000000' /proc/mtrr | sed 's/reg0*\([0-9]*\):.*/\1/')
    run "it is removed" sh -c "echo 'disable=${number:-0}' > /proc/mtrr"
    check "MTRRs as before" "$(cat /proc/mtrr)" "$before"
else
    check "/proc/mtrr" missing there
fi
run "probe again" /root/probe
finish
