"""Which facts are the machine's and which one processor's: those in a folder of `facts/` other than `x86/`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from codegen.language import syntax

FACTS, MACHINE = "facts", "x86"
DEFAULT = "vmx"  # whose facts a spec has that is not in folders


def find_processor(path: str) -> str:
    """Return the processor that a file's facts belong to, or nothing: the machine, or choices."""
    folders = PurePosixPath(path).parts[:-1]
    after = folders[folders.index(FACTS) + 1 :] if FACTS in folders else ()
    return after[0] if after and after[0] != MACHINE else ""


def split_files(files: Iterable[syntax.File]) -> dict[str, list[syntax.Item]]:
    """Return for each processor the declarations that it sees: its own, the machine's, and all choices."""
    known = list(files)
    names = sorted({find_processor(file.path) for file in known} - {""}) or [DEFAULT]
    return {
        name: [item for file in known if find_processor(file.path) in ("", name) for item in file.items]
        for name in names
    }
