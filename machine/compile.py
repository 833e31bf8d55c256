"""Programs of `dom0/` in several files: compiled again only after a change, and by two runs at once without harm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from machine.command import run_command
from machine.initrd import FLAGS
from machine.paths import BUILD, DOM0, GENERATED, ROOT, make_folder

INCLUDES = (f"-I{GENERATED}", f"-I{ROOT}")
LIBRARY = DOM0 / "libluvkvm"
LIBRARY_FLAGS = (
    "-std=gnu11", "-O2", "-flto=auto", "-g", "-Wall", "-Wextra", "-Werror",
    "-fvisibility=hidden", "-ftls-model=initial-exec", "-fPIC", "-shared", "-Wl,--no-undefined",
)
PROGRAMS = BUILD / "dom0"
KIT = ("pool", "machine", "modes", "report", "guests")


def list_inputs() -> list[Path]:
    """Return every file that a program of dom0 may be made from."""
    folders = (LIBRARY, DOM0 / "luv", DOM0 / "testvmm", GENERATED)
    return [path for folder in folders for path in folder.glob("*.[chS]")]


def list_kit() -> list[Path]:
    """Return what the test VMM's cases stand on, and other programs too."""
    return [path for path in list_sources(DOM0 / "testvmm") if path.stem in KIT]


def link_program(program: Path, flags: Sequence[str], sources: Sequence[Path], libraries: Sequence[str] = ()) -> Path:
    """Compile `sources` into `program` where something is newer than that; return it."""
    newest = max(path.stat().st_mtime_ns for path in [*list_inputs(), *sources])
    if not program.exists() or program.stat().st_mtime_ns < newest:
        part = make_folder(program.parent) / f"{program.name}-{os.getpid()}.part"
        run_command(["gcc", *flags, *INCLUDES, "-o", part, *sources, *libraries])
        part.rename(program)
    return program


def list_sources(folder: Path) -> list[Path]:
    """Return a program's files of C and assembly."""
    return sorted([*folder.glob("*.c"), *folder.glob("*.S")])


def build_library() -> Path:
    """Compile the library that stands in for /dev/kvm."""
    return link_program(PROGRAMS / "libluvkvm.so", LIBRARY_FLAGS, list_sources(LIBRARY), ("-lZydis", "-lpthread"))


def build_program(name: str) -> Path:
    """Compile a static program from the folder of its name: luv, testvmm."""
    return link_program(PROGRAMS / name, FLAGS, list_sources(DOM0 / name), ("-lpthread",))


def build_tool(name: str) -> Path:
    """Compile a static program of one file that uses the test VMM's kit: fuzzcalls."""
    return link_program(PROGRAMS / name, FLAGS, [DOM0 / f"{name}.c", *list_kit()])
