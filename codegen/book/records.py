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

    def costs_of(self, event: str) -> list[Cost]:
        return [one for one in self.costs if one.event == event]


def load_records(folder: Path) -> Records:
    """All records of a folder together."""
    return read_records({path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))})


def read_records(texts: Mapping[str, str]) -> Records:
    """Records from their texts by name."""
    parts = [read_part(name, text) for name, text in texts.items()]
    merged: dict[str, Any] = {
        key: [one for part in parts for one in part.get(key, [])] for key in ("costs", "figures", "memory")
    }
    exits = {name: count for part in parts for name, count in part.get("exits", {}).items()}
    hidden = next((MapRange(**part["hidden"]) for part in parts if "hidden" in part), None)
    return Records(
        tuple(part["command"] for part in parts),
        tuple(part.get("spec", "") for part in parts),
        tuple(Cost(**one) for one in merged["costs"]),
        tuple(Figure(**one) for one in merged["figures"]),
        exits,
        tuple(MapRange(**one) for one in merged["memory"]),
        hidden,
    )


def read_part(name: str, text: str) -> dict[str, Any]:
    try:
        part = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadRecord(f"record `{name}`: {error}") from None
    if not isinstance(part, dict) or "command" not in part:
        raise BadRecord(f"record `{name}`: not an object with the `command` that made it")
    return part
