"""Fetch Debian's stock kernel for dom0 by apt and unpack it into the cache; it is not installed."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from machine.command import run_command
from machine.paths import CACHE, MachineFault, make_folder

META_PACKAGE = "linux-image-cloud-amd64"


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package: its release, its compressed image and the folder of its modules."""

    release: str
    vmlinuz: Path
    modules: Path


def find_package() -> str:
    """Return the name of the kernel package that Debian's meta package depends on."""
    for line in run_command(["apt-cache", "depends", META_PACKAGE]).splitlines():
        if found := re.fullmatch(r"\s*Depends: (linux-image-\S+)", line):
            return found[1]
    raise MachineFault(f"no-kernel: apt knows no package that {META_PACKAGE} depends on; its lists may be missing")


def fetch_package(package: str, folder: Path) -> None:
    """Download `package` by apt and unpack it into `folder`, which appears only when it is complete."""
    work = folder.with_name(f"{folder.name}-{os.getpid()}.part")
    shutil.rmtree(work, ignore_errors=True)
    make_folder(work)
    run_command(["apt-get", "-q", "download", package], cwd=work)
    archive = next(work.glob("*.deb"))
    run_command(["dpkg-deb", "-x", archive, work])
    archive.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)


def describe_kernel(folder: Path) -> Kernel:
    """Return what an unpacked kernel package holds."""
    vmlinuz = next((folder / "boot").glob("vmlinuz-*"))
    release = vmlinuz.name.removeprefix("vmlinuz-")
    return Kernel(release, vmlinuz, folder / "lib/modules" / release)


def fetch_newest() -> Path:
    """Fetch the kernel that apt knows as the newest; return its folder in the cache."""
    package = find_package()
    print(f"fetching Debian's kernel {package}: dom0's, unpacked into .cache and not installed", file=sys.stderr)
    folder = make_folder(CACHE / "kernel") / package
    fetch_package(package, folder)
    return folder


def update_lists() -> None:
    """Bring apt's lists up to date."""
    print("updating apt's lists", file=sys.stderr)
    run_command([*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "-q", "update"])


def get_kernel() -> Kernel:
    """Return Debian's kernel from the cache; fetch it first if the cache has none."""
    cached = sorted(path for path in (CACHE / "kernel").glob("linux-image-*") if path.suffix != ".part")
    if cached:
        return describe_kernel(cached[-1])
    try:
        return describe_kernel(fetch_newest())
    except MachineFault:
        update_lists()  # none yet, or older than the archive
        return describe_kernel(fetch_newest())


def find_module(kernel: Kernel, name: str) -> Path:
    """Return the file of the kernel module `name`."""
    found = next(kernel.modules.rglob(f"{name}.ko*"), None)
    if found is None:
        raise MachineFault(f"no-module: Debian's kernel {kernel.release} has no module `{name}`")
    return found


def find_modules(kernel: Kernel, names: Sequence[str]) -> dict[str, Path]:
    """Return the files of several kernel modules by name."""
    return {name: find_module(kernel, name) for name in names}
