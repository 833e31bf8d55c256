"""Make a second disk for dom0 with a file system, for what is too large for an initramfs that GRUB reads by the BIOS.

dom0 reads by DMA only the parts that it uses. Its `usr`, `lib`, `lib64`, `guest` and `root` are mounted in dom0.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from machine.command import run_command
from machine.debian import Kernel
from machine.disk import CYLINDER
from machine.domu import collect_domu
from machine.paths import MachineFault, make_folder

MODULES = ("scsi_common", "scsi_mod", "libata", "ata_piix", "sd_mod")  # in the order in which they need each other
SLACK = 32 << 20
FILE_SYSTEM = ("-q", "-F", "-t", "ext4", "-O", "^has_journal", "-b", "4096", "-m", "0", "-L", "domu")


def measure(folder: Path) -> int:
    """Return the size of a disk for the files in `folder`, in whole cylinders."""
    held = sum(path.stat().st_size + 4096 for path in folder.rglob("*") if path.is_file())
    return -(-(held * 9 // 8 + SLACK) // CYLINDER) * CYLINDER


def fill_folder(folder: Path, files: Mapping[str, bytes], additions: Sequence[Path]) -> None:
    """Copy the files of the disk into a folder; the user's additions into `root`."""
    for name, content in files.items():
        place = folder / name
        make_folder(place.parent)
        place.write_bytes(content)
        place.chmod(0o755)
    root = make_folder(folder / "root")
    for path in additions:
        if not path.exists():
            raise MachineFault(f"no-such-path: --with {path}: there is no such file or folder")
        if path.is_dir():
            shutil.copytree(path, root / path.resolve().name, symlinks=True)
        else:
            shutil.copy(path, root / path.resolve().name)


def make_store(path: Path, kernel: Kernel, additions: Sequence[Path] = (), root: Path | None = None) -> None:
    """Write the disk; QEMU from the system in `root`, or this one's."""
    with TemporaryDirectory(dir=path.parent) as name:
        fill_folder(Path(name), collect_domu(kernel, root), additions)
        with path.open("wb") as disk:
            disk.truncate(measure(Path(name)))
        run_command(["mke2fs", *FILE_SYSTEM, "-d", name, path])
