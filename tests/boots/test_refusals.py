"""Machines, disks and options with which Luvalley does not start: a named error on screen and COM1, and no loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from machine.bochs import DEFAULT_MODEL, Machine, Progress, Result, run_machine
from machine.disk import CYLINDER
from machine.grub import make_boot_sector, make_core, make_loader_cd, place_core, write_loader_config
from tests.boots.kit import GUESTS, SECTOR, assemble_flat, describe_end

pytestmark = pytest.mark.boot
BARE = "on the bare machine"
HYPERVISED = "on a hypervisor"
LINGER = 2.0  # seconds after an error: long enough to be drawn, and for a loop to show
TIMEOUT = 600


class Lingering:
    """Stop a machine some time after it has printed an error: `words` and the rest of that line."""

    def __init__(self, words: str = "]: ") -> None:
        self.words = words
        self.said_at: float | None = None

    def watch(self, progress: Progress) -> bool:
        said = "error[" in progress.serial and self.words in progress.serial and progress.serial.endswith("\n")
        if self.said_at is None and said:
            self.said_at = progress.seconds
        return self.said_at is None or progress.seconds < self.said_at + LINGER


def make_disk_image(path: Path, record: bytes, at_63: bytes = b"") -> Path:
    image = record + bytes(62 * SECTOR) + at_63
    path.write_bytes(image + bytes(-len(image) % CYLINDER))
    return path


def make_record(folder: Path, **symbols: int) -> bytes:
    return assemble_flat(GUESTS / "sectors/hello.asm", folder / "record.bin", **symbols)


def run_loader(folder: Path, luvalley: Path, disks: tuple[Path, ...], options: str = "",
               model: str = DEFAULT_MODEL) -> Result:
    loader = folder / "loader.iso"
    make_loader_cd(loader, luvalley, options)
    machine = Machine(folder, model=model, disks=disks, cdrom=loader, boot="cdrom")
    return run_machine(machine, TIMEOUT, Lingering().watch)


def run_record(folder: Path, luvalley: Path, options: str = "", model: str = DEFAULT_MODEL, **symbols: int) -> Result:
    disk = make_disk_image(folder / "disk.img", make_record(folder, **symbols), make_record(folder))
    return run_loader(folder, luvalley, (disk,), options, model)


def unfold(screen: str) -> str:
    """Return a screen's text without line ends, since long lines wrap."""
    return screen.replace("\n", "")


def check_error(result: Result, name: str, words: str = "") -> None:
    """Check for exactly one error, on screen and serial port; the machine did not continue."""
    text = f"luvalley: error[{name}]: {words}"
    assert result.serial.count("error[") == 1, describe_end(result)
    assert text in result.serial, describe_end(result)
    assert text.rstrip() in unfold(result.screen), describe_end(result)
    # A halted CPU's clock runs ahead of the host's: the bound in emulated time may come before LINGER is over.
    assert result.outcome == "stopped", describe_end(result)
    assert "boot record:" not in result.serial, describe_end(result)


def check_refusal(result: Result, *missing: str) -> None:
    """Check that one message lists everything that the processor lacks, and that the disk is then booted bare."""
    assert result.serial.count("error[requirements]") == 1, describe_end(result)
    line = next(line for line in result.serial.splitlines() if "error[requirements]" in line)
    assert not [name for name in missing if name not in line], line
    assert "error[requirements]" in unfold(result.screen), describe_end(result)
    assert BARE in result.serial, describe_end(result)
    assert "boot record: drive 80" in unfold(result.screen), describe_end(result)


def test_disk_runs_as_a_guest(luvalley: Path, tmp_path: Path) -> None:
    """The boot record runs under Luvalley; the serial port has its text only."""
    result = run_record(tmp_path, luvalley)
    assert result.serial.replace("\r", "") == f"\nboot record: drive 80, entry 00, {HYPERVISED}\n" or \
        "boot record: drive 80, entry" in result.serial, describe_end(result)
    assert HYPERVISED in result.serial and "luvalley:" not in result.serial, describe_end(result)
    assert "boot record: drive 80, entry" in result.screen, describe_end(result)


def test_partition_runs_as_a_guest(luvalley: Path, tmp_path: Path) -> None:
    """The boot record of a partition starts with DS:SI at its entry in the partition table."""
    result = run_record(tmp_path, luvalley, "disk=hd0,1")
    assert f"boot record: drive 80, entry 3F, {HYPERVISED}" in result.serial, describe_end(result)


def test_second_disk_runs_as_a_guest(luvalley: Path, tmp_path: Path) -> None:
    first = make_disk_image(tmp_path / "first.img", bytes(SECTOR))
    second = make_disk_image(tmp_path / "second.img", make_record(tmp_path))
    result = run_loader(tmp_path, luvalley, (first, second), "disk=hd1")
    assert "boot record: drive 81" in result.serial and HYPERVISED in result.serial, describe_end(result)


def test_no_ept(luvalley: Path, tmp_path: Path) -> None:
    result = run_record(tmp_path, luvalley, model="core2_penryn_t9600")
    check_refusal(result, "secondary.enable_ept", "secondary.unrestricted_guest")
    line = next(line for line in result.serial.splitlines() if "error[requirements]" in line)
    assert "VT-x (vmx)" not in line and "long mode" not in line


def test_no_vmx(luvalley: Path, tmp_path: Path) -> None:
    result = run_record(tmp_path, luvalley, model="p4_prescott_celeron_336")
    check_refusal(result, "VT-x (vmx)", "secondary.enable_ept", "secondary.unrestricted_guest")


def test_no_long_mode(luvalley: Path, tmp_path: Path) -> None:
    result = run_record(tmp_path, luvalley, model="pentium")
    check_refusal(result, "long mode (lm)", "no-execute pages (nx)", "VT-x (vmx)", "secondary.enable_ept")


def test_no_signature(luvalley: Path, tmp_path: Path) -> None:
    check_error(run_record(tmp_path, luvalley, SIGNATURE=0x1234), "mbr-signature")


def test_no_signature_bare(luvalley: Path, tmp_path: Path) -> None:
    result = run_record(tmp_path, luvalley, model="core2_penryn_t9600", SIGNATURE=0x1234)
    assert "error[requirements]" in result.serial and "error[mbr-signature]" in result.serial, describe_end(result)
    assert "error[mbr-signature]" in unfold(result.screen), describe_end(result)


def test_no_disk(luvalley: Path, tmp_path: Path) -> None:
    check_error(run_loader(tmp_path, luvalley, ()), "disk-read")


def test_no_such_disk(luvalley: Path, tmp_path: Path) -> None:
    check_error(run_record(tmp_path, luvalley, "disk=hd7"), "disk-read")


def test_no_such_partition(luvalley: Path, tmp_path: Path) -> None:
    check_error(run_record(tmp_path, luvalley, "disk=hd0,3"), "partition")


def test_partition_without_signature(luvalley: Path, tmp_path: Path) -> None:
    disk = make_disk_image(tmp_path / "disk.img", make_record(tmp_path), bytes(SECTOR))
    check_error(run_loader(tmp_path, luvalley, (disk,), "disk=hd0,1"), "mbr-signature")


@pytest.mark.parametrize(("options", "words"), [
    ("apic=wach", "unknown option apic=wach"),
    ("log=serial bogus", "unknown option bogus"),
    ("disk=hd0,9", "disk=hdN[,P] wants N of 0 to 9 and P of 1 to 4"),
    ("disk=hdx", "disk=hdN[,P] wants"),
    ("disk=hd12", "disk=hdN[,P] wants"),
    ("disk=", "unknown option disk="),
    ("pool=", "pool=SIZE[,SIZE] wants"),
    ("pool=512", "pool=SIZE[,SIZE] wants"),
    ("pool=3M", "pool=SIZE[,SIZE] wants"),
    ("pool=8M,", "pool=SIZE[,SIZE] wants"),
    ("pool=8M;", "pool=SIZE[,SIZE] wants"),
    ("pool=4294967297M", "pool=SIZE[,SIZE] wants"),
    ("pool=8388609G", "pool=SIZE[,SIZE] wants"),
    ("pool=2M,2M,2M,2M,2M,2M,2M,2M,2M", "pool=SIZE[,SIZE] wants"),
])
def test_bad_command_line(options: str, words: str, luvalley: Path, tmp_path: Path) -> None:
    check_error(run_record(tmp_path, luvalley, options), "command-line", words)


@pytest.mark.parametrize("options", ["pool=8G", "pool=32M pool=2M,8G", "pool=1048576K"])
def test_no_room_for_a_pool(options: str, luvalley: Path, tmp_path: Path) -> None:
    check_error(run_record(tmp_path, luvalley, options), "pool", "there is no free memory of this size in one piece")


def test_pools_leave_the_disk_alone(luvalley: Path, tmp_path: Path) -> None:
    result = run_record(tmp_path, luvalley, "pool=2048K,8M,2M,2M pool=2M,2M,2M,2M disk=hd0")
    assert "boot record: drive 80" in result.serial and HYPERVISED in result.serial, describe_end(result)
    assert "luvalley:" not in result.serial, describe_end(result)


def make_self_loading_disk(path: Path, luvalley: Path) -> Path:
    """A disk whose own MBR is a GRUB that starts Luvalley, which then starts this disk."""
    core = make_core(write_loader_config("", (), 1), ("memdisk", "tar", "boot", "multiboot"),
                     {"luvalley.elf": luvalley.read_bytes()})
    image = make_boot_sector(1, hard_disk=True) + place_core(core, 1)
    path.write_bytes(image + bytes(-len(image) % CYLINDER))
    return path


def run_self_loading_disk(folder: Path, luvalley: Path, model: str) -> Result:
    disk = make_self_loading_disk(folder / "disk.img", luvalley)
    return run_machine(Machine(folder, model=model, disks=(disk,)), TIMEOUT, Lingering().watch)


def test_disk_that_boots_luvalley(luvalley: Path, tmp_path: Path) -> None:
    check_error(run_self_loading_disk(tmp_path, luvalley, DEFAULT_MODEL), "already-running")


def test_disk_that_boots_luvalley_bare(luvalley: Path, tmp_path: Path) -> None:
    disk = make_self_loading_disk(tmp_path / "disk.img", luvalley)
    machine = Machine(tmp_path, model="core2_penryn_t9600", disks=(disk,))
    result = run_machine(machine, TIMEOUT, Lingering("error[boot-loop]").watch)
    assert result.serial.count("error[requirements]") == 1, describe_end(result)
    assert result.serial.count("error[boot-loop]") == 1, describe_end(result)
    assert "error[boot-loop]" in unfold(result.screen), describe_end(result)
