"""Fetch Debian's stock kernel for dom0 by apt and unpack it into the cache; it is not installed."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from machine.command import run_command
from machine.paths import CACHE, MachineFault, make_folder
from machine.suite import prepare_lists

META_PACKAGE = "linux-image-cloud-amd64"


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package: its release, its compressed image and the folder of its modules."""

    release: str
    vmlinuz: Path
    modules: Path


def find_depends(package: str, pattern: str, options: Sequence[str]) -> list[str]:
    """Return those packages that a package depends on whose names match a pattern."""
    lines = run_command(["apt-cache", *options, "depends", package]).splitlines()
    return [found[1] for line in lines if (found := re.fullmatch(rf"\s*Depends: ({pattern})", line))]


def find_package(options: Sequence[str]) -> str:
    """Return the name of the kernel package that Debian's meta package depends on."""
    for package in find_depends(META_PACKAGE, r"linux-image-\S+", options):
        return package
    raise MachineFault(f"no-kernel: apt knows no package that {META_PACKAGE} depends on; its lists may be missing")


def fetch_package(package: str, folder: Path, options: Sequence[str]) -> None:
    """Download a kernel by apt and unpack it into `folder`, which appears only when it is complete.

    In Debian 14 it is an empty package, which depends on those with the image and the modules.
    """
    work = folder.with_name(f"{folder.name}-{os.getpid()}.part")
    shutil.rmtree(work, ignore_errors=True)
    make_folder(work)
    parts = find_depends(package, r"linux-(?:binary|modules|base-\d)\S+", options)
    run_command(["apt-get", "-q", *options, "download", package, *parts], cwd=work)
    for archive in work.glob("*.deb"):
        run_command(["dpkg-deb", "-x", archive, work])
        archive.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)


def describe_kernel(folder: Path) -> Kernel:
    """Return what an unpacked kernel package holds."""
    modules = next(path for name in ("usr/lib/modules", "lib/modules") for path in (folder / name).glob("*"))
    vmlinuz = folder / "boot" / f"vmlinuz-{modules.name}"
    return Kernel(modules.name, vmlinuz if vmlinuz.exists() else modules / "vmlinuz", modules)


def fetch_newest(cache: Path, options: Sequence[str] = ()) -> Path:
    """Fetch the kernel that apt, with `options`, knows as the newest; return its folder in `cache`."""
    package = find_package(options)
    print(f"fetching Debian's kernel {package}: dom0's, unpacked into .cache and not installed", file=sys.stderr)
    folder = make_folder(cache) / package
    fetch_package(package, folder, options)
    return folder


def update_lists() -> None:
    """Bring apt's lists up to date."""
    print("updating apt's lists", file=sys.stderr)
    run_command([*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "-q", "update"])


def fetch_own(cache: Path) -> Path:
    """Fetch the kernel of the Debian that runs this."""
    try:
        return fetch_newest(cache)
    except MachineFault:
        update_lists()  # none yet, or older than the archive
        return fetch_newest(cache)


def fetch_other(cache: Path, suite: str) -> Path:
    """Fetch the kernel of another suite, whose lists are fetched for it."""
    work = make_folder(cache) / f"apt-{os.getpid()}.part"
    try:
        return fetch_newest(cache, prepare_lists(suite, work))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def get_kernel(suite: str = "") -> Kernel:
    """Return Debian's kernel from the cache, this machine's or a suite's; fetch it first if the cache has none."""
    cache = CACHE / (f"kernel-{suite}" if suite else "kernel")
    cached = sorted(path for path in cache.glob("linux-image-*") if path.suffix != ".part")
    if cached:
        return describe_kernel(cached[-1])
    return describe_kernel(fetch_other(cache, suite) if suite else fetch_own(cache))


# --- Modules ----------------------------------------------------------------------------------------------------


def is_built_in(kernel: Kernel, name: str) -> bool:
    """Return true if the kernel has this driver in its image, so that there is no module to load."""
    names = (kernel.modules / "modules.builtin").read_text().split()
    return any(Path(one).stem.replace("-", "_") == name.replace("-", "_") for one in names)


def find_module(kernel: Kernel, name: str) -> Path:
    """Return the file of the kernel module `name`."""
    found = next(kernel.modules.rglob(f"{name}.ko*"), None)
    if found is None:
        raise MachineFault(f"no-module: Debian's kernel {kernel.release} has no module `{name}`")
    return found


def read_module(kernel: Kernel, name: str) -> bytes:
    """Return the kernel module `name` as `insmod` wants it; Debian 13 compresses modules."""
    path = find_module(kernel, name)
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def read_modules(kernel: Kernel, names: Sequence[str]) -> dict[str, bytes]:
    """Return several kernel modules by name, without those that are built in."""
    return {name: read_module(kernel, name) for name in names if not is_built_in(kernel, name)}
