#!/bin/sh
# Two domUs at once on two CPUs: dom0's sleeps are not delayed meanwhile, and `luv stat` counts the exits.
export LINUX_MORE=luv.twice # the guest reads its disk more than once
NAME=a sh /guest/linux.sh 1 >/tmp/out-a 2>&1 &
first=$!
NAME=b sh /guest/linux.sh 1 >/tmp/out-b 2>&1 &
second=$!
most=0 domains=0 exits=0
while kill -0 $first 2>/dev/null || kill -0 $second 2>/dev/null; do
    before=$(cut -d' ' -f1 /proc/uptime | tr -d .)
    sleep 0.2
    late=$(($(cut -d' ' -f1 /proc/uptime | tr -d .) - before - 20))
    [ $late -le $most ] || most=$late
    seen=$(luv list | tail -n +2 | wc -l)
    [ $seen -le $domains ] || domains=$seen
    io=$(luv stat | tail -n +2 | awk '{n += $3} END {print n + 0}')
    [ $io -le $exits ] || exits=$io
done
wait $first; a=$?
wait $second; b=$?
cat /tmp/out-a /tmp/out-b
echo "dom0 was late by at most $most hundredths of a second; $domains domains at once; $exits exits for ports counted"
[ $a = 0 ] && [ $b = 0 ] && [ $most -lt 100 ] && [ $domains = 2 ] && [ $exits -gt 1000 ]
