"""Pictures in SVG. Colours are classes of book.css, so that they follow the light and the dark page."""

from __future__ import annotations

import math
from html import escape

from codegen.book.markup import tag

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
    """Words at a point; `turned`: reading upwards."""
    turn = f"rotate(-90 {number(x)} {number(y)})" if turned else None
    return tag("text", escape(words), x=number(x), y=number(y), class_=kind or None, text_anchor=anchor, transform=turn)


def line(x: float, y: float, x2: float, y2: float, kind: str) -> str:
    return tag("line", x1=number(x), y1=number(y), x2=number(x2), y2=number(y2), class_=kind)


def path(points: list[tuple[float, float]], kind: str, arrow: bool = False) -> str:
    """A line through points, with an arrow's head at its end."""
    steps = "M" + " L".join(f"{number(x)} {number(y)}" for x, y in points)
    return tag("path", d=steps, class_=kind) + (head(points[-2], points[-1]) if arrow else "")


def head(start: tuple[float, float], end: tuple[float, float]) -> str:
    """An arrow's head at the end of a line."""
    angle = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
    turn = f"translate({number(end[0])} {number(end[1])}) rotate({number(angle)})"
    return tag("path", d="M0 0 L-8 -4 L-8 4 z", class_="head", transform=turn)


def linked(target: str, drawing: str) -> str:
    return tag("a", drawing, href=target) if target else drawing


def picture(width: float, height: float, drawing: str, words: str, kind: str = "") -> str:
    """A whole picture; `words` say what it shows. It shrinks with the page, but never grows beyond its size."""
    size = {"width": number(width), "height": number(height)}
    view = f"0 0 {size['width']} {size['height']}"
    drawn = tag(
        "svg", tag("title", escape(words)) + drawing, viewBox=view, role="img", class_=f"picture {kind}".strip(), **size
    )
    return tag("div", drawn, class_="figure")
