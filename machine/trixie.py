"""Fetch QEMU 10 of Debian 13 with its libraries into the cache, by apt with separate lists; it is not installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from machine.command import run_command
from machine.paths import CACHE, make_folder

SOURCE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n"
PACKAGES = ("qemu-system-x86", "seabios")
FOLDER = CACHE / "qemu-trixie"


def write_options(work: Path) -> list[str]:
    """Return apt's options: its state in `work`, as on a system where nothing is installed yet."""
    make_folder(work / "lists" / "partial")
    make_folder(work / "cache" / "archives" / "partial")
    (work / "sources.list").write_text(SOURCE)
    (work / "status").touch()
    settings = {
        "Dir::Etc::sourcelist": work / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": work / "lists", "Dir::Cache": work / "cache", "Dir::State::status": work / "status",
        "Debug::NoLocking": "1",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def fetch(folder: Path) -> None:
    """Download QEMU and its dependencies and unpack them into `folder`, which appears only when it is complete."""
    work = folder.with_name(f"{folder.name}-{os.getpid()}.part")
    options = write_options(work)
    run_command(["apt-get", "-q", *options, "update"])
    run_command(["apt-get", "-q", "-y", *options, "--no-install-recommends", "--download-only", "install", *PACKAGES])
    root = make_folder(work / "root")
    for name in ("lib", "lib64"):
        make_folder(root / "usr" / name)
        (root / name).symlink_to(f"usr/{name}")  # as where /usr is merged: archives have both forms
    for archive in sorted((work / "cache" / "archives").glob("*.deb")):
        unpack = 'dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink -C "$1"'
        run_command(["sh", "-c", unpack, archive, root])
    shutil.rmtree(folder, ignore_errors=True)
    root.rename(folder)
    shutil.rmtree(work)


def get_qemu_root() -> Path:
    """Return the folder with Debian 13's QEMU; fetch it first if the cache has none."""
    if not (FOLDER / "usr/bin/qemu-system-x86_64").exists():
        fetch(make_folder(FOLDER.parent) / FOLDER.name)
    return FOLDER
