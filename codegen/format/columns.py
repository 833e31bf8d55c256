"""Columns: numbers of a table's entries are as wide as the widest of their run."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from codegen.format.spaces import join_tokens

if TYPE_CHECKING:
    from codegen.format.layout import Place


SPREAD = 5  # numbers that differ more in length do not share a column: a range beside a number, an MSR of 0xC0000000
WHOLE = ("manual", "state")  # tables with one column, whatever its width
GOES_ON = (";", ",", "else", "where", "=>")


def pad_columns(places: list[Place]) -> dict[int, int]:
    """Line -> columns up to what follows its key, one space included. An empty line begins a new run."""
    wide: dict[int, int] = {}
    packed = {place.block for place in places if is_packed(place)}
    runs: dict[int, list[tuple[int, int]]] = {}
    for index, place in enumerate(places):
        width = key_width(place)
        if place.line.blank or not fits(width, runs.get(place.block, []), place):
            close_run(runs.pop(place.block, []), wide)
        if width and place.block not in packed:
            runs.setdefault(place.block, []).append((index, width))
    for run in runs.values():
        close_run(run, wide)
    return wide


def count_key(place: Place) -> int:
    """How many tokens are the number, range, section or register name that a statement begins with; 0: it does not."""
    tokens = place.line.tokens
    if not place.head or len(tokens) < 3 or not place.block:
        return 0
    if place.table == "state" and tokens[0].kind == "word" and tokens[1].text == ":":
        return 1
    if place.table == "manual":
        return next((at for at, token in enumerate(tokens) if token.kind == "string"), 0)
    key = 3 if tokens[1].text == ".." and len(tokens) > 3 else 1
    return key if tokens[0].kind == "number" and tokens[key].kind == "word" else 0


def key_width(place: Place) -> int:
    """How wide that is."""
    count = count_key(place)
    return len(join_tokens(place.line.tokens[:count], place.table, "")) if count else 0


def fits(width: int, run: list[tuple[int, int]], place: Place) -> bool:
    """Whether a line goes on with a run, or at least does not end it."""
    if not width:
        return not (place.head and place.line.code)
    widths = [width, *(one for _, one in run)]
    return place.table in WHOLE or max(widths) - min(widths) <= SPREAD


def close_run(run: list[tuple[int, int]], wide: dict[int, int]) -> None:
    """All of a run get the widest one's column."""
    column = max((width for _, width in run), default=0) + 1
    wide.update({index: column for index, _ in run})


def is_packed(place: Place) -> bool:
    """Several statements on one line: such a block has no columns."""
    depth = 0
    code = place.line.code
    for token, behind in pairwise(code):
        if token.kind == "sign":
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0 and token.text in (";", "}") and behind.text not in GOES_ON:
                return bool(place.block)
    return False
