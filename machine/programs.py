"""Programs of another Debian, unpacked into the cache with all their libraries; nothing is installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from machine.command import run_command
from machine.paths import CACHE, make_folder
from machine.suite import find_codename, prepare_lists

TRIXIE = "trixie"  # Debian 13
BOOKWORM = "bookworm"  # Debian 12
QEMU = ("qemu-system-x86", "seabios")
LOADER = "lib64/ld-linux-x86-64.so.2"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def fetch(folder: Path, suite: str, packages: Sequence[str]) -> None:
    """Download packages of a suite with what they need, and unpack them into `folder`, which appears complete."""
    print(f"fetching {packages[0]} of Debian's {suite}: unpacked into .cache and not installed", file=sys.stderr)
    work = folder.with_name(f"{folder.name}-{os.getpid()}.part")
    options = prepare_lists(suite, work)
    run_command(["apt-get", "-q", "-y", *options, "--no-install-recommends", "--download-only", "install", *packages])
    root = make_folder(work / "root")
    for name in ("lib", "lib64"):
        make_folder(root / "usr" / name)
        (root / name).symlink_to(f"usr/{name}")  # as where /usr is merged: archives have both forms
    for archive in sorted((work / "cache" / "archives").glob("*.deb")):
        unpack = 'dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink -C "$1"'
        run_command(["sh", "-c", unpack, archive, root])
    root.rename(folder)
    shutil.rmtree(work)


@contextmanager
def lock_cache() -> Iterator[None]:
    """Hold the lock of what is fetched: of several processes one fetches, and the others wait."""
    with (make_folder(CACHE) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def get_root(name: str, suite: str, packages: Sequence[str]) -> Path | None:
    """Return the folder with packages of a suite, fetched if the cache has none; None if this machine runs it."""
    if find_codename() == suite:
        return None
    folder = CACHE / f"{name}-{suite}"
    with lock_cache():
        if not folder.exists():
            fetch(folder, suite, packages)
    return folder


def get_qemu_root() -> Path | None:
    """Return the folder with Debian 13's QEMU; None if it is this machine's own."""
    return get_root("qemu", TRIXIE, QEMU)
