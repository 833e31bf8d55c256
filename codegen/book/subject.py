"""What the book describes: a spec's model, the C made from it, its exit coverage, and records of runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from codegen.model.choices import Domain, Model
from codegen.model.facts import Facts
from codegen.query.coverage import Coverage
from codegen.source import SourceFile

# ---- records: `docs/records/*.json`, each with the command that made it


class BadRecord(Exception):
    """A record is malformed; the text says which and why."""


@dataclass(frozen=True)
class Cost:
    """Ticks of one iteration of a loop around an exit, guest to guest; `ends`: how the exit ended."""

    event: str
    what: str
    ends: str
    ticks: int


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    aim: float
    unit: str


@dataclass(frozen=True)
class MapRange:
    """A range of the memory map that dom0 got."""

    first: int
    last: int
    kind: str


@dataclass(frozen=True)
class Records:
    """What the book shows of runs; empty where nothing is recorded. `specs`: digests of the specs that ran."""

    commands: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()
    figures: tuple[Figure, ...] = ()
    exits: Mapping[str, int] = field(default_factory=dict)
    memory: tuple[MapRange, ...] = ()
    hidden: MapRange | None = None
    bare_memory: tuple[MapRange, ...] = ()

    def costs_of(self, event: str) -> list[Cost]:
        return [one for one in self.costs if one.event == event]


def load_records(folder: Path) -> Records:
    """Read all records of runs in a folder; `house*.json` there are figures of the tree."""
    paths = [path for path in sorted(folder.glob("*.json")) if not path.name.startswith("house")]
    return read_records({path.name: path.read_text(encoding="utf-8") for path in paths})


def read_records(texts: Mapping[str, str]) -> Records:
    """Read records from their texts by name."""
    parts = [read_part(name, text) for name, text in texts.items()]
    return Records(
        tuple(command for one in parts for command in one.commands),
        tuple(spec for one in parts for spec in one.specs),
        tuple(cost for one in parts for cost in one.costs),
        tuple(figure for one in parts for figure in one.figures),
        {name: count for one in parts for name, count in one.exits.items()},
        tuple(some for one in parts for some in one.memory),
        next((one.hidden for one in parts if one.hidden), None),
        tuple(some for one in parts for some in one.bare_memory),
    )


def read_part(name: str, text: str) -> Records:
    """Read the record of one file."""
    try:
        return make_part(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadRecord(f"record `{name}`: not what `build.py measure` writes: {error}") from None


def make_part(part: dict[str, Any]) -> Records:
    hidden = part.get("hidden")
    return Records(
        (part["command"],),
        (part["spec"],),
        tuple(Cost(**one) for one in part["costs"]),
        tuple(Figure(**one) for one in part["figures"]),
        {str(name): int(count) for name, count in part["exits"].items()},
        tuple(MapRange(**one) for one in part["memory"]),
        MapRange(**hidden) if hidden else None,
        tuple(MapRange(**one) for one in part.get("bare_memory", ())),
    )


# ---- the subject


@dataclass(frozen=True)
class Subject:
    """`generated`: the compiler's files by name; `documents`: handwritten pages by path."""

    model: Model
    sources: tuple[SourceFile, ...]
    generated: dict[str, str]
    coverages: tuple[Coverage, ...]
    documents: dict[str, str] = field(default_factory=dict)
    records: Records = field(default_factory=Records)
    digest: str = ""

    @property
    def facts(self) -> Facts:
        return self.model.facts

    @property
    def domains(self) -> list[Domain]:
        return list(self.model.domains.values())

    @property
    def hosts(self) -> list[Domain]:
        """Return the domains without a VMM: exits are recorded, and CPUID and memory set by the spec, only for them."""
        return [one for one in self.domains if not one.under]

    def count_exits(self, exit: str, domain: str) -> str:
        """Return how often the recorded boot took an exit, or nothing."""
        known = any(one.name == domain for one in self.hosts)
        counted = self.records.exits.get(exit, 0) if known else 0
        return f"{counted:,}" if counted else ""

    @property
    def outdated(self) -> bool:
        """Return true if a record was made with another spec."""
        return any(one != self.digest for one in self.records.specs)

    @cached_property
    def paths(self) -> set[str]:
        return {one.path for one in self.sources}

    def find_source(self, path: str) -> SourceFile | None:
        return next((one for one in self.sources if one.path == path), None)

    def find_lines(self, file: str, word: str) -> str:
        """Return the lines of a generated file that have a word: rows of tables, cases."""
        lines = self.generated.get(file, "").split("\n")
        return "".join(f"{line.strip()}\n" for line in lines if re.search(rf"\b{re.escape(word)}\b", line))

    def find_function(self, file: str, name: str) -> str:
        """Return a C function of a generated file with its comment; nothing if there is none."""
        pattern = rf"(?:^/\*[^\n]*\*/\n)?^(?:static|void) [^\n]*\b{re.escape(name)}\([^;\n]*\)\n\{{\n.*?^\}}\n"
        found = re.search(pattern, self.generated.get(file, ""), re.MULTILINE | re.DOTALL)
        return found[0] if found else ""
