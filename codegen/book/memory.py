"""The page of a domain's physical memory: its rules, and the memory map of a recorded boot."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise

from codegen.book import svg
from codegen.book.markup import Page, badge, code, hexadecimal, legend, paragraph, table
from codegen.book.refs import place, ref, say_doc
from codegen.book.subject import MapRange, Records, Subject
from codegen.model.choices import Domain, MemoryRule

# ---- rules and layout


RULES = {
    "hide": ("fault", "hidden: reads as ones; a write is single-stepped on a scratch page and dropped"),
    "watch": ("switched", "watched: a write causes an EPT violation and is single-stepped"),
    "alias": ("prefer", "alias: maps other memory at times"),
    "map": ("good", "mapped to itself"),
}
BAR, LEFT, FOOT = 250.0, 118.0, 44.0


@dataclass(frozen=True)
class Piece:
    """Addresses first..last, the color of the rule that decides them, and their label."""

    first: int
    last: int
    kind: str
    words: str


def make_memory(domain: Domain, subject: Subject) -> Page:
    rows = [make_rule(index, rule, subject) for index, rule in enumerate(domain.memory, 1)]
    key = legend([(kind, words) for kind, words in RULES.values()])
    lead = (
        f"The extended page tables of {code(domain.name)}: the first rule that covers an address decides. "
        "All pages are as large as the rules permit and have the memory types of the MTRRs."
    )
    parts = [
        "## Rules { #rules }",
        table(("", "Rule", "Region", "Where", "Rights", "What it is", "Declared"), rows),
        key,
        "## The layout { #layout }",
        draw_memory(domain, subject),
    ]
    parts += make_map(subject)
    return Page(f"{domain.name}-memory", "Memory", f"This hypervisor/{domain.name}", tuple(parts), lead=lead)


def make_rule(index: int, rule: MemoryRule, subject: Subject) -> tuple[str, ...]:
    region = rule.region
    where = {"runtime": "chosen at boot", "all": "everywhere"}.get(region.kind) or code(
        f"{hexadecimal(region.base)}..{hexadecimal(region.base + region.size - 1)}"
    )
    rights = code(rule.rights) + (f" onto {code(hexadecimal(rule.onto))}" if rule.kind == "alias" else "")
    return (
        str(index),
        badge(rule.kind, RULES[rule.kind][0]),
        ref("region", region.name),
        where,
        rights,
        say_doc(region.doc, subject),
        place(rule.span),
    )


def find_pieces(domain: Domain, subject: Subject) -> list[Piece]:
    """Return the pieces from address 0 upwards: those of rules with an address, and the rest between them."""
    special = [piece for rule in domain.memory for piece in place_rule(rule, subject)]
    special.sort(key=lambda one: one.first)
    pieces, at = [], 0
    rest = next((rule for rule in domain.memory if rule.region.kind == "all"), None)
    for one in special:
        if one.first > at and rest:
            pieces.append(Piece(at, one.first - 1, RULES[rest.kind][0], rest.region.name))
        pieces.append(one)
        at = one.last + 1
    return [*pieces, Piece(at, 0, RULES[rest.kind][0], rest.region.name)] if rest else pieces


def place_rule(rule: MemoryRule, subject: Subject) -> list[Piece]:
    """Return where a rule's region is; one that is placed at boot is shown where the recorded boot put it."""
    region, hidden = rule.region, subject.records.hidden
    kind = RULES[rule.kind][0]
    if region.kind == "at":
        return [Piece(region.base, region.base + region.size - 1, kind, f"{region.name}: {rule.kind}")]
    if region.kind == "runtime" and hidden:
        return [Piece(hidden.first, hidden.last, kind, f"{region.name}: {rule.kind}")]
    return []


def draw_memory(domain: Domain, subject: Subject) -> str:
    """Draw two columns, not to scale: guest-physical addresses, and what backs them. The highest is on top."""
    pieces = list(reversed(find_pieces(domain, subject)))
    right = LEFT + BAR + 210
    drawing = svg.label(LEFT, 16, "guest-physical address", "name") + svg.label(
        right, 16, "backed by", "name"
    )
    onto = {rule.region.name: rule.onto for rule in domain.memory if rule.kind == "alias"}
    tops = {piece: 26 + index * FOOT for index, piece in enumerate(pieces)}
    for piece, y in tops.items():
        drawing += draw_piece(piece, LEFT, y) + svg.label(
            LEFT - 8, y + FOOT - 3, hexadecimal(piece.first), "count", "end"
        )
        drawing += draw_answer(piece, y, right, onto, tops)
    height = 26 + len(pieces) * FOOT + 8
    return svg.picture(right + BAR + 4, height, drawing, f"The memory of {domain.name}, not to scale", "memory")


def draw_piece(piece: Piece, x: float, y: float) -> str:
    title = f"{piece.words}: {hexadecimal(piece.first)} to {hexadecimal(piece.last) if piece.last else 'the end'}"
    return svg.rect(x, y, BAR, FOOT - 3, piece.kind, title, 3) + svg.label(
        x + BAR / 2, y + FOOT / 2 + 3, piece.words, "name", "middle"
    )


def draw_answer(piece: Piece, y: float, x: float, onto: dict[str, int], tops: dict[Piece, float]) -> str:
    """Draw an arrow to what backs a piece."""
    name = piece.words.partition(":")[0]
    middle = y + FOOT / 2 - 2
    words = {"fault": "one page of 0xFF", "switched": "the device; writes are trapped", "good": "the same address"}
    drawing = svg.path([(LEFT + BAR + 2, middle), (x - 3, middle)], "edge", arrow=True)
    if name in onto:
        words["prefer"] = "the same address, A20 on"
        below = max(tops.values()) + FOOT / 2 - 2
        drawing += svg.path([(LEFT + BAR + 2, middle), (x - 3, below)], "edge dashed", arrow=True)
        drawing += svg.label(
            LEFT + BAR + 60, (middle + below) / 2 + 14, f"A20 off: {hexadecimal(onto[name])}", "edge-name"
        )
    box = svg.rect(x, y, BAR, FOOT - 3, piece.kind + " pale", radius=3)
    return drawing + box + svg.label(x + BAR / 2, y + FOOT / 2 + 3, words[piece.kind], "name", "middle")


# ---- the memory map of a recorded boot, beside that of the same machine without Luvalley


MAP_WIDTH, MAP_BAR, MAP_LEFT = 92.0, 36.0, 96.0
MAP_KINDS = {"usable": "good", "": "ground", "taken": "fault"}


@dataclass(frozen=True)
class Slice:
    """Addresses first..last between two edges of either map: their kind without and with Luvalley."""

    first: int
    last: int
    bare: str
    now: str
    words: str


def make_map(subject: Subject) -> list[str]:
    """Return the section of the memory map, if a run recorded one."""
    records = subject.records
    if not records.memory:
        return []
    slices = find_slices(records)
    rows = [make_map_row(one) for one in slices if one.bare or one.now]
    words = (
        "dom0's loaders and kernel get the memory map from INT 15h through a filter in the low page. The hypervisor's "
        "memory is reported as reserved instead of being left out: an operating system may place devices in a gap."
    )
    head = ("First", "Last", "Size", "Without Luvalley", "With Luvalley", "")
    return [
        "## The memory map in a recorded boot { #map }", paragraph(words), draw_map(slices), table(head, rows),
    ]  # fmt: skip


def find_slices(records: Records) -> list[Slice]:
    """Return both maps cut at all their edges, with equal neighbors joined."""
    bare = records.bare_memory or records.memory
    edges = sorted({edge for one in (*bare, *records.memory) for edge in (one.first, one.last + 1)})
    cut = [make_slice(low, high - 1, records) for low, high in pairwise(edges)]
    groups = (list(some) for _, some in groupby(cut, lambda one: (one.bare, one.now, one.words)))
    return [Slice(some[0].first, some[-1].last, some[0].bare, some[0].now, some[0].words) for some in groups]


def make_slice(first: int, last: int, records: Records) -> Slice:
    """Return what both maps say of a range, and why it is no longer usable if it was."""
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


def make_map_row(one: Slice) -> tuple[str, ...]:
    kinds = [badge(kind, MAP_KINDS.get(kind, "off")) if kind else "nothing" for kind in (one.bare, one.now)]
    taken = f"taken: {badge(one.words, 'fault')}" if one.words else ""
    return (
        code(hexadecimal(one.first, 8)),
        code(hexadecimal(one.last, 8)),
        say_size(one.last + 1 - one.first),
        *kinds,
        taken,
    )


def draw_map(slices: list[Slice]) -> str:
    """Draw two bars from address 0 upwards, not to scale."""
    drawing = svg.label(MAP_LEFT - 10, 20 + MAP_BAR / 2 + 4, "without", "name", "end")
    drawing += svg.label(MAP_LEFT - 10, 30 + MAP_BAR * 1.5 + 4, "with Luvalley", "name", "end")
    for index, one in enumerate(slices):
        x = MAP_LEFT + index * MAP_WIDTH
        drawing += draw_map_cell(one, x, 20, one.bare, one.bare) + draw_map_cell(
            one, x, 30 + MAP_BAR, "taken" if one.words else one.now, one.words or one.now
        )
        drawing += svg.label(x, 14, hexadecimal(one.first), "count")
    width = MAP_LEFT + len(slices) * MAP_WIDTH + 2
    words = "The memory map without and with Luvalley, not to scale"
    return svg.picture(width, 2 * MAP_BAR + 34, drawing, words, "memory")


def draw_map_cell(one: Slice, x: float, y: float, kind: str, words: str) -> str:
    title = f"{hexadecimal(one.first)}..{hexadecimal(one.last)}: {words or 'nothing'}"
    shape = svg.rect(x, y, MAP_WIDTH - 2, MAP_BAR, MAP_KINDS.get(kind, "off"), title, 2)
    return shape + svg.label(x + MAP_WIDTH / 2 - 1, y + MAP_BAR / 2 + 4, words, "name", "middle")
