"""VMCS fields by area and group."""

from __future__ import annotations

from itertools import groupby

from codegen.book.bits import draw_layout
from codegen.book.markup import block, code, details, heading, hexadecimal, table, tag
from codegen.book.page import Page
from codegen.book.refs import place, ref, say_doc
from codegen.book.subject import Subject
from codegen.model.facts import Layout, VmcsField

AREAS = {
    "control": "Control fields",
    "readonly": "Read-only fields: why the guest left",
    "guest": "Guest state",
    "host": "Host state",
}
HEAD = ("Encoding", "Field", "Type", "Bits", "Neutral name", "Declared")


def make_fields(subject: Subject) -> Page:
    fields = list(subject.facts.vmcs.values())
    lead = (
        f"All {len(fields)} fields of the VMCS that the facts know. Width and area are in the encoding itself, "
        "and the compiler holds them against the declaration."
    )
    parts = [part for area, title in AREAS.items() for part in make_area(area, title, fields, subject)]
    return Page("fields", "VMCS fields", "Reference", tuple(parts), lead=lead)


def make_area(area: str, title: str, fields: list[VmcsField], subject: Subject) -> list[str]:
    mine = [one for one in fields if one.area == area]
    parts = [f"## {title} {{ #{area} }}"] if mine else []
    for group, some in groupby(mine, lambda one: one.group):
        members = list(some)
        doc = tag("p", say_doc(members[0].doc, subject))
        rows = [make_row(one, subject) for one in members]
        parts.append(f"### {group.replace('_', ' ').capitalize()} {{ #{area}-{group} }}\n\n{doc}\n{table(HEAD, rows)}")
    return parts


def make_row(field: VmcsField, subject: Subject) -> tuple[str, ...]:
    state = next((one.name for one in subject.facts.state.values() if one.field == field.name), "")
    kind = "natural width" if field.natural else field.type.name
    drawn = show_layout(field.layout, field.name) if field.layout else ""
    return (
        code(hexadecimal(field.encoding, 4)),
        heading(4, code(field.name), field.name),
        kind,
        drawn,
        ref("state", state, f"guest.{state}") if state else "",
        place(field.span),
    )


def show_layout(layout: Layout, words: str) -> str:
    """A layout behind a word: drawn, and its bits listed."""
    return details(f"{len(layout.bits)} named", block(draw_layout(layout, words), "wide") + list_bits(layout))


def list_bits(layout: Layout) -> str:
    rows = []
    for bit in layout.bits:
        where = str(bit.low) if bit.low == bit.high else f"{bit.high}:{bit.low}"
        values = ", ".join(f"{number} {code(name)}" for name, number in bit.values)
        rows.append((where, code(bit.name), values))
    return table(("Bits", "Name", "Values"), rows, "small")
