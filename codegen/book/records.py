"""Figures of recorded runs: `docs/records/*.json`, each with the command that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class BadRecord(Exception):
    """A record that is not what it should be; the text says which and why."""


@dataclass(frozen=True)
class Cost:
    """Ticks of one turn of a loop around an exit, guest to guest; `ends`: how the exit ended."""

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
    """A range of the memory map that dom0 was given."""

    first: int
    last: int
    kind: str


@dataclass(frozen=True)
class Records:
    """What the book takes from runs; everything is empty where nothing is recorded. `specs`: digests of what ran."""

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
    """Return all records of runs in a folder; `house*.json` there are figures of the tree."""
    paths = [path for path in sorted(folder.glob("*.json")) if not path.name.startswith("house")]
    return read_records({path.name: path.read_text(encoding="utf-8") for path in paths})


def read_records(texts: Mapping[str, str]) -> Records:
    """Records from their texts by name."""
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
    """One file's record."""
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
