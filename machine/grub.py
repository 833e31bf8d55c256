"""Make GRUB's core images for BIOS machines, a floppy or CD that loads Luvalley, and the boot sector of a disk."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from machine.command import run_command

GRUB = Path("/usr/lib/grub/i386-pc")
SECTOR = 512
FLOPPY_SIZE = 2880 * SECTOR
LOADER_MODULES = ("memdisk", "tar", "boot")

# boot.img: where the core image starts (a sector, u64), and the check that is skipped on a hard disk.
KERNEL_SECTOR = 0x5C
DRIVE_CHECK = 0x66
# core.img's first sector: one block list entry at its end (start u64, length u16, segment u16).
BLOCK_LIST = SECTOR - 12
LOAD_SEGMENT = 0x820
# The bytes of the partition table in a boot sector.
PARTITION_TABLE = 0x1B8


def write_tar(files: Mapping[str, bytes]) -> bytes:
    """Return a ustar archive of `files`, the same bytes every time."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def make_core(config: str, modules: Sequence[str], memdisk: Mapping[str, bytes] | None = None,
              prefix: str = "(memdisk)/", target: str = "i386-pc") -> bytes:
    """Return a core image that runs `config` (plain commands), with `memdisk` as its file system `(memdisk)`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "early.cfg").write_text(config)
        command: list[str | Path] = ["grub-mkimage", "-O", target, "-p", prefix, "-c", folder / "early.cfg"]
        if memdisk is not None:
            (folder / "memdisk.tar").write_bytes(write_tar(memdisk))
            command += ["-m", folder / "memdisk.tar"]
        run_command([*command, "-o", folder / "core.img", *modules])
        return (folder / "core.img").read_bytes()


def pad_sectors(content: bytes) -> bytes:
    """Return `content` filled up with zeros to whole sectors."""
    return content + bytes(-len(content) % SECTOR)


def place_core(core: bytes, sector: int) -> bytes:
    """Return the core image for its place from `sector` on: its first sector has the place of the rest."""
    image = bytearray(pad_sectors(core))
    struct.pack_into("<QHH", image, BLOCK_LIST, sector + 1, len(image) // SECTOR - 1, LOAD_SEGMENT)
    return bytes(image)


def make_boot_sector(sector: int, hard_disk: bool) -> bytes:
    """Return GRUB's boot sector for a core image at `sector`; its partition table is empty."""
    image = bytearray((GRUB / "boot.img").read_bytes())
    struct.pack_into("<Q", image, KERNEL_SECTOR, sector)
    if hard_disk:
        image[DRIVE_CHECK:DRIVE_CHECK + 2] = b"\x90\x90"  # as grub-bios-setup does: trust DL, it is a disk
        image[PARTITION_TABLE:SECTOR - 2] = bytes(SECTOR - 2 - PARTITION_TABLE)
    return bytes(image)


def write_loader_config(options: str, modules: Sequence[str], multiboot: int) -> str:
    """Return the loader's commands: Luvalley with `options`, then `modules` (a GRUB path and arguments each)."""
    suffix = {1: "", 2: "2"}[multiboot]
    lines = [f"multiboot{suffix} (memdisk)/luvalley.elf {options}".rstrip()]
    lines += [f"module{suffix} {module}" for module in modules]
    return "\n".join([*lines, "boot"]) + "\n"


def make_loader_floppy(image: Path, options: str = "", modules: Sequence[str] = (), multiboot: int = 1,
                       drivers: Sequence[str] = ()) -> bytes:
    """Return a 1.44 MB floppy that loads the Multiboot image `image`; `drivers` are GRUB modules to reach `modules`."""
    needed = [*LOADER_MODULES, "multiboot" if multiboot == 1 else "multiboot2", *drivers]
    config = write_loader_config(options, modules, multiboot)
    core = place_core(make_core(config, needed, {"luvalley.elf": image.read_bytes()}), 1)
    floppy = make_boot_sector(1, hard_disk=False) + core  # it fits: grub-mkimage makes no core above 480 KiB
    return floppy + bytes(FLOPPY_SIZE - len(floppy))


def make_loader_cd(path: Path, image: Path, options: str = "", modules: Sequence[str] = (), multiboot: int = 1,
                   drivers: Sequence[str] = ()) -> None:
    """Write a CD that loads the Multiboot image `image`, as the floppy does, in a fifth of its time."""
    needed = [*LOADER_MODULES, "multiboot" if multiboot == 1 else "multiboot2", *drivers]
    config = write_loader_config(options, modules, multiboot)
    core = make_core(config, needed, {"luvalley.elf": image.read_bytes()}, target="i386-pc-eltorito")
    with TemporaryDirectory() as name:
        (Path(name) / "boot.img").write_bytes(core)
        eltorito = ["-b", "boot.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
        run_command(["xorriso", "-as", "mkisofs", "-o", path, *eltorito, name])
