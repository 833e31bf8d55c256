"""Registers drawn as bits: 32 to a row, the highest on the left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codegen.book import svg
from codegen.model.facts import Layout

CELL, TOP, BOX, GAP = 29.0, 16.0, 28.0, 5.0
ROW = 32
MARGIN = 2.0


@dataclass(frozen=True)
class Part:
    """Bits low..high of the register, their name and how they look."""

    low: int
    high: int
    name: str
    kind: str = "named"
    title: str = ""
    target: str = ""


def layout_parts(layout: Layout) -> list[Part]:
    return [Part(one.low, one.high, one.name, title=say_bit(one.low, one.high, one.name)) for one in layout.bits]


def say_bit(low: int, high: int, name: str) -> str:
    return f"bit {low}: {name}" if low == high else f"bits {high}:{low}: {name}"


def draw_layout(layout: Layout, words: str) -> str:
    return draw_bits(layout_parts(layout), words)


def draw_bits(parts: Iterable[Part], words: str) -> str:
    """A picture of as many rows as the highest bit asks for."""
    given = list(parts)
    rows = max((one.high for one in given), default=0) // ROW
    drawing, y = "", 0.0
    for row in range(rows, -1, -1):
        cut = cut_parts(given, row)
        drawing += draw_row(cut, row, y)
        y += row_height(cut)
    return svg.picture(CELL * ROW + 2 * MARGIN, y, drawing, words, "bits")


def cut_parts(parts: list[Part], row: int) -> list[Part]:
    """What of the parts lies in a row."""
    first, last = row * ROW, row * ROW + ROW - 1
    return [
        Part(max(one.low, first), min(one.high, last), one.name, one.kind, one.title, one.target)
        for one in parts
        if one.low <= last and one.high >= first
    ]


def fits(part: Part) -> bool:
    return len(part.name) * svg.CHARACTER < (part.high - part.low + 1) * CELL - 4


def row_height(parts: list[Part]) -> float:
    hanging = max((len(one.name) for one in parts if not fits(one)), default=0)
    return TOP + BOX + (hanging * svg.CHARACTER + 2 * GAP if hanging else GAP) + 4


def draw_row(parts: list[Part], row: int, y: float) -> str:
    width = CELL * ROW
    ground = svg.rect(MARGIN, y + TOP, width, BOX, "ground", "reserved, or nothing that has a name here")
    ticks = "".join(
        svg.line(MARGIN + CELL * one, y + TOP, MARGIN + CELL * one, y + TOP + BOX, "tick") for one in range(1, ROW)
    )
    return ground + ticks + "".join(draw_part(one, row, y) for one in parts)


def draw_part(part: Part, row: int, y: float) -> str:
    left = MARGIN + CELL * (row * ROW + ROW - 1 - part.high)
    width = CELL * (part.high - part.low + 1)
    middle = left + width / 2
    drawn = svg.rect(left, y + TOP, width, BOX, part.kind, part.title or say_bit(part.low, part.high, part.name))
    if fits(part):
        drawn += svg.label(middle, y + TOP + BOX / 2 + 4, part.name, "name", "middle")
    else:
        drawn += svg.label(middle + 4, y + TOP + BOX + GAP, part.name, "name", "end", turned=True)
    return draw_numbers(part, left, width, y + TOP - 4) + svg.linked(part.target, drawn)


def draw_numbers(part: Part, left: float, width: float, y: float) -> str:
    if part.low == part.high:
        return svg.label(left + width / 2, y, str(part.low), "count", "middle")
    return svg.label(left + 3, y, str(part.high), "count", "start") + svg.label(
        left + width - 3, y, str(part.low), "count", "end"
    )
