"""The memory map that a recorded boot was given, beside that of the same machine bare: what the hypervisor took."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise

from codegen.book import svg
from codegen.book.markup import badge, code, hexadecimal, paragraph, table
from codegen.book.records import MapRange, Records
from codegen.book.subject import Subject

WIDTH, BAR, LEFT = 92.0, 36.0, 96.0
KINDS = {"usable": "good", "": "ground", "taken": "fault"}


@dataclass(frozen=True)
class Slice:
    """Addresses first..last, between two edges of either map: what it was bare, and what it is."""

    first: int
    last: int
    bare: str
    now: str
    words: str


def make_map(subject: Subject) -> list[str]:
    """The section of the memory page, where runs have recorded a map."""
    records = subject.records
    if not records.memory:
        return []
    slices = find_slices(records)
    rows = [make_row(one) for one in slices if one.bare or one.now]
    words = (
        "INT 15h answers dom0's loaders and kernel through a filter in the low page. What the hypervisor takes is "
        "reserved in that answer, never missing: an operating system may put devices where nothing is."
    )
    head = ("First", "Last", "Size", "Bare", "With Luvalley", "")
    return [
        "## The memory map in a recorded boot { #map }", paragraph(words), draw_map(slices), table(head, rows),
    ]  # fmt: skip


def find_slices(records: Records) -> list[Slice]:
    """Both maps cut at all their edges; neighbours that look alike are one."""
    bare = records.bare_memory or records.memory
    edges = sorted({edge for one in (*bare, *records.memory) for edge in (one.first, one.last + 1)})
    cut = [make_slice(low, high - 1, records) for low, high in pairwise(edges)]
    groups = (list(some) for _, some in groupby(cut, lambda one: (one.bare, one.now, one.words)))
    return [Slice(some[0].first, some[-1].last, some[0].bare, some[0].now, some[0].words) for some in groups]


def make_slice(first: int, last: int, records: Records) -> Slice:
    """What both maps say of it; what was usable and is no more has been taken."""
    bare = find_kind(records.bare_memory or records.memory, first)
    now = find_kind(records.memory, first)
    if bare != "usable" or now == "usable":
        return Slice(first, last, bare, now, "")
    hidden = records.hidden is not None and records.hidden.first <= first <= records.hidden.last
    return Slice(first, last, bare, now, "hypervisor" if hidden else "low page")


def find_kind(ranges: tuple[MapRange, ...], address: int) -> str:
    return next((one.kind for one in ranges if one.first <= address <= one.last), "")


def say_size(bytes_: int) -> str:
    return f"{bytes_ / 1048576:,.1f} MiB" if bytes_ >= 1048576 else f"{bytes_ / 1024:,.1f} KiB"


def make_row(one: Slice) -> tuple[str, ...]:
    kinds = [badge(kind, KINDS.get(kind, "off")) if kind else "nothing" for kind in (one.bare, one.now)]
    taken = f"taken: {badge(one.words, 'fault')}" if one.words else ""
    return (
        code(hexadecimal(one.first, 8)),
        code(hexadecimal(one.last, 8)),
        say_size(one.last + 1 - one.first),
        *kinds,
        taken,
    )


def draw_map(slices: list[Slice]) -> str:
    """Two bars from address 0 on, not to scale."""
    drawing = svg.label(LEFT - 10, 20 + BAR / 2 + 4, "bare", "name", "end")
    drawing += svg.label(LEFT - 10, 30 + BAR * 1.5 + 4, "with Luvalley", "name", "end")
    for index, one in enumerate(slices):
        x = LEFT + index * WIDTH
        drawing += draw_cell(one, x, 20, one.bare, one.bare) + draw_cell(
            one, x, 30 + BAR, "taken" if one.words else one.now, one.words or one.now
        )
        drawing += svg.label(x, 14, hexadecimal(one.first), "count")
    width = LEFT + len(slices) * WIDTH + 2
    return svg.picture(width, 2 * BAR + 34, drawing, "The memory map, bare and with Luvalley, not to scale", "memory")


def draw_cell(one: Slice, x: float, y: float, kind: str, words: str) -> str:
    title = f"{hexadecimal(one.first)}..{hexadecimal(one.last)}: {words or 'nothing'}"
    shape = svg.rect(x, y, WIDTH - 2, BAR, KINDS.get(kind, "off"), title, 2)
    return shape + svg.label(x + WIDTH / 2 - 1, y + BAR / 2 + 4, words, "name", "middle")
