"""Finding what a word on the command line means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from codegen.insight.reading import BadArgument

Thing = TypeVar("Thing")


def read_number(word: str) -> int | None:
    """A number in C's notation, or None."""
    if re.fullmatch(r"0[xX][0-9a-fA-F_]+|[0-9]+", word):
        return int(word, 0 if word[:2].lower() == "0x" else 10)
    return None


def find_named(word: str, kind: str, things: Mapping[str, Thing]) -> Thing:
    """By name, whatever its case; BadArgument offers the nearest."""
    folded = {name.lower(): thing for name, thing in things.items()}
    if word.lower() in folded:
        return folded[word.lower()]
    raise unknown(word, kind, things)


def unknown(word: str, kind: str, names: Iterable[str]) -> BadArgument:
    """What to raise where there is no such thing."""
    by_folded = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), list(by_folded), n=1, cutoff=0.5)
    hint = f"; did you mean `{by_folded[close[0]]}`?" if close else ""
    return BadArgument(f"no {kind} is `{word}`{hint}")
