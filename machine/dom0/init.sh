#!/bin/busybox sh
# dom0's init. luv.do= on the kernel's command line selects its duty: shell, guest (a domU's shell), exec (runs /luv/exec),
# bare or check (selfcheck without and with Luvalley). machine/markers.py reads the lines that begin with `@luv`.
export PATH=/luv:/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=vt100
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mkdir -p /dev/pts
/bin/busybox mount -t devpts devpts /dev/pts
/luv/selfcheck --tick
/bin/busybox chmod 1777 /tmp
/bin/busybox --install -s /bin
for module in $(ls /luv/modules); do insmod /luv/modules/$module; done
grep -q "Persistent Memory (legacy)" /proc/iomem && sh /luv/pool.sh
[ -e /luv/store ] && sh /luv/store.sh
[ -e /guest ] && mkdir -p /dev/shm && mount -t tmpfs shm /dev/shm && ip link set lo up # what QEMU needs
cd /root

case " $(cat /proc/cmdline) " in
*" luv.do=shell "*|*" luv.do=guest "*)
    stty $(sed -n 's/.*luv.size=\([0-9]*\)x\([0-9]*\).*/rows \1 cols \2/p' /proc/cmdline) <&1
    echo "@luv output"
    echo "dom0: Debian's Linux $(uname -r), $(nproc) CPUs. \`exit\` powers off, Ctrl-] ends the machine."
    case " $(cat /proc/cmdline) " in *" luv.do=guest "*) shell="sh /guest/shell.sh" ;; *) shell=sh ;; esac
    setsid cttyhack $shell
    status=$?
    ;;
*" luv.do=exec "*)
    echo "@luv output"
    sh /luv/exec </dev/null
    status=$?
    ;;
*" luv.do=bare "*)
    echo "@luv output"
    selfcheck --bare
    status=$?
    ;;
*)
    echo "@luv output"
    selfcheck
    status=$?
    ;;
esac
echo "@luv status $status"
[ -x /luv/counts ] && counts
stty sane <&1 # waits until the serial port has sent what is queued: power off would cut it
poweroff -f
