"""Everything that keeps dom0 from starting, or ends it: one sentence with a name, on screen and serial, and no hang."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from machine.bochs import DEFAULT_MODEL, Machine, Progress, Result, run_machine
from machine.command import run_command
from machine.disk import CYLINDER
from machine.grub import (
    LOADER_MODULES,
    make_boot_sector,
    make_core,
    make_loader_cd,
    place_core,
    write_loader_config,
)
from machine.paths import IMAGE, ROOT
from tests.boots.kit import GUESTS, assemble_flat

pytestmark = [pytest.mark.boot, pytest.mark.usefixtures("luvalley")]
SECTOR = 512
HALT, INVD, TRIPLE_FAULT = range(3)
ERROR = r"error\[[^\n]*\n"
SETTLE = 0.5  # seconds from the sentence to the end: what comes after it shall be seen


# --- Machines ---------------------------------------------------------------------------------------------------


def make_record(folder: Path, name: str = "M", end: int = HALT, signature: int = 0xAA55) -> bytes:
    """A boot record that says NAME, DL, SI."""
    source = GUESTS / "stops" / "boot.asm"
    return assemble_flat(source, folder / "boot.bin", NAME=ord(name), END=end, SIGNATURE=signature)


def make_disk(folder: Path, sectors: Mapping[int, bytes]) -> Path:
    """A disk with contents at some sectors."""
    image = bytearray(CYLINDER)
    for sector, content in sectors.items():
        image[sector * SECTOR:sector * SECTOR + len(content)] = content
    (folder / "disk.img").write_bytes(image)
    return folder / "disk.img"


def make_looping_disk(folder: Path) -> Path:
    """A disk whose GRUB starts Luvalley, which starts the disk."""
    files = {"luvalley.elf": IMAGE.read_bytes()}
    core = make_core(write_loader_config("", (), 1), [*LOADER_MODULES, "multiboot"], files)
    content = make_boot_sector(1, hard_disk=True) + place_core(core, 1)
    disk = folder / "disk.img"
    disk.write_bytes(content + bytes(-len(content) % CYLINDER))
    return disk


def make_kernel(version: int = 0x20F, init_size: int = 1 << 20, ramdisk_last: int = 0x7FFF_FFFF,
                line_size: int = 2047) -> bytes:
    """A kernel's setup header that would do nothing; one sector of setup code, one of kernel."""
    image = bytearray(3 * SECTOR)
    image[0x1F1] = 1
    struct.pack_into("<H", image, 0x1FE, 0xAA55)
    struct.pack_into("<4sH", image, 0x202, b"HdrS", version)
    image[0x211] = 1
    struct.pack_into("<I", image, 0x22C, ramdisk_last)
    struct.pack_into("<I", image, 0x238, line_size)
    struct.pack_into("<QI", image, 0x258, 16 << 20, init_size)
    return bytes(image)


def start(folder: Path, disk: Path, options: str = "", *, image: Path = IMAGE, modules: Sequence[str] = (),
          until: str = ERROR, model: str = DEFAULT_MODEL, memory: int = 64, version: int = 1) -> Result:
    """Boot the loader's CD until the serial record has what is waited for; it must come."""
    loader = folder / "loader.iso"
    make_loader_cd(loader, image, options, modules, version, ("biosdisk",) if modules else ())
    found: list[float] = []

    def watch(progress: Progress) -> bool:
        if not found and re.search(until, progress.serial.replace("\r", ""), re.DOTALL):
            found.append(progress.seconds)
        return not found or progress.seconds < found[0] + SETTLE

    machine = Machine(folder / "machine", memory=memory, model=model, disks=(disk,), cdrom=loader, boot="cdrom")
    result = run_machine(machine, 60, watch)
    assert found, f"no `{until}` within {result.seconds:.0f} s: {result.panic}\n{result.serial}\n{result.screen}"
    return result


def expect(result: Result, name: str, sentence: str) -> None:
    """One error of that name, on serial and screen alike."""
    serial = result.serial.replace("\r", "")
    line = f"luvalley: error[{name}]: {sentence}"
    assert line in serial.splitlines()
    assert serial.count(f"error[{name}]") == 1
    screen = "".join(text.ljust(80) for text in result.screen.splitlines())
    assert line in screen


# --- The command line and the disk ------------------------------------------------------------------------------


def test_disk_and_partition_are_started(tmp_path: Path) -> None:
    """DL is the drive; DS:SI is the partition's entry."""
    record = bytearray(make_record(tmp_path))
    for number, sector in ((1, 10), (4, 20)):
        struct.pack_into("<B3xB3xII", record, 0x1AE + 16 * number, 0, 0x0E, sector, 1)
    disk = make_disk(tmp_path, {0: bytes(record), 10: make_record(tmp_path, "P"), 20: make_record(tmp_path, "Q")})
    for options, said in (("", "M800000"), ("disk=hd0,1", "P8007BE"), ("disk=hd0,4", "Q8007EE")):
        assert start(tmp_path, disk, options, until=r"\w{7}\n").serial.strip() == said
    expect(start(tmp_path, disk, "disk=hd0,2"), "partition", "the disk has no such partition")


@pytest.mark.parametrize(("options", "name", "sentence"), [
    ("disk=hd7", "disk-read", "the boot record cannot be read"),
    ("", "mbr-signature", "the boot record does not end with 55 AA"),
    ("disk=hd0 apic=wach", "command-line", "unknown option apic=wach"),
    ("disk=hd0,5", "command-line", "disk=hdN[,P] wants N of 0 to 9 and P of 1 to 4"),
])
def test_bad_option_or_disk(options: str, name: str, sentence: str, tmp_path: Path) -> None:
    disk = make_disk(tmp_path, {0: make_record(tmp_path, signature=0)})
    expect(start(tmp_path, disk, options, version=2 if name == "command-line" else 1), name, sentence)


# --- Loops ------------------------------------------------------------------------------------------------------


def test_disk_that_leads_back(tmp_path: Path) -> None:
    sentence = "this is dom0 already; the disk led back to Luvalley's own entry"
    expect(start(tmp_path, make_looping_disk(tmp_path)), "already-running", sentence)


def test_refusal_and_disk_that_leads_back(tmp_path: Path) -> None:
    result = start(tmp_path, make_looping_disk(tmp_path), model="core2_penryn_t9600", until=r"error\[boot-loop[^\n]*\n")
    expect(result, "boot-loop", "the disk led back to Luvalley, which cannot run on this processor")
    assert result.serial.count("error[requirements]") == 1


# --- Memory and modules -----------------------------------------------------------------------------------------


def test_no_memory(tmp_path: Path) -> None:
    disk = make_disk(tmp_path, {0: make_record(tmp_path)})
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


# --- The loud ends ----------------------------------------------------------------------------------------------


def build_changed(folder: Path, old: str, new: str) -> Path:
    """The image of a spec in which a text is another."""
    tree = folder / "tree"
    run_command(["mkdir", "-p", tree])
    run_command(["cp", "-r", *(ROOT / name for name in ("spec", "runtime", "generated")), tree])
    spec = tree / "spec" / "dom0.luv"
    text = spec.read_text()
    assert text.count(old) == 1
    spec.write_text(text.replace(old, new))
    run_command([ROOT / ".venv" / "bin" / "python", "-m", "codegen.cli", "--root", tree, "build"])
    return tree / "build" / "luvalley.elf"


def test_stop_dumps_all(tmp_path: Path) -> None:
    image = build_changed(tmp_path, "host_wbinvd();\n        advance;", 'stop "a test stops here";')
    disk = make_disk(tmp_path, {0: make_record(tmp_path, end=INVD)})
    result = start(tmp_path, disk, image=image)
    expect(result, "stopped", "a test stops here")
    lines = result.serial.replace("\r", "").splitlines()
    expected = {"exit_reason d", "exit_qualification 0", "last exit: invd", "cpu 0", "rcx 1"}
    assert not expected - set(lines)
    assert not [line for line in lines if line.startswith("hlat_prefix_size")], "this processor has no such field"
    assert [line for line in lines if line.startswith("last exits, newest first: invd ")]


def test_refused_entry_dumps_all(tmp_path: Path) -> None:
    image = build_changed(tmp_path, "rflags = 2;", "rflags = 0;")
    result = start(tmp_path, make_disk(tmp_path, {0: make_record(tmp_path)}), image=image)
    expect(result, "stopped", "the processor refused the state of dom0")
    assert "last exit: entry_failure_guest, VM entry failed" in result.serial


def test_triple_fault_is_a_reset(tmp_path: Path) -> None:
    """The machine comes up again, as bare."""
    disk = make_disk(tmp_path, {0: make_record(tmp_path, end=TRIPLE_FAULT)})
    assert "error[" not in start(tmp_path, disk, until="(M800000\n.*){3}").serial
