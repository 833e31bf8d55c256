"""Capabilities: what the processor's VMX MSRs say beside the control words, and what domains require of it."""

from __future__ import annotations

from codegen.book.bits import Part, draw_bits
from codegen.book.markup import badge, code, heading, table, tag
from codegen.book.page import Page
from codegen.book.refs import place, ref, say_doc
from codegen.book.subject import Subject
from codegen.model.choices import Domain
from codegen.model.facts import Bit, CapabilityTable


def make_capabilities(subject: Subject) -> Page:
    lead = (
        "Bits of capability MSRs by name. <em>require</em>: the hypervisor says which is missing and does not start; "
        "<em>prefer</em>: used where it is there."
    )
    parts = [make_table(one, subject) for one in subject.facts.capabilities.values()]
    return Page("capabilities", "Capabilities", "Reference", tuple(parts), lead=lead)


def make_table(one: CapabilityTable, subject: Subject) -> str:
    parts = [Part(bit.low, bit.high, bit.name, find_wish(one, bit, subject)) for bit in one.bits]
    head = ("Bits", "Capability", "Values", *(domain.name for domain in subject.domains), "Declared")
    rows = [make_row(one, bit, subject) for bit in one.bits]
    return "\n\n".join(
        [
            f"## {one.name} {{ #{one.name} }}",
            tag("p", f"{ref('msr', one.msr)}: {say_doc(one.doc, subject)}"),
            draw_bits(parts, f"Capabilities {one.name}"),
            table(head, rows),
        ]
    )


def make_row(one: CapabilityTable, bit: Bit, subject: Subject) -> tuple[str, ...]:
    where = str(bit.low) if bit.low == bit.high else f"{bit.high}:{bit.low}"
    values = ", ".join(f"{number} {code(name)}" for name, number in bit.values)
    wishes = [say_wish(one, bit, domain) for domain in subject.domains]
    anchor = f"{one.name}.{bit.name}"
    return (where, heading(4, code(anchor), anchor), values, *wishes, place(bit.span))


def wish_of(one: CapabilityTable, bit: Bit, domain: Domain) -> str:
    for wish in domain.required:
        if wish.table == one.name and wish.bit.name == bit.name:
            return "prefer" if wish.optional else "require"
    return ""


def say_wish(one: CapabilityTable, bit: Bit, domain: Domain) -> str:
    wish = wish_of(one, bit, domain)
    return badge(wish, "prefer" if wish == "prefer" else "on") if wish else ""


def find_wish(one: CapabilityTable, bit: Bit, subject: Subject) -> str:
    """The strongest wish of any domain, as a colour."""
    wishes = {wish_of(one, bit, domain) for domain in subject.domains}
    return "on" if "require" in wishes else "prefer" if "prefer" in wishes else "named"
