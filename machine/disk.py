"""Make dom0's disk: an MBR with GRUB, its core image in the gap, and one FAT partition with the files."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from machine.command import run_command
from machine.grub import SECTOR, make_boot_sector, make_core, place_core
from machine.paths import MachineFault

CYLINDER = 16 * 63 * SECTOR
PARTITION_START = 2048  # sectors
PARTITION_TYPE = 0x0E  # FAT16 with LBA
PARTITION_ENTRY = 0x1BE
CLUSTER = 64  # sectors: few steps along the FAT
SLACK = 4 << 20
DISK_MODULES = ("biosdisk", "part_msdos", "fat", "linux", "boot")

# Kernel options with which an emulated Debian starts init soonest.
KERNEL_OPTIONS = (
    "console=ttyS0,115200 quiet mitigations=off nokaslr tsc_early_khz=100000 cryptomgr.notests=1 no_timer_check "
    "nowatchdog audit=0 apparmor=0 selinux=0 random.trust_cpu=on rcupdate.rcu_expedited=1 panic=-1"
)
# MWAIT on Bochs 2.7 misses most stores of other CPUs: MONITOR drops their translations of the watched line by its
# physical address. A CPU then sleeps until its next interrupt, for seconds or for good, on the bare machine too.
HALTING = "idle=halt"


@dataclass(frozen=True)
class Boot:
    """A disk: files of its partition by name, GRUB's commands, and the GRUB modules these need."""

    files: Mapping[str, bytes]
    config: str
    modules: Sequence[str] = DISK_MODULES


def write_linux_config(kernel_options: str, drive: str = "hd0") -> str:
    """Return GRUB's commands that boot `vmlinuz` and `initrd` of a drive's first partition."""
    place = f"({drive},msdos1)"
    return f"linux {place}/vmlinuz {kernel_options}\ninitrd {place}/initrd\nboot\n"


def write_chain_config(drive: str = "hd1") -> str:
    """Return GRUB's commands that run another drive's MBR; needs the GRUB module `chain`."""
    return f"set root={drive}\nchainloader ({drive})+1\nboot\n"


def measure_partition(files: Mapping[str, bytes]) -> int:
    """Return the sectors of a partition that holds `files`, such that the disk is whole cylinders."""
    needed = sum(len(content) + CLUSTER * SECTOR for content in files.values()) + SLACK
    size = PARTITION_START * SECTOR + needed
    return -(-size // CYLINDER) * CYLINDER // SECTOR - PARTITION_START


def write_partition_entry(sectors: int) -> bytes:
    """Return the partition table's first entry: active, by LBA alone."""
    beyond = b"\xfe\xff\xff"
    return struct.pack("<B3sB3sII", 0x80, beyond, PARTITION_TYPE, beyond, PARTITION_START, sectors)


def write_boot_area(boot: Boot, sectors: int) -> bytes:
    """Return the MBR and the gap after it."""
    core = place_core(make_core(boot.config, boot.modules, prefix="(hd0,msdos1)/"), 1)
    if len(core) > (PARTITION_START - 1) * SECTOR:
        raise MachineFault(f"gap-full: GRUB's core image is {len(core)} bytes")
    mbr = bytearray(make_boot_sector(1, hard_disk=True))
    mbr[PARTITION_ENTRY:PARTITION_ENTRY + 16] = write_partition_entry(sectors)
    area = bytes(mbr) + core
    return area + bytes(PARTITION_START * SECTOR - len(area))


def fill_partition(path: Path, files: Mapping[str, bytes], sectors: int) -> None:
    """Make a FAT file system in the disk's partition and copy the files into it."""
    partition = f"{path}@@{PARTITION_START * SECTOR}"
    geometry = ["-T", str(sectors), "-h", "16", "-s", "63", "-H", str(PARTITION_START), "-c", str(CLUSTER)]
    run_command(["mformat", "-i", partition, *geometry, "-N", "4c555659", "-v", "DOM0", "::"])
    with TemporaryDirectory() as name:
        for file, content in files.items():
            (Path(name) / file).write_bytes(content)
            run_command(["mcopy", "-i", partition, Path(name) / file, f"::{file}"])


def make_disk(path: Path, boot: Boot) -> None:
    """Write the disk image `path`."""
    sectors = measure_partition(boot.files)
    with path.open("wb") as disk:
        disk.write(write_boot_area(boot, sectors))
        disk.truncate((PARTITION_START + sectors) * SECTOR)
    if boot.files:
        fill_partition(path, boot.files, sectors)
