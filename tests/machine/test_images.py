"""Disk and floppy images, read back without booting them. They need the packages of the boot tests."""

import random
import struct
from pathlib import Path

import pytest

from machine.command import run_command
from machine.disk import Boot, make_disk
from machine.grub import FLOPPY_SIZE, make_loader_floppy, write_loader_config
from machine.paths import MachineFault

pytestmark = pytest.mark.boot


def test_disk_has_boot_code_partition_and_files(tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    make_disk(disk, Boot({"vmlinuz": b"kernel" * 5000, "initrd": b"initrd"}, "boot\n"))
    image = disk.read_bytes()
    active, kind, start, sectors = struct.unpack_from("<B3xB3xII", image, 0x1BE)
    assert image[510:512] == b"\x55\xaa"
    assert struct.unpack_from("<Q", image, 0x5C) == (1,)
    assert (active, kind, start) == (0x80, 0x0E, 2048)
    assert (start + sectors) * 512 == len(image)
    assert run_command(["mtype", "-i", f"{disk}@@{start * 512}", "::initrd"]) == "initrd"


def test_disk_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_disk(tmp_path / name, Boot({}, "boot\n"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_floppy_is_a_floppy(multiboot_elf: Path) -> None:
    floppy = make_loader_floppy(multiboot_elf)
    assert len(floppy) == FLOPPY_SIZE
    assert floppy[510:512] == b"\x55\xaa"
    start, length, segment = struct.unpack_from("<QHH", floppy, 512 + 500)
    assert (start, segment) == (2, 0x820)
    assert any(floppy[(1 + length) * 512:(2 + length) * 512])
    assert not any(floppy[(2 + length) * 512:])


def test_image_too_big_for_the_loader(tmp_path: Path) -> None:
    image = tmp_path / "huge.elf"
    image.write_bytes(random.Random(1).randbytes(FLOPPY_SIZE))
    with pytest.raises(MachineFault, match="core image is too big"):
        make_loader_floppy(image)


def test_loader_config() -> None:
    assert write_loader_config("apic=watch", ("(hd0,msdos1)/vmlinuz quiet",), 2) == (
        "multiboot2 (memdisk)/luvalley.elf apic=watch\nmodule2 (hd0,msdos1)/vmlinuz quiet\nboot\n")
    assert write_loader_config("", (), 1) == "multiboot (memdisk)/luvalley.elf\nboot\n"
