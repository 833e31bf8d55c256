"""Which names of generated headers something uses: only those are generated.

Handwritten code is read for its words, as the spec is for its declarations, so nobody keeps a list: a line of C that
names another constant of the facts makes the next build generate it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from codegen.emit.files import Output

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("runtime", "dom0", "tests", "bench", "machine")
EXPECTATIONS = "tests/compiler"  # its texts name what other specs have
C_SUFFIXES = (".c", ".h", ".S", ".ld", ".py")
ASM_SUFFIXES = (".asm", ".inc")
COMMENT = re.compile(r"/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
ASM_COMMENT = re.compile(r";.*")
WORD = re.compile(r"\b[A-Za-z_]\w*")
PASTED = re.compile(r"\b(\w+)(?=##)|(?<=##)(\w+)")
EXTRACT = re.compile(r"\bextract\((\w+),")
CONTROL = re.compile(r"\b(?:granted|has)\((\w+), (\w+)\)")


@dataclass(frozen=True)
class Names:
    """The words of texts; `pasted` are parts to which macros join a word."""

    words: frozenset[str]
    pasted: frozenset[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        """Return whether a text has the name, or a macro joins it from words that a text has."""
        return name in self.words or any(self.is_joined(name, part) for part in self.pasted if part in name)

    def is_joined(self, name: str, part: str) -> bool:
        """Return whether what surrounds `part` in a name is a word on each side."""
        before, _, after = name.partition(part)
        return bool(before or after) and all(side in self.words for side in (before, after) if side)

    def joined(self, more: Iterable[str]) -> Names:
        """Return these names and more words."""
        return Names(self.words | frozenset(more), self.pasted)


@dataclass(frozen=True)
class Needed:
    """Names that C uses and names that assembly uses."""

    c: Names
    assembly: Names


def find_needed(outputs: Iterable[Output], root: Path) -> Needed:
    """Return what generated files, and handwritten code in the tree at `root`, name."""
    c, assembly = set[str](), set[str]()
    for one in outputs:
        if one.name.endswith(ASM_SUFFIXES):
            assembly |= set(WORD.findall(ASM_COMMENT.sub("", one.text)))
        else:
            c |= list_names(COMMENT.sub("", one.text))
    return Needed(read_names(root, C_SUFFIXES).joined(c), read_names(root, ASM_SUFFIXES).joined(assembly))


def list_names(text: str) -> set[str]:
    """Return the words of a C text, with those that its macros paste together."""
    masks = {f"{field}_{part}" for field in EXTRACT.findall(text) for part in ("MASK", "SHIFT")}
    return set(WORD.findall(text)) | masks | {f"{word}_{bit}" for word, bit in CONTROL.findall(text)}


def read_names(root: Path, suffixes: tuple[str, ...]) -> Names:
    """Return the names in handwritten files with one of these suffixes. A tree of specs alone has this tree's code."""
    root = root if (root / "runtime").is_dir() else ROOT
    words, pasted = set[str](), set[str]()
    for path in list_files(root, suffixes):
        text = path.read_text(encoding="utf-8", errors="replace")
        text = ASM_COMMENT.sub("", text) if suffixes == ASM_SUFFIXES else COMMENT.sub("", text)
        words |= set(WORD.findall(text))
        pasted |= {part for found in PASTED.findall(text) for part in found if part}
    return Names(frozenset(words), frozenset(pasted))


def list_files(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return handwritten files, sorted."""
    paths = [path for name in FOLDERS for path in (root / name).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in paths if not path.is_relative_to(root / EXPECTATIONS))
