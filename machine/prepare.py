"""Prepare the machine for a request: the disks, the loader's CD, and the order of the drives."""

from __future__ import annotations

from pathlib import Path

from machine.bochs import Machine
from machine.command import run_command
from machine.debian import Kernel, get_kernel
from machine.disk import CYLINDER, HALTING, KERNEL_OPTIONS, Boot, make_disk, write_linux_config
from machine.grub import make_loader_cd
from machine.initrd import Contents, make_initrd
from machine.paths import IMAGE, MachineFault
from machine.programs import get_qemu_root
from machine.request import Request
from machine.store import MODULES as STORE_MODULES
from machine.store import make_store

DISK_DRIVERS = ("biosdisk", "part_msdos", "fat")


def write_kernel_options(request: Request) -> str:
    """Return the command line of dom0's kernel; the user's additions come last, so they take precedence."""
    rows, columns = request.size
    duty = f"luv.do={request.duty} luv.size={rows}x{columns}"
    idle = HALTING if request.cpus > 1 else ""
    return " ".join(filter(None, [KERNEL_OPTIONS, duty, idle, request.kernel_options]))


def make_dom0_disk(path: Path, request: Request, kernel: Kernel) -> None:
    """Write dom0's disk: Debian's kernel and our initramfs, booted by GRUB from the MBR."""
    additions = () if request.domu else request.additions  # they are on the second disk
    contents = Contents(request.duty_command, additions, bool(request.record), request.instrument,
                        STORE_MODULES if request.domu else ())
    initrd = make_initrd(kernel, contents)
    files = {"vmlinuz": kernel.vmlinuz.read_bytes(), "initrd": initrd}
    make_disk(path, Boot(files, write_linux_config(write_kernel_options(request))))


def copy_image(path: Path, source: Path) -> None:
    """Copy the user's disk image, so that it stays as it is, and fill the copy up to whole cylinders."""
    if not source.is_file() or not source.stat().st_size:
        raise MachineFault(f"no-image: --image {source}: there is no such file, or it is empty")
    run_command(["cp", "--reflink=auto", "--sparse=always", "--no-preserve=mode", source, path])
    size = path.stat().st_size
    with path.open("r+b") as copy:
        copy.truncate(-(-size // CYLINDER) * CYLINDER)


def list_modules(request: Request) -> tuple[str, ...]:
    """Return the Multiboot modules that the loader reads from dom0's disk."""
    if not request.module:
        return ()
    return (f"(hd0,msdos1)/vmlinuz {write_kernel_options(request)}", "(hd0,msdos1)/initrd")


def make_loader(path: Path, request: Request, image: Path) -> None:
    """Write the CD that starts Luvalley."""
    if not image.exists():
        raise MachineFault(f"no-luvalley: {image} is not there; `build.py build` makes it")
    drivers = DISK_DRIVERS if request.module else ()
    make_loader_cd(path, image, request.luvalley_options, list_modules(request), request.multiboot, drivers)


def prepare_machine(request: Request, folder: Path, luvalley: Path = IMAGE) -> Machine:
    """Make everything that the machine of `request` needs in `folder`, and describe the machine."""
    disk, store, loader = folder / "disk.img", folder / "store.img", folder / "loader.iso"
    for path in (disk, store, loader):
        path.unlink(missing_ok=True)
    if request.image:
        copy_image(disk, request.image)
    else:
        make_dom0_disk(disk, request, get_kernel(request.kernel))
    if request.domu:
        make_store(store, get_kernel(request.kernel), request.additions, get_qemu_root() if request.trixie else None)
    if not request.bare:
        make_loader(loader, request, luvalley)
    return Machine(folder, cpus=request.cpus, memory=request.memory, model=request.model, bochs=request.bochs,
                   disks=(disk, store) if request.domu else (disk,), cdrom=None if request.bare else loader,
                   boot="disk" if request.bare else "cdrom")
