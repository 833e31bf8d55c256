#!/bin/busybox sh
# The guest's init: prints what it finds, reads its disk, and powers off. linux.sh and tests read the lines with `@guest`.
# With luv.shell on the kernel's command line it starts a shell; with luv.work it copies memory and checks it until it is killed.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
    [ -e /modules/$module.ko ] && insmod /modules/$module.ko
done
case " $(cat /proc/cmdline) " in *" luv.shell "*)
    echo "domU: Debian's Linux $(uname -r), $(nproc) CPUs. \`exit\` powers off."
    setsid cttyhack sh
    poweroff -f
    ;;
esac
case " $(cat /proc/cmdline) " in *" luv.work "*)
    mount -t tmpfs work /mnt
    head -c 1048576 /bin/busybox >/mnt/first
    sum=$(md5sum </mnt/first) turn=0
    while turn=$((turn + 1)); do
        cp /mnt/first /mnt/$((turn % 3))
        [ "$(md5sum </mnt/$((turn % 3)))" = "$sum" ] && echo "@guest turn $turn" || echo "@guest spoiled $turn"
    done
    ;;
esac
echo "@guest cpus $(grep -c ^processor /proc/cpuinfo)"
echo "@guest clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
if [ -e /dev/vda ]; then
    echo "@guest md5 $(md5sum /dev/vda | cut -d' ' -f1)"
fi
echo "@guest interrupts $(grep -E 'LOC|virtio0-req' /proc/interrupts | tr -s ' ' | tr '\n' ';')"
echo "@guest end"
poweroff -f
