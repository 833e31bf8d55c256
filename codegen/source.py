"""Source files and places in them: what every message points at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class SourceFile:
    """One `.luv` file: its path as the user gave it, and its text."""

    path: str
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> list[str]:
        """Return the text line by line."""
        return self.text.split("\n")

    @cached_property
    def line_starts(self) -> list[int]:
        """Return where each line begins."""
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line) + 1)
        return starts


@dataclass(frozen=True, order=True)
class Span:
    """A half-open range of characters on one line; line and column count from 1."""

    path: str
    line: int
    column: int
    length: int


@dataclass(frozen=True)
class Name:
    """A name and where it stands."""

    text: str
    span: Span


NOT_TEXT = "\N{REPLACEMENT CHARACTER}"
NOWHERE = Span("", 0, 0, 0)


FACTS, MACHINE = "facts", "x86"


def find_processor(path: str) -> str:
    """Return the processor whose facts a file has, by its folder in `facts/`; nothing: the machine's, or choices."""
    folders = PurePosixPath(path).parts[:-1]
    after = folders[folders.index(FACTS) + 1 :] if FACTS in folders else ()
    return after[0] if after and after[0] != MACHINE else ""


def load_files(root: Path, prefix: str) -> list[SourceFile]:
    """Load all `.luv` files under `root`, in path order, named with `prefix` for messages."""
    paths = sorted(root.rglob("*.luv"), key=lambda path: path.as_posix())
    return [load_file(path, f"{prefix}/{path.relative_to(root).as_posix()}") for path in paths]


def load_file(path: Path, name: str) -> SourceFile:
    """Load a file's text, without a byte order mark; bytes that are no text become NOT_TEXT, which is an error."""
    return SourceFile(name, path.read_text(encoding="utf-8-sig", errors="replace"))


def digest_sources(sources: Iterable[SourceFile]) -> str:
    """Return a digest of all names and texts."""
    digest = hashlib.sha256()
    for one in sources:
        digest.update(f"{one.path}\0{one.text}\0".encode())
    return digest.hexdigest()


def digest_spec(folder: Path) -> str:
    """Return the digest of the spec in a folder."""
    return digest_sources(load_files(folder, folder.name))
