"""MSRs by class: what they are, why some are guarded, and what each domain may do with them."""

from __future__ import annotations

from codegen.book.access import action_for, bitmap_place, body_anchor, say_numbers, show, show_guard
from codegen.book.markup import code, heading, table, tag
from codegen.book.page import Page
from codegen.book.refs import cite, place, ref, say_doc
from codegen.book.sources import find_sections
from codegen.book.subject import Subject
from codegen.model.choices import Domain
from codegen.model.facts import Msr


def make_msrs(subject: Subject) -> Page:
    facts = subject.facts
    guarded = sum(bool(one.guarded) for one in facts.msrs.values())
    lead = (
        f"{len(facts.msrs)} MSRs and banks of MSRs in {len(facts.msr_classes)} classes; {guarded} are guarded and may "
        "not be passed for writing. A number without a fact follows the domain's default. <em>In the bitmap</em>: byte "
        "and bit of reading, then of writing, of the first register."
    )
    defaults = [say_default(one) for one in subject.domains]
    parts = [make_class(name, title, subject) for name, title in facts.msr_classes.items()]
    return Page("msrs", "MSRs", "Reference", (*defaults, *parts), lead=lead)


def say_default(domain: Domain) -> str:
    policy = domain.msr
    return tag(
        "p", f"{code(domain.name)} by default: read {show(policy.default_read)}, write {show(policy.default_write)}."
    )


def make_class(name: str, title: str, subject: Subject) -> str:
    members = sorted((one for one in subject.facts.msrs.values() if one.group == name), key=lambda one: one.first)
    if not members:
        return ""
    head = (
        "Number",
        "MSR",
        *(f"{one.name}: {way}" for one in subject.domains for way in ("read", "write")),
        "In the bitmap",
        "Declared",
    )
    rows = [make_row(one, subject) for one in members]
    sections = dict.fromkeys(section for one in members for section in find_sections(one.doc, one.span, subject))
    words = tag("p", f"Class {code(name)} {tag('span', cite(tuple(sections), subject), class_='cites')}")
    return f"## {title} {{ #class-{name} }}\n\n{words}\n{table(head, rows)}"


def make_row(msr: Msr, subject: Subject) -> tuple[str, ...]:
    name = heading(4, code(msr.name), msr.name)
    notes = [say_doc(msr.doc, subject, brief=True), show_guard(msr), show_switch(msr), *list_domains(msr, subject)]
    words = "".join(tag("p", note) for note in notes if note)
    actions = [
        show(action, body_anchor(domain, way, action))
        for domain in subject.domains for way in ("read", "write") for action in [action_for(domain, way, msr.first)]
    ]  # fmt: skip
    return (code(say_numbers(msr.first, msr.last)), name + words, *actions, show_bits(msr), place(msr.span))


def show_bits(msr: Msr) -> str:
    """Byte and bit of both directions."""
    places = dict.fromkeys(bitmap_place(msr.first, way) for way in ("read", "write"))
    return "<br>".join(code(one) if one[0].isdigit() else one for one in places)


def show_switch(msr: Msr) -> str:
    """The fields and controls that give guest and host each their own."""
    switch = msr.switched
    if switch is None:
        return ""
    fields = " and ".join(ref("field", one) for one in (switch.guest, switch.host) if one)
    controls = ", ".join(f"{way} {ref('control', name)}" for way, name in switch.controls)
    return f"switched by {fields}" + (f"; {controls}" if controls else "")


def list_domains(msr: Msr, subject: Subject) -> list[str]:
    """Domains that have this register to themselves."""
    return [
        f"{code(domain.name)} has its own, by {one.means} {place(one.span)}"
        for domain in subject.domains
        for one in domain.switched
        if one.msr.name == msr.name
    ]
