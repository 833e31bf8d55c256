"""Draw pictures in SVG. Colors are classes of book.css, so that they follow the light and the dark page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from codegen.book import svg
from codegen.book.markup import tag
from codegen.model.facts import Layout

CHARACTER = 6.65  # width of a character of the small fixed font, in user units


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def rect(x: float, y: float, width: float, height: float, kind: str, title: str = "", radius: float = 0) -> str:
    inside = tag("title", escape(title)) if title else ""
    return tag(
        "rect",
        inside,
        x=number(x),
        y=number(y),
        width=number(width),
        height=number(height),
        rx=number(radius) if radius else None,
        class_=kind,
    )


def label(x: float, y: float, words: str, kind: str = "", anchor: str | None = None, turned: bool = False) -> str:
    """Return words at a point; `turned`: reading upwards."""
    turn = f"rotate(-90 {number(x)} {number(y)})" if turned else None
    return tag("text", escape(words), x=number(x), y=number(y), class_=kind or None, text_anchor=anchor, transform=turn)


def line(x: float, y: float, x2: float, y2: float, kind: str) -> str:
    return tag("line", x1=number(x), y1=number(y), x2=number(x2), y2=number(y2), class_=kind)


def path(points: list[tuple[float, float]], kind: str, arrow: bool = False) -> str:
    """Return a line through points, with an arrow's head at its end if `arrow`."""
    steps = "M" + " L".join(f"{number(x)} {number(y)}" for x, y in points)
    return tag("path", d=steps, class_=kind) + (head(points[-2], points[-1]) if arrow else "")


def head(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Return an arrow's head at the end of a line."""
    angle = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
    turn = f"translate({number(end[0])} {number(end[1])}) rotate({number(angle)})"
    return tag("path", d="M0 0 L-8 -4 L-8 4 z", class_="head", transform=turn)


def linked(target: str, drawing: str) -> str:
    return tag("a", drawing, href=target) if target else drawing


def picture(width: float, height: float, drawing: str, words: str, kind: str = "") -> str:
    """Return a whole picture; `words` describe it. It shrinks with the page, but never exceeds its size."""
    size = {"width": number(width), "height": number(height)}
    view = f"0 0 {size['width']} {size['height']}"
    drawn = tag(
        "svg", tag("title", escape(words)) + drawing, viewBox=view, role="img", class_=f"picture {kind}".strip(), **size
    )
    return tag("div", drawn, class_="figure")


# ---- registers drawn as bits: 32 to a row, the highest on the left


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
    """Draw a register in as many rows as its highest bit needs."""
    given = list(parts)
    rows = max((one.high for one in given), default=0) // ROW
    drawing, y = "", 0.0
    for row in range(rows, -1, -1):
        cut = cut_parts(given, row)
        drawing += draw_row(cut, row, y)
        y += row_height(cut)
    return svg.picture(CELL * ROW + 2 * MARGIN, y, drawing, words, "bits")


def cut_parts(parts: list[Part], row: int) -> list[Part]:
    """Return the parts of a row."""
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
