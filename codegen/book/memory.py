"""Physical memory: what a domain sees where, rule by rule, and the map that a recorded boot was given."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.book import svg
from codegen.book.markup import badge, code, hexadecimal, legend, table
from codegen.book.memory_map import make_map
from codegen.book.page import Page
from codegen.book.refs import place, ref, say_doc
from codegen.book.subject import Subject
from codegen.model.choices import Domain, MemoryRule

RULES = {
    "hide": ("fault", "hidden: reads as ones, a write is undone"),
    "watch": ("switched", "watched: a write runs as one step against a lent page"),
    "alias": ("prefer", "alias: at times shows other memory"),
    "map": ("good", "mapped to itself"),
}
BAR, LEFT, FOOT = 250.0, 118.0, 44.0


@dataclass(frozen=True)
class Piece:
    """Addresses first..last, who decides, and what is written there."""

    first: int
    last: int
    kind: str
    words: str


def make_memory(domain: Domain, subject: Subject) -> Page:
    rows = [make_rule(index, rule, subject) for index, rule in enumerate(domain.memory, 1)]
    key = legend([(kind, words) for kind, words in RULES.values()])
    lead = (
        f"The extended page tables of {code(domain.name)}: the first rule that covers an address decides. All "
        "else is identity, in the largest pages that fit, with the memory types of the MTRRs."
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
    """From address 0 up: each place where another rule decides, and the map's ends between."""
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
    """Where a rule's region is; what is chosen at boot stands where the recorded boot put it."""
    region, hidden = rule.region, subject.records.hidden
    kind = RULES[rule.kind][0]
    if region.kind == "at":
        return [Piece(region.base, region.base + region.size - 1, kind, f"{region.name}: {rule.kind}")]
    if region.kind == "runtime" and hidden:
        return [Piece(hidden.first, hidden.last, kind, f"{region.name}: {rule.kind}")]
    return []


def draw_memory(domain: Domain, subject: Subject) -> str:
    """Two columns, not to scale: what the domain addresses, and what answers. The highest address is on top."""
    pieces = list(reversed(find_pieces(domain, subject)))
    right = LEFT + BAR + 210
    drawing = svg.label(LEFT, 16, f"what {domain.name} addresses", "name") + svg.label(
        right, 16, "what answers", "name"
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
    """An arrow to what answers."""
    name = piece.words.partition(":")[0]
    middle = y + FOOT / 2 - 2
    words = {"fault": "one page of 0xFF", "switched": "the device; writes are looked at", "good": "the same address"}
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
