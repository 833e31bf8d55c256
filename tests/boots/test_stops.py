"""Errors at boot for missing memory and bad modules, and panics with their dump."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from machine.bochs import Machine, Progress, Result, run_machine
from machine.command import run_command
from machine.disk import CYLINDER
from machine.grub import make_loader_cd
from machine.paths import IMAGE, ROOT
from machine.run import build_image
from tests.boots.kit import SECTOR, describe_end
from tests.lib.poison import leave_out_field

pytestmark = [pytest.mark.boot, pytest.mark.usefixtures("luvalley")]
LINGER = 0.5  # seconds from the message to the end of the run, to see what follows it
HALT = bytes.fromhex("f4 eb fd")
INVD = bytes.fromhex("0f 08")


# --- Machines ---------------------------------------------------------------------------------------------------


def make_record(code: bytes) -> bytes:
    """Return a boot record with this code."""
    return (code + HALT).ljust(SECTOR - 2, b"\0") + b"\x55\xaa"


def make_disk(folder: Path, sectors: Mapping[int, bytes]) -> Path:
    """Return a disk with contents at some sectors."""
    image = bytearray(CYLINDER)
    for sector, content in sectors.items():
        image[sector * SECTOR:sector * SECTOR + len(content)] = content
    (folder / "disk.img").write_bytes(image)
    return folder / "disk.img"


def make_kernel(version: int = 0x20F, init_size: int = 1 << 20, ramdisk_last: int = 0x7FFF_FFFF,
                line_size: int = 2047) -> bytes:
    """Return a minimal bzImage: a setup header, one sector of setup code, one of kernel."""
    image = bytearray(3 * SECTOR)
    image[0x1F1] = 1
    struct.pack_into("<H", image, 0x1FE, 0xAA55)
    struct.pack_into("<4sH", image, 0x202, b"HdrS", version)
    image[0x211] = 1
    struct.pack_into("<I", image, 0x22C, ramdisk_last)
    struct.pack_into("<I", image, 0x238, line_size)
    struct.pack_into("<QI", image, 0x258, 16 << 20, init_size)
    return bytes(image)


def start(folder: Path, disk: Path, image: Path = IMAGE, modules: Sequence[str] = (), memory: int = 64) -> Result:
    """Boot the loader's CD until there is an error."""
    loader = folder / "loader.iso"
    make_loader_cd(loader, image, "", modules, 1, ("biosdisk",) if modules else ())
    said: list[float] = []

    def watch(progress: Progress) -> bool:
        if not said and "error[" in progress.serial and progress.serial.endswith("\n"):
            said.append(progress.seconds)
        return not said or progress.seconds < said[0] + LINGER

    machine = Machine(folder / "machine", memory=memory, disks=(disk,), cdrom=loader, boot="cdrom")
    return run_machine(machine, 60, watch)


def expect(result: Result, name: str, sentence: str) -> None:
    """Check for one error of that name, on serial and screen alike."""
    line = f"luvalley: error[{name}]: {sentence}"
    assert line in result.serial.replace("\r", "").splitlines(), describe_end(result)
    assert result.serial.count("error[") == 1, describe_end(result)
    assert line in result.screen.replace("\n", ""), describe_end(result)


# --- Memory and modules -----------------------------------------------------------------------------------------


def test_no_memory(tmp_path: Path) -> None:
    disk = make_disk(tmp_path, {0: make_record(b"")})
    expect(start(tmp_path, disk, memory=4), "memory", "there is no free memory below 4 GiB for the hypervisor")


KERNEL, INITRD = "(hd0)1+3", "(hd0)9+8"


@pytest.mark.parametrize(("kernel", "modules", "name", "sentence"), [
    (bytes(3 * SECTOR), (KERNEL,), "kernel", "the first module is not a bzImage of Linux"),
    (make_kernel(version=0x202), (KERNEL,), "protocol", "the kernel's boot protocol is older than 2.03"),
    (make_kernel(init_size=1 << 30), (KERNEL,), "memory", "there is not enough memory for the kernel"),
    (make_kernel(ramdisk_last=0x10F_FFFF), (KERNEL, INITRD), "memory", "there is not enough memory for the initrd"),
    (make_kernel(line_size=9), (f"{KERNEL} /v 123456789a",), "line", "the kernel's command line is too long"),
    (make_kernel(), (f"{KERNEL} {'a' * 2048}",), "line", "the kernel's command line is too long"),
    (make_kernel(), (KERNEL, INITRD, INITRD), "count", "a kernel and its initrd are all the modules there may be"),
])
def test_bad_modules(kernel: bytes, modules: tuple[str, ...], name: str, sentence: str, tmp_path: Path) -> None:
    disk = make_disk(tmp_path, {1: kernel})
    expect(start(tmp_path, disk, modules=modules), f"module-{name}", sentence)


# --- Panics -----------------------------------------------------------------------------------------------------


def build_changed(folder: Path, old: str, new: str) -> Path:
    """Build the image of a spec in which a text is replaced."""
    tree = folder / "tree"
    run_command(["mkdir", "-p", tree])
    run_command(["cp", "-r", *(ROOT / name for name in ("spec", "runtime", "generated")), tree])
    spec = tree / "spec" / "dom0.luv"
    text = spec.read_text()
    assert text.count(old) == 1
    spec.write_text(text.replace(old, new))
    run_command([ROOT / ".venv" / "bin" / "python", "-m", "codegen.cli", "--root", tree, "build"])
    return tree / "build" / "luvalley.elf"


def test_stop_dumps_state(tmp_path: Path) -> None:
    image = build_changed(tmp_path, "host_wbinvd();\n        advance;", 'stop "a test stops here";')
    disk = make_disk(tmp_path, {0: make_record(INVD)})
    result = start(tmp_path, disk, image)
    expect(result, "stopped", "a test stops here")
    lines = result.serial.replace("\r", "").splitlines()
    expected = {"exit_reason d", "exit_qualification 0", "last exit: invd", "cpu 0", "rcx 1"}
    assert not expected - set(lines)
    assert not [line for line in lines if line.startswith("hlat_prefix_size")], "this processor has no such field"
    assert [line for line in lines if line.startswith("last exits, newest first: invd ")]


def test_failed_entry_dumps_state(tmp_path: Path) -> None:
    image = build_changed(tmp_path, "from system, general;", "from system, general;\n        rflags = 0;")
    result = start(tmp_path, make_disk(tmp_path, {0: make_record(b"")}), image)
    expect(result, "stopped", "the processor refused the state of dom0")
    assert "last exit: entry_failure_guest, VM entry failed" in result.serial


def test_a_field_of_dom0s_vmcs_that_is_left_out(tmp_path: Path) -> None:
    """The poisoned image finds it: its VM entry has 0xFFFFFFFF CR3 targets. SDM: 27.2.1.1"""
    assert build_image(poison=True) == 0
    image = leave_out_field(tmp_path / "planted.elf", "dom0", "cr3_target_count")
    result = start(tmp_path, make_disk(tmp_path, {0: make_record(b"")}), image)
    expect(result, "stopped", "VM entry refused with VM-instruction error 7")
