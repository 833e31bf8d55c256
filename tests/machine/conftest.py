"""Fixtures: small guests for tests of machine/."""

import subprocess
from pathlib import Path

import pytest

GUESTS = Path(__file__).parent / "guests"


@pytest.fixture(scope="session")
def multiboot_elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("multiboot")
    subprocess.run(["nasm", "-f", "elf32", GUESTS / "multiboot.asm", "-o", folder / "guest.o"], check=True)
    link = ["ld", "-m", "elf_i386", "-Ttext", "0x100000", "-z", "max-page-size=4096"]
    subprocess.run([*link, "-o", folder / "guest.elf", folder / "guest.o"], check=True)
    return folder / "guest.elf"


@pytest.fixture(scope="session")
def boot_sector(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    image = tmp_path_factory.mktemp("mbr") / "mbr.bin"
    subprocess.run(["nasm", "-f", "bin", GUESTS / "mbr.asm", "-o", image], check=True)
    return image.read_bytes()
