"""Paths in the repository, and the exception of this package."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
CACHE = ROOT / ".cache"
BENCH = ROOT / "bench"
DOM0 = ROOT / "dom0"
USERSPACE = ROOT / "tests" / "userspace"  # programs of dom0 that are not shipped
GENERATED = ROOT / "generated"
IMAGE = BUILD / "luvalley.elf"
INSTRUMENTED = BUILD / "instrumented"  # the build that counts branches of handlers: the same files in another folder
POISONED = BUILD / "poisoned"  # the build that fills a new VMCS with ones


class MachineFault(Exception):
    """A machine cannot be made or run; the text is `name: one sentence`."""


def make_folder(path: Path) -> Path:
    """Make the folder `path` with its parents, and return it."""
    path.mkdir(parents=True, exist_ok=True)
    return path
