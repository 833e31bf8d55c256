"""Numbers that have a fact, close: rows of 128, the upper half of a cell for reading, the lower half for writing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codegen.book import svg
from codegen.book.access import colour, say_numbers, words_of
from codegen.book.markup import hexadecimal
from codegen.model.choices import Action

COLUMNS = 128
CELL, LEFT, HEIGHT, GAP = 7.0, 86.0, 22.0, 4.0


@dataclass(frozen=True)
class Item:
    """Numbers first..last, their name, where it leads, and what happens in both directions."""

    first: int
    last: int
    name: str
    target: str
    read: Action
    write: Action


def draw_close(items: Iterable[Item], words: str) -> str:
    """A picture of every row that holds an item."""
    given = list(items)
    rows = sorted({number // COLUMNS for one in given for number in range(one.first, one.last + 1)})
    drawn = "".join(draw_row(row * COLUMNS, GAP + index * (HEIGHT + GAP), given) for index, row in enumerate(rows))
    return svg.picture(LEFT + COLUMNS * CELL + GAP, len(rows) * (HEIGHT + GAP) + GAP, drawn, words, "grid")


def draw_row(base: int, y: float, items: list[Item]) -> str:
    """A row, the number of its first cell on the left."""
    ground = svg.rect(LEFT, y, COLUMNS * CELL, HEIGHT, "ground", "no fact: the default")
    words = svg.label(LEFT - 8, y + HEIGHT - 7, hexadecimal(base), "name", "end")
    members = [one for one in items if one.first < base + COLUMNS and one.last >= base]
    return words + ground + "".join(draw_item(one, base, y) for one in members)


def draw_item(item: Item, base: int, y: float) -> str:
    """What of an item lies in a row, in two halves."""
    first, last = max(item.first, base), min(item.last, base + COLUMNS - 1)
    x, width, half = LEFT + (first - base) * CELL + 0.5, (last - first + 1) * CELL - 1, HEIGHT / 2
    title = f"{say_numbers(item.first, item.last)} {item.name}: "
    title += f"read {words_of(item.read)}, write {words_of(item.write)}"
    upper = svg.rect(x, y, width, half - 0.5, colour(item.read), title)
    lower = svg.rect(x, y + half + 0.5, width, half - 0.5, colour(item.write), title)
    return svg.linked(item.target, upper + lower)
