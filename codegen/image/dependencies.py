"""The files that one source includes, directly or not, and the digest that names its object.

The include lines are read here, before the compiler runs, so that nothing has to be remembered between builds: a header
that appears in an earlier folder, moves or goes changes the digest like one that is edited. The compiler's own list of
what it read (`gcc -MMD`, `nasm -M`) confirms each list that is used.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

# Lines in comments and under a false #if count too: a file too many costs a compilation, one too few a wrong image.
INCLUDE = re.compile(rb"""^[ \t]*[#%][ \t]*(?:include|include_next|import)[ \t]*(["<'`])([^">'`\n]+)""", re.MULTILINE)


class Includes:
    """What files include, each of them read once. Names are from the root, where the compilers run."""

    def __init__(self, root: Path, folders: Iterable[str]) -> None:
        """Search `folders` (from the root) in this order, as -I does."""
        self.root = root
        self.folders = tuple(folders)
        self.contents: dict[str, bytes | None] = {}
        self.direct: dict[str, tuple[str, ...]] = {}

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None where there is no such file."""
        if name not in self.contents:
            try:
                self.contents[name] = (self.root / name).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                self.contents[name] = None
        return self.contents[name]

    def find(self, name: str, quote: str, includer: str) -> str | None:
        """Return the file that an include line names: the first one in the compiler's order of search."""
        for folder in self.choose_folders(quote, includer):
            path = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118 (pathlib takes ten times as long)
            if self.read(path) is not None:
                return path
        return None

    def choose_folders(self, quote: str, includer: str) -> tuple[str, ...]:
        """Return the folders to search: NASM starts where it runs, C with quotes beside the file that includes."""
        if includer.endswith((".asm", ".inc")):
            return (".", *self.folders)
        return (os.path.dirname(includer), *self.folders) if quote == '"' else self.folders  # noqa: PTH120

    def list_direct(self, name: str) -> tuple[str, ...]:
        """Return the files that one file's own lines include; those of the system are not found and not listed."""
        if name not in self.direct:
            lines = INCLUDE.findall(self.read(name) or b"")
            found = [self.find(wanted.decode(), quote.decode(), name) for quote, wanted in lines]
            self.direct[name] = tuple(path for path in found if path is not None)
        return self.direct[name]

    def list_all(self, *sources: str) -> list[str]:
        """Return sources and all that they include, sorted."""
        found = set(sources)
        waiting = list(sources)
        while waiting:
            fresh = set(self.list_direct(waiting.pop())) - found
            found |= fresh
            waiting += fresh
        return sorted(found)

    def digest(self, sources: Iterable[str], command: Iterable[str]) -> str:
        """Return a digest of a command, and of the names and contents of all files that go in."""
        digest = hashlib.sha256("\0".join(command).encode())
        for name in self.list_all(*sources):
            content = self.read(name) or b""
            digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def parse_rule(text: str) -> set[str]:
    """Return the files that a compiler's rule for make names, from the folder where the compiler ran."""
    _, _, files = text.replace("\\\n", " ").partition(": ")
    names = re.findall(r"(?:\\ |\S)+", files)
    return {os.path.normpath(name.replace("\\ ", " ")) for name in names}
