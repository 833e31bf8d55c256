"""Compile dom0's programs; only after a change, and safely by two runs at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from machine.command import run_command
from machine.paths import BUILD, DOM0, GENERATED, ROOT, USERSPACE, make_folder

FLAGS = ("-std=gnu11", "-O2", "-static", "-s", "-Wall", "-Wextra", "-Werror")
INCLUDES = (f"-I{GENERATED / 'abi'}", f"-I{ROOT}")
LIBRARY = DOM0 / "libluvkvm"
TEST_VMM = USERSPACE / "testvmm"
LIBRARY_FLAGS = (
    "-std=gnu11", "-O2", "-flto=auto", "-g", "-Wall", "-Wextra", "-Werror",
    "-fvisibility=hidden", "-ftls-model=initial-exec", "-fPIC", "-shared", "-Wl,--no-undefined", f"-I{LIBRARY}",
)
PROGRAMS = BUILD / "dom0"
KIT = ("pool", "machine", "modes", "report", "guests")


def compile_program(source: Path, build: Path = BUILD, generated: Path = GENERATED) -> bytes:
    """Return a static dom0 program made from one C file; it is compiled again only after a change."""
    program = make_folder(build / "dom0") / source.stem
    inputs = [source, generated / "abi" / "luvalley_abi.h", GENERATED / "x86" / "x86.h"]
    newest = max(path.stat().st_mtime_ns for path in inputs)
    if not program.exists() or program.stat().st_mtime_ns < newest:
        run_command(["gcc", *FLAGS, f"-I{generated / 'abi'}", f"-I{ROOT}", "-o", program, source])
    return program.read_bytes()


def list_inputs() -> list[Path]:
    """Return every file that a program of dom0 may be made from."""
    folders = (DOM0, TEST_VMM, GENERATED)
    return [path for folder in folders for path in folder.rglob("*.[chS]")]


def list_kit() -> list[Path]:
    """Return the files of the test VMM that other programs use too."""
    return [path for path in list_sources(TEST_VMM) if path.stem in KIT]


def link_program(program: Path, flags: Sequence[str], sources: Sequence[Path], libraries: Sequence[str] = ()) -> Path:
    """Compile `sources` into `program` if one of its inputs is newer; return it."""
    newest = max(path.stat().st_mtime_ns for path in [*list_inputs(), *sources])
    if not program.exists() or program.stat().st_mtime_ns < newest:
        part = make_folder(program.parent) / f"{program.name}-{os.getpid()}.part"
        run_command(["gcc", *flags, *INCLUDES, "-o", part, *sources, *libraries])
        part.rename(program)
    return program


def list_sources(folder: Path) -> list[Path]:
    """Return a program's files of C and assembly, those in folders included."""
    return sorted([*folder.rglob("*.c"), *folder.rglob("*.S")])


def build_library() -> Path:
    """Compile libluvkvm.so."""
    return link_program(PROGRAMS / "libluvkvm.so", LIBRARY_FLAGS, list_sources(LIBRARY), ("-lZydis", "-lpthread"))


def build_luv() -> Path:
    """Compile the luv command."""
    return link_program(PROGRAMS / "luv", FLAGS, list_sources(DOM0 / "luv"), ("-lpthread",))


def build_test_vmm() -> Path:
    """Compile the test VMM."""
    return link_program(PROGRAMS / "testvmm", FLAGS, list_sources(TEST_VMM), ("-lpthread",))


def build_outsider() -> Path:
    """Compile the process without rights."""
    return link_program(PROGRAMS / "outsider", FLAGS, [USERSPACE / "outsider.c"])


def build_fuzzer() -> Path:
    """Compile the fuzzer of hypercalls, which uses files of the test VMM."""
    return link_program(PROGRAMS / "fuzzcalls", FLAGS, [USERSPACE / "fuzzcalls.c", *list_kit()])
