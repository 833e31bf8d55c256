"""Which names of generated headers something uses: generated code, or handwritten code by the list of exports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from codegen.emit.files import Output

EXPORTS = Path(__file__).with_name("exports.txt")
COMMENT = re.compile(r"/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
ASM_COMMENT = re.compile(r";.*")
WORD = re.compile(r"\b[A-Za-z_]\w*")
EXTRACT = re.compile(r"\bextract\((\w+),")
CONTROL = re.compile(r"\b(?:granted|has)\((\w+), (\w+)\)")


@dataclass(frozen=True)
class Needed:
    """Names that C uses and names that assembly uses."""

    c: frozenset[str]
    assembly: frozenset[str]


def find_needed(outputs: Iterable[Output]) -> Needed:
    """Return what generated files and handwritten code name."""
    c, assembly = load_exports()
    names, asm_names = set(c), set(assembly)
    for one in outputs:
        if one.name.endswith((".asm", ".inc")):
            asm_names |= set(WORD.findall(ASM_COMMENT.sub("", one.text)))
        else:
            names |= list_names(COMMENT.sub("", one.text))
    return Needed(frozenset(names), frozenset(asm_names))


def list_names(text: str) -> set[str]:
    """Return the words of a C text, with those that its macros paste together."""
    masks = {f"{field}_{part}" for field in EXTRACT.findall(text) for part in ("MASK", "SHIFT")}
    return set(WORD.findall(text)) | masks | {f"{word}_{bit}" for word, bit in CONTROL.findall(text)}


@cache
def load_exports() -> tuple[frozenset[str], frozenset[str]]:
    """Return what handwritten C and handwritten assembly name."""
    parts: dict[str, set[str]] = {"[C]": set(), "[assembly]": set()}
    part = parts["[C]"]
    for line in EXPORTS.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] in parts:
            part = parts[words[0]]
        else:
            part |= set(words)
    return frozenset(parts["[C]"]), frozenset(parts["[assembly]"])
