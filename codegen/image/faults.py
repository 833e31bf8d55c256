"""What a fault of the build means for the spec: which declaration it is about, and what takes the room of an image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from heapq import nlargest
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from codegen.diagnostics import Diagnostic
from codegen.model.choices import Model
from codegen.source import Span

LARGEST = 8
ALLOCATED = 2  # SHF_ALLOC: the section is part of the image in memory
INCLUDE = re.compile(r'^#include "generated/([a-z0-9_]+)/([a-z0-9_]+)\.h"', re.MULTILINE)
MISSING = re.compile(r"undefined reference to `(\w+)'")
CONFLICT = re.compile(r"(\S+):(\d+):\d+: error: conflicting types for .(\w+).")
IMPLEMENT = "write it in runtime/ with the parameters of generated/x86/externs.h, or correct the name here"
AGREE = "give it the parameters and the result that the function has; the one that is of a CPU has `cpu : cpu` first"


def explain_tools(words: str, model: Model) -> list[Diagnostic]:
    """Return errors at the declarations that the words of compiler or linker are about."""
    found = []
    for name in dict.fromkeys(MISSING.findall(words)):
        if name in model.externs:
            message = f"no function of runtime/ is `{name}`, which is declared here"
            found.append(Diagnostic("image", model.externs[name].span, message, "declared here", help=IMPLEMENT))
    for file, line, name in dict.fromkeys(CONFLICT.findall(words)):
        if name in model.externs:
            message = f"`{name}` is declared otherwise than the function of {file}:{line}"
            found.append(Diagnostic("image", model.externs[name].span, message, "declared here", help=AGREE))
    return found


def check_domains(model: Model, outputs: Iterable[str], runtime: Path) -> list[Diagnostic]:
    """Return errors about domains that runtime/ is written for and the spec does not have."""
    made, processor = set(outputs), model.facts.processor
    texts = [path.read_text(encoding="utf-8") for path in sorted(runtime.rglob("*.[ch]"))]
    named = {name for text in texts for folder, name in INCLUDE.findall(text) if folder == processor}
    missing = sorted(name for name in named if f"{processor}/{name}.h" not in made)
    place = min((one.span for one in model.domains.values()), default=Span("", 0, 0, 0))
    help, label = "runtime/ includes what is generated for it: give a domain that name", "it has another name"
    return [Diagnostic("image", place, f"no domain is named `{name}`", label, help=help) for name in missing]


def list_largest(elf: ELFFile) -> str:
    """Return the sections, and the symbols that take most of what a loader puts into memory."""
    loaded = {at: one for at, one in enumerate(elf.iter_sections()) if one["sh_flags"] & ALLOCATED}
    kept = {at: one for at, one in loaded.items() if one["sh_type"] != "SHT_NOBITS"}
    sections = [(one["sh_size"], one.name) for one in kept.values()]
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    symbols = [(one["st_size"], one.name) for one in table.iter_symbols() if one["st_shndx"] in kept]
    return f"sections: {say_sizes(sections)}; the largest symbols: {say_sizes(symbols)}"


def say_sizes(sizes: Iterable[tuple[int, str]]) -> str:
    """Return the largest of some things with their bytes."""
    return ", ".join(f"{name} {size}" for size, name in nlargest(LARGEST, sizes))
