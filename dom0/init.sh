#!/bin/busybox sh
# dom0's first process. Its kernel command line says what to do: luv.do=shell, check or exec (which runs /luv/exec).
# Lines that begin with `@luv` are for the program that runs the machine.
export PATH=/luv:/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=vt100
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mkdir -p /dev/pts
/bin/busybox mount -t devpts devpts /dev/pts
/luv/selfcheck --tick
/bin/busybox --install -s /bin
for module in $(ls /luv/modules); do insmod /luv/modules/$module; done
cd /root

case " $(cat /proc/cmdline) " in
*" luv.do=shell "*)
    echo "dom0: Debian's Linux $(uname -r), $(nproc) CPUs. \`exit\` powers off."
    setsid cttyhack sh
    status=$?
    ;;
*" luv.do=exec "*)
    echo "@luv output"
    sh /luv/exec </dev/null
    status=$?
    ;;
*" luv.do=bare "*)
    selfcheck --bare
    status=$?
    ;;
*)
    selfcheck
    status=$?
    ;;
esac
echo "@luv status $status"
sleep 1 # what is queued for the serial port must be sent before the power goes
poweroff -f
