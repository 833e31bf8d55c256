"""The I/O bitmaps as a picture: a dot for each port. SDM: 25.6.4"""

from __future__ import annotations

from codegen.book import svg
from codegen.book.access import is_set, say_numbers
from codegen.book.markup import hexadecimal
from codegen.book.refs import target
from codegen.book.subject import Subject
from codegen.model.choices import Domain
from codegen.model.facts import Port

SIDE, DOT = 256, 2.0


def draw_ports(domain: Domain, data: bytes, subject: Subject) -> str:
    """All ports, and beside them the names of those that leave."""
    whole = SIDE * DOT
    drawing = svg.rect(2, 2, whole, whole, "native", "ports without a name: native")
    drawing += svg.line(2, 2 + whole / 2, 2 + whole, 2 + whole / 2, "tick")
    leaving = [port for port in subject.facts.ports.values() if leaves(port, data)]
    drawing += "".join(draw_port(port, "on" if port in leaving else "known") for port in subject.facts.ports.values())
    drawing += "".join(call_out(port, index) for index, port in enumerate(leaving))
    drawing += svg.label(whole + 12, whole / 2 - 4, "bitmap A: ports 0x0..0x7FFF", "count")
    drawing += svg.label(whole + 12, whole / 2 + 14, "bitmap B: ports 0x8000..0xFFFF", "count")
    return svg.picture(whole + 270, whole + 4, drawing, f"The I/O bitmaps of {domain.name}", "grid")


def leaves(port: Port, data: bytes) -> bool:
    return any(is_set(data, number) for number in range(port.first, port.last + 1))


def draw_port(port: Port, kind: str) -> str:
    """A named port's dots."""
    title = f"{say_numbers(port.first, port.last)} {port.name}: {'leaves' if kind == 'on' else 'native'}"
    x, y = 2 + port.first % SIDE * DOT, 2 + port.first // SIDE * DOT
    drawn = svg.rect(x, y, (port.last - port.first + 1) * DOT, DOT, kind, title)
    return svg.linked(target("port", port.name), drawn)


def call_out(port: Port, index: int) -> str:
    """A line from a port to its name, over the picture's edge."""
    x, y = 2 + (port.first % SIDE + 0.5) * DOT, 2 + (port.first // SIDE + 1) * DOT
    beside, below = SIDE * DOT + 24, 26.0 + index * 22
    line = svg.path([(x, y), (x, below - 4), (beside - 4, below - 4)], "edge")
    return line + svg.label(beside, below, f"{hexadecimal(port.first)} {port.name}", "name")
