"""The MSR bitmap as the processor reads it: 4 KiB, a set bit leaves the guest. SDM: 25.6.9"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from codegen.book import svg
from codegen.book.access import HIGH, LOW, SPAN, action_for, colour, is_set, words_of
from codegen.book.markup import hexadecimal
from codegen.book.subject import Subject
from codegen.model.choices import Domain
from codegen.model.facts import Msr

COLUMNS = 128
DOT, TOP, GAP = 3.5, 22.0, 26.0
QUARTER = SPAN // 8  # bytes
QUARTERS = (("read", LOW), ("read", HIGH), ("write", LOW), ("write", HIGH))


def draw_msr_bitmap(domain: Domain, data: bytes, subject: Subject) -> str:
    """Four quarters of 8,192 bits: reads and writes of low and high MSRs."""
    side, tall = COLUMNS * DOT, SPAN / COLUMNS * DOT
    drawing = ""
    for index, (way, base) in enumerate(QUARTERS):
        x, y = 2 + (index % 2) * (side + GAP), (index // 2) * (tall + TOP + 8) + TOP
        words = f"{way} {hexadecimal(base)}..{hexadecimal(base + SPAN - 1)}"
        drawing += svg.label(x, y - 7, words, "name") + svg.rect(x, y, side, tall, "exits", f"{words}: leaves")
        quarter = data[index * QUARTER : (index + 1) * QUARTER]
        drawing += "".join(draw_quarter(quarter, base, way, (x, y), domain, subject))
    height = 2 * (tall + TOP + 8)
    return svg.picture(2 * side + GAP + 4, height, drawing, f"The MSR bitmap of {domain.name}", "grid")


def draw_quarter(
    data: bytes, base: int, way: str, at: tuple[float, float], domain: Domain, subject: Subject
) -> Iterator[str]:
    """Clear bits, run by run, and registers that leave although they have a fact."""
    names = name_numbers(subject.facts.msrs.values(), base)
    for (row, kind, name), some in groupby(range(SPAN), lambda bit: describe(bit, data, base, way, domain, names)):
        if kind:
            run = list(some)
            title = f"{hexadecimal(base + run[0])} {name}: {way} {words_of(action_for(domain, way, base + run[0]))}"
            yield svg.rect(at[0] + run[0] % COLUMNS * DOT, at[1] + row * DOT, len(run) * DOT, DOT, kind, title)


def name_numbers(msrs: Iterable[Msr], base: int) -> dict[int, str]:
    """Names of a quarter's bits."""
    return {
        number - base: one.name
        for one in msrs
        for number in range(max(one.first, base), min(one.last + 1, base + SPAN))
    }


def describe(bit: int, data: bytes, base: int, way: str, domain: Domain, names: dict[int, str]) -> tuple[int, str, str]:
    """Row, colour and name of a bit; one that is neither clear nor named has no colour, one that lies is bad."""
    name, leaves = names.get(bit, ""), is_set(data, bit)
    if leaves and not name:
        return (bit // COLUMNS, "", "")
    kind = colour(action_for(domain, way, base + bit))
    return (bit // COLUMNS, "bad" if leaves == (kind == "good") else kind, name)
