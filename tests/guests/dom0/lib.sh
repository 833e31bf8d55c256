# Shared by the scripts for dom0. They print `ok` and `not ok` lines as guests do; `finish` exits with 1 after a `not ok`.
failed=0

# check NAME GOT WANTED
check() {
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: got $2, wanted $3"; failed=1; fi
}

# run NAME COMMAND...: its exit status must be 0
run() {
    name=$1; shift
    "$@"; check "$name" $? 0
}

finish() {
    echo "dom0: end"
    exit $failed
}
