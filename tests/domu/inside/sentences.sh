#!/bin/sh
# If the token, device or permission is missing, `luv` prints one sentence before QEMU's own two lines.
expect() {
    wanted=$1
    shift
    "$@" >/tmp/said 2>&1 && { echo "it worked: $*"; exit 1; }
    grep -q "^luv.*$wanted" /tmp/said && [ $(wc -l </tmp/said) -le 3 ] || { echo "$* said:"; cat /tmp/said; exit 1; }
}
guest="luv run -- qemu-system-x86_64 -accel kvm -nodefaults -display none"
chmod 600 /dev/dax0.0
expect "may not be opened" su user -c "PATH=$PATH $guest"
chmod 660 /dev/dax0.0
chmod 600 /run/luvalley/token
expect "only the group kvm" su user -c "PATH=$PATH $guest"
expect "info is for root" su user -c "PATH=$PATH luv info"
chmod 640 /run/luvalley/token
expect "log is for root" su user -c "PATH=$PATH luv log"
expect "open is for root" su user -c "PATH=$PATH luv open"
su user -c "PATH=$PATH luv info" || exit 1
mv /dev/dax0.0 /dev/hidden
expect "modprobe" $guest
mv /dev/hidden /dev/dax0.0
luv close || exit 1
expect "closed" $guest
luv open || exit 1
expect "root" su user -c "PATH=$PATH luv list"
