"""Boots of machine/ without Luvalley: the loader, a user's disk image, Debian, and its shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from machine.bochs import Machine, Result, run_machine
from machine.disk import Boot, make_disk, write_chain_config
from machine.grub import make_loader_floppy
from machine.paths import ROOT
from machine.prepare import prepare_machine
from machine.request import Request
from tests.lib.terminal import WALL_CLOCK, expect, run_on_terminal

pytestmark = pytest.mark.boot
BUILD = [sys.executable, "build.py", "run", "--bare"]


def load(folder: Path, elf: Path, request: Request) -> Result:
    return run_machine(prepare_machine(request, folder, elf), 120)


def make_image(path: Path, boot_sector: bytes) -> Path:
    path.write_bytes(boot_sector + bytes(100 * 512))
    return path


def test_loader_passes_options_and_modules(tmp_path: Path, multiboot_elf: Path) -> None:
    result = load(tmp_path, multiboot_elf, Request(cpus=1, module=True, options="a=1 b", kernel_options="last"))
    magic, options, kernel, kernel_magic, *_ = result.e9.splitlines()
    assert (magic, options) == ("2badb002", "a=1 b")
    assert kernel.startswith("console=ttyS0")
    assert kernel.endswith(" last")
    assert kernel_magic == "00000000" or kernel_magic.endswith("5a4d")
    assert result.panic == "Shutdown port: shutdown requested"


def test_loader_speaks_multiboot2(tmp_path: Path, multiboot_elf: Path, boot_sector: bytes) -> None:
    image = make_image(tmp_path / "image", boot_sector)
    result = load(tmp_path, multiboot_elf, Request(cpus=1, image=image, multiboot=2))
    assert result.e9 == "36d76289\n"


def test_loader_floppy(tmp_path: Path, multiboot_elf: Path) -> None:
    floppy = tmp_path / "floppy.img"
    floppy.write_bytes(make_loader_floppy(multiboot_elf, "from a floppy"))
    result = run_machine(Machine(tmp_path, floppy=floppy, boot="floppy"), 120)
    assert result.e9 == "2badb002\nfrom a floppy\n"


def test_image_of_the_user(tmp_path: Path, boot_sector: bytes) -> None:
    image = make_image(tmp_path / "image", boot_sector)
    done = subprocess.run([*BUILD, "--image", image], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    serial, _, screen = done.stdout.partition("--- screen ---")
    assert "a boot sector says hello" in serial
    assert "a boot sector says hello" in screen
    assert image.read_bytes() == boot_sector + bytes(100 * 512)


def test_grub_chainloads_another_disk(tmp_path: Path, boot_sector: bytes) -> None:
    first, second = tmp_path / "first.img", make_image(tmp_path / "second.img", boot_sector)
    second.write_bytes(second.read_bytes() + bytes(-second.stat().st_size % (16 * 63 * 512)))
    make_disk(first, Boot({}, write_chain_config(), ("biosdisk", "chain", "boot")))
    result = run_machine(Machine(tmp_path, disks=(first, second)), 120)
    assert "a boot sector says hello" in result.serial


def test_debian_on_two_cpus(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/script").write_text("#!/bin/sh\nnproc; cat /root/word; ls /dev/cpu/1/msr; exit 5\n")
    (tmp_path / "folder/script").chmod(0o755)
    (tmp_path / "word").write_text("additions arrive\n")
    additions: list[str | Path] = ["--with", tmp_path / "folder", "--with", tmp_path / "word"]
    done = subprocess.run([*BUILD, *additions, "--exec", "folder/script"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    assert done.stdout == "2\nadditions arrive\n/dev/cpu/1/msr\n"
    assert done.returncode == 5


def test_self_check_of_a_bare_machine() -> None:
    done = subprocess.run([*BUILD, "--cpus", "1"], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    assert done.stdout == "cpus online: 1\nLuvalley does not run this machine: it is bare.\n"
    assert done.returncode == 0


def test_timeout_is_reported_with_serial_output() -> None:
    done = subprocess.run([*BUILD, "--cpus", "1", "--timeout", "2", "--exec", "true"], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 124
    assert "timeout: the machine was stopped after 2 s of its own clock; the record is in " in done.stderr


def test_shell_on_a_terminal() -> None:
    with run_on_terminal([*BUILD, "--cpus", "1", "--timeout", str(WALL_CLOCK)]) as (process, terminal):
        expect(terminal, b"~ # ")
        os.write(terminal, b"echo $((6 * 7)); exit 3\r")
        expect(terminal, b"42\r\n")
        expect(terminal, b"Power down")
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 3


def test_type_ahead_is_not_lost() -> None:
    with run_on_terminal([*BUILD, "--cpus", "1", "--timeout", str(WALL_CLOCK)]) as (process, terminal):
        os.write(terminal, b"exit 4\r")
        expect(terminal, b"Power down")
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 4
