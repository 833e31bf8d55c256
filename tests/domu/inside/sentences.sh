#!/bin/sh
# If device, permission or module is missing, `luv` prints one sentence before QEMU's own two lines.
expect() {
    wanted=$1
    shift
    "$@" >/tmp/said 2>&1 && { echo "it worked: $*"; exit 1; }
    grep -q "^luv.*$wanted" /tmp/said && [ $(wc -l </tmp/said) -le 3 ] || { echo "$* said:"; cat /tmp/said; exit 1; }
}
chmod 600 /dev/dax0.0
expect "group" su user -c "PATH=$PATH luv run -- qemu-system-x86_64 -accel kvm -nodefaults -display none"
chmod 660 /dev/dax0.0
mv /dev/dax0.0 /dev/hidden
expect "device_dax" luv run -- qemu-system-x86_64 -accel kvm -nodefaults -display none
mv /dev/hidden /dev/dax0.0
expect "root" su user -c "PATH=$PATH luv list"
