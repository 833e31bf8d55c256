"""The page of a domain's MSR and I/O bitmaps, and its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from codegen.book import svg
from codegen.book.markup import Page, badge, code, details, hexadecimal, legend, paragraph, table
from codegen.book.msrs import KINDS, action_for, color, is_set, rules_of, say_numbers, words_of
from codegen.book.refs import place, ref, target
from codegen.book.subject import Subject
from codegen.emit.bitmaps import has_io_bitmap, make_io_bitmap, make_msr_bitmap
from codegen.model.choices import Action, Domain, MsrRule
from codegen.model.facts import BitmapRange, Msr, Port

MSRS_CLOSE = (
    "Rows of 128 numbers that contain a register with a fact. The upper half of a cell is reading, the lower half "
    "writing. Point at a cell for its name; it links to the register."
)
PORTS_WHOLE = (
    "A dot for each port, 256 to a row, 0 at the top left. Ports with a name are tinted; those that cause VM exits are "
    "labeled. One bit serves both directions."
)


def make_bitmaps(domain: Domain, subject: Subject) -> Page:
    msr, io = make_msr_bitmap(domain), make_io_bitmap(domain)
    half = len(msr) // 2
    lead = (
        f"What {code(domain.name)} may access without a VM exit. Of {4 * len(msr):,} MSR numbers that the bitmap "
        f"covers, it reads {count_clear(msr[:half]):,} and writes {count_clear(msr[half:]):,} natively; of "
        f"{8 * len(io):,} ports, {count_set(io):,} cause VM exits."
    )
    parts = [*show_msrs(domain, msr, subject), *show_ports(domain, io, subject)]
    return Page(f"{domain.name}-bitmaps", "Bitmaps", f"This hypervisor/{domain.name}", tuple(parts), lead=lead)


def show_msrs(domain: Domain, data: bytes, subject: Subject) -> list[str]:
    """Return the section of the MSR bitmap: registers with a fact, the whole bitmap, rules that set its bits."""
    key = legend([*KINDS.values(), ("ground", "no fact: the default")])
    words = (
        "As the processor reads it: a dot in the color of <em>native</em> is a clear bit; any other bit is "
        f"set and causes a VM exit. {count_set(data):,} of {8 * len(data):,} bits are set."
    )
    return [
        "## MSRs, close { #msrs }", paragraph(MSRS_CLOSE), key,
        draw_close(list_msrs(domain, subject), f"MSRs with facts, as {domain.name} may use them"),
        "## The MSR bitmap, whole { #msr-bitmap }", paragraph(words), draw_msr_bitmap(domain, data, subject),
        make_rules(domain, subject),
    ]  # fmt: skip


def show_ports(domain: Domain, data: bytes, subject: Subject) -> list[str]:
    """Return the section of the I/O bitmaps."""
    if not has_io_bitmap(domain):
        words = f"There is no bitmap: every port access causes a VM exit. {place(domain.io.span)}"
        return ["## Ports { #ports }", paragraph(f"{words} {badge_action(domain.io.default_read)}")]
    head = ("Ports", "Name", "Read", "Write", "Declared")
    rows = [
        (code(say_numbers(rule.port.first, rule.port.last)), ref("port", rule.port.name), badge_action(rule.read),
         badge_action(rule.write), place(rule.read.span))
        for rule in domain.io.rules
    ]  # fmt: skip
    return [
        "## Ports, close { #ports }",
        draw_close(list_ports(domain, subject), f"Ports with names, as {domain.name} may use them"),
        table(head, rows), "## The I/O bitmaps, whole { #io-bitmaps }", paragraph(PORTS_WHOLE),
        draw_ports(domain, data, subject),
    ]  # fmt: skip


def count_set(data: bytes) -> int:
    return sum(byte.bit_count() for byte in data)


def count_clear(data: bytes) -> int:
    return 8 * len(data) - count_set(data)


def list_msrs(domain: Domain, subject: Subject) -> list[Item]:
    return [
        Item(one.first, one.last, one.name, target("msr", one.name), *(
            action_for(domain, way, one.first) for way in ("read", "write")
        ))
        for one in subject.facts.msrs.values()
    ]  # fmt: skip


def list_ports(domain: Domain, subject: Subject) -> list[Item]:
    rules = {rule.port.name: (rule.read, rule.write) for rule in domain.io.rules}
    default = (domain.io.default_read, domain.io.default_write)
    return [
        Item(one.first, one.last, one.name, target("port", one.name), *rules.get(one.name, default))
        for one in subject.facts.ports.values()
    ]


def make_rules(domain: Domain, subject: Subject) -> str:
    """Return a table of the policy's rules that set bits, in order of number."""
    rows = [
        (code(say_numbers(one.first, one.last)), say_name(one, subject), way, badge_action(one.action),
         place(one.action.span))
        for way in ("read", "write") for one in rules_of(domain, way)[0] if one.action.kind != "pass"
    ]  # fmt: skip
    head = ("Numbers", "From", "Direction", "What happens", "Declared")
    return details(f"{len(rows)} rules that make an MSR cause VM exits", table(head, rows))


def say_name(rule: MsrRule, subject: Subject) -> str:
    return ref("msr", rule.name) if rule.name in subject.facts.msrs else code(rule.name)


def badge_action(action: Action) -> str:
    return badge(words_of(action), color(action))


# ---- numbers that have a fact: rows of 128; the upper half of a cell is reading, the lower half writing


ROW_NUMBERS = 128
CELL, ROW_LEFT, ROW_HEIGHT, ROW_GAP = 7.0, 86.0, 22.0, 4.0


@dataclass(frozen=True)
class Item:
    """MSRs or ports first..last, their name, the target of their link, and the actions in both directions."""

    first: int
    last: int
    name: str
    target: str
    read: Action
    write: Action


def draw_close(items: Iterable[Item], words: str) -> str:
    """Draw every row of numbers that contains an item."""
    given = list(items)
    rows = sorted({number // ROW_NUMBERS for one in given for number in range(one.first, one.last + 1)})
    step = ROW_HEIGHT + ROW_GAP
    drawn = "".join(draw_row(row * ROW_NUMBERS, ROW_GAP + index * step, given) for index, row in enumerate(rows))
    width, height = ROW_LEFT + ROW_NUMBERS * CELL + ROW_GAP, len(rows) * step + ROW_GAP
    return svg.picture(width, height, drawn, words, "grid")


def draw_row(base: int, y: float, items: list[Item]) -> str:
    """Draw a row, with the number of its first cell on the left."""
    ground = svg.rect(ROW_LEFT, y, ROW_NUMBERS * CELL, ROW_HEIGHT, "ground", "no fact: the default")
    words = svg.label(ROW_LEFT - 8, y + ROW_HEIGHT - 7, hexadecimal(base), "name", "end")
    members = [one for one in items if one.first < base + ROW_NUMBERS and one.last >= base]
    return words + ground + "".join(draw_item(one, base, y) for one in members)


def draw_item(item: Item, base: int, y: float) -> str:
    """Draw the part of an item that lies in a row, in two halves."""
    first, last = max(item.first, base), min(item.last, base + ROW_NUMBERS - 1)
    x, width, half = ROW_LEFT + (first - base) * CELL + 0.5, (last - first + 1) * CELL - 1, ROW_HEIGHT / 2
    title = f"{say_numbers(item.first, item.last)} {item.name}: "
    title += f"read {words_of(item.read)}, write {words_of(item.write)}"
    upper = svg.rect(x, y, width, half - 0.5, color(item.read), title)
    lower = svg.rect(x, y + half + 0.5, width, half - 0.5, color(item.write), title)
    return svg.linked(item.target, upper + lower)


# ---- the MSR bitmap as the processor reads it: 4 KiB, a set bit causes a VM exit. SDM: 25.6.9


COLUMNS = 128
MSR_DOT, QUARTER_TOP, QUARTER_GAP = 3.5, 22.0, 26.0


def draw_msr_bitmap(domain: Domain, data: bytes, subject: Subject) -> str:
    """Draw the ranges of the bitmap, two beside each other: reads and writes of low and high MSRs."""
    ranges = domain.bitmaps["msr"].ranges
    side, tall = COLUMNS * MSR_DOT, max(8 * one.size for one in ranges) / COLUMNS * MSR_DOT
    drawing = ""
    for index, one in enumerate(ranges):
        x, y = 2 + (index % 2) * (side + QUARTER_GAP), (index // 2) * (tall + QUARTER_TOP + 8) + QUARTER_TOP
        words = f"{one.direction} {hexadecimal(one.first)}..{hexadecimal(one.last)}"
        drawing += svg.label(x, y - 7, words, "name") + svg.rect(x, y, side, tall, "exits", f"{words}: VM exit")
        drawing += "".join(draw_range(data[one.offset : one.offset + one.size], one, (x, y), domain, subject))
    height = (len(ranges) + 1) // 2 * (tall + QUARTER_TOP + 8)
    return svg.picture(2 * side + QUARTER_GAP + 4, height, drawing, f"The MSR bitmap of {domain.name}", "grid")


def draw_range(
    data: bytes, place: BitmapRange, at: tuple[float, float], domain: Domain, subject: Subject
) -> Iterator[str]:
    """Draw the clear bits, run by run, and the set bits of registers that have a fact."""
    names, base, way = name_numbers(subject.facts.msrs.values(), place), place.first, place.direction
    bits = range(place.last - place.first + 1)
    for (row, kind, name), some in groupby(bits, lambda bit: describe_bit(bit, data, base, way, domain, names)):
        if kind:
            run = list(some)
            title = f"{hexadecimal(base + run[0])} {name}: {way} {words_of(action_for(domain, way, base + run[0]))}"
            x, y = at[0] + run[0] % COLUMNS * MSR_DOT, at[1] + row * MSR_DOT
            yield svg.rect(x, y, len(run) * MSR_DOT, MSR_DOT, kind, title)


def name_numbers(msrs: Iterable[Msr], place: BitmapRange) -> dict[int, str]:
    """Return the names of a range's bits."""
    return {
        number - place.first: one.name
        for one in msrs
        for number in range(max(one.first, place.first), min(one.last, place.last) + 1)
    }


def describe_bit(
    bit: int, data: bytes, base: int, way: str, domain: Domain, names: dict[int, str]
) -> tuple[int, str, str]:
    """Return row, color and name of a bit.

    A set bit without a name has no color; a bit that contradicts the policy is `bad`.
    """
    name, exits = names.get(bit, ""), is_set(data, bit)
    if exits and not name:
        return (bit // COLUMNS, "", "")
    kind = color(action_for(domain, way, base + bit))
    return (bit // COLUMNS, "bad" if exits == (kind == "good") else kind, name)


# ---- the I/O bitmaps: a dot for each port. SDM: 25.6.4


PORT_COLUMNS, PORT_DOT = 256, 2.0


def draw_ports(domain: Domain, data: bytes, subject: Subject) -> str:
    """Draw all ports, and beside them the names of those that cause VM exits."""
    whole = PORT_COLUMNS * PORT_DOT
    drawing = svg.rect(2, 2, whole, whole, "native", "ports without a name: native")
    drawing += svg.line(2, 2 + whole / 2, 2 + whole, 2 + whole / 2, "tick")
    exiting = [port for port in subject.facts.ports.values() if causes_exit(port, data)]
    drawing += "".join(draw_port(port, "on" if port in exiting else "known") for port in subject.facts.ports.values())
    drawing += "".join(call_out(port, index) for index, port in enumerate(exiting))
    drawing += svg.label(whole + 12, whole / 2 - 4, "bitmap A: ports 0x0..0x7FFF", "count")
    drawing += svg.label(whole + 12, whole / 2 + 14, "bitmap B: ports 0x8000..0xFFFF", "count")
    return svg.picture(whole + 270, whole + 4, drawing, f"The I/O bitmaps of {domain.name}", "grid")


def causes_exit(port: Port, data: bytes) -> bool:
    return any(is_set(data, number) for number in range(port.first, port.last + 1))


def draw_port(port: Port, kind: str) -> str:
    """Draw the dots of a named port."""
    title = f"{say_numbers(port.first, port.last)} {port.name}: {'VM exit' if kind == 'on' else 'native'}"
    x, y = 2 + port.first % PORT_COLUMNS * PORT_DOT, 2 + port.first // PORT_COLUMNS * PORT_DOT
    drawn = svg.rect(x, y, (port.last - port.first + 1) * PORT_DOT, PORT_DOT, kind, title)
    return svg.linked(target("port", port.name), drawn)


def call_out(port: Port, index: int) -> str:
    """Draw a line from a port to its name, across the picture's edge."""
    x, y = 2 + (port.first % PORT_COLUMNS + 0.5) * PORT_DOT, 2 + (port.first // PORT_COLUMNS + 1) * PORT_DOT
    beside, below = PORT_COLUMNS * PORT_DOT + 24, 26.0 + index * 22
    line = svg.path([(x, y), (x, below - 4), (beside - 4, below - 4)], "edge")
    return line + svg.label(beside, below, f"{hexadecimal(port.first)} {port.name}", "name")
