"""Guest state by neutral names, register layouts, and the manual's sections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from codegen.book.bits import draw_layout
from codegen.book.fields import list_bits, show_layout
from codegen.book.markup import code, heading, link, table, text
from codegen.book.page import Page
from codegen.book.refs import place, ref, target
from codegen.book.say import say
from codegen.book.subject import Subject
from codegen.model.choices import Domain
from codegen.model.facts import Doc, StateField


def make_state(subject: Subject) -> Page:
    rows = [make_row(one, subject) for one in subject.facts.state.values()]
    head = ("Name", "Type", "Where it is", "Bits", *(f"{one.name} after INIT" for one in subject.domains), "Declared")
    lead = (
        f"{len(rows)} pieces of a guest's state, by the names that handlers use. Where each is kept is a fact of the "
        "backend; handlers do not see it."
    )
    return Page("state", "Guest state", "Reference", (table(head, rows),), lead=lead)


def make_row(state: StateField, subject: Subject) -> tuple[str, ...]:
    where = (
        ref("field", state.field) if state.field else "a saved register" if state.register is not None else "software"
    )
    drawn = show_layout(state.layout, state.name) if state.layout else ""
    resets = [code(values[state.name]) if state.name in values else "" for values in map(list_resets, subject.domains)]
    return (
        heading(4, code(f"guest.{state.name}"), state.name),
        state.type.name,
        where,
        drawn,
        *resets,
        place(state.span),
    )


def list_resets(domain: Domain) -> dict[str, str]:
    """Values after INIT by name."""
    return {state.name: say(value) for state, value in domain.reset}


def make_layouts(subject: Subject) -> Page:
    parts = []
    for one in subject.facts.layouts.values():
        parts.append(f"## `{one.name}` {{ #{one.name} }}\n\n{draw_layout(one, one.name)}\n{list_bits(one)}")
    lead = "How registers, exit qualifications and instruction information are laid out."
    return Page("layouts", "Layouts", "Reference", tuple(parts), lead=lead)


def make_manual(subject: Subject) -> Page:
    """Sections of the manual, and what rests on each."""
    cited = defaultdict(list)
    for name, where, doc in list_citations(subject):
        for section in doc.sections:
            cited[section].append(link(where, code(name)))
    rows = [
        (heading(4, f"§{number}", f"s{number}"), text(title), ", ".join(dict.fromkeys(cited[number])))
        for number, title in subject.facts.sections.items()
    ]
    lead = (
        f"Section numbers mean the Intel SDM, edition {code(subject.facts.edition)}. {len(rows)} sections are known "
        "here; a citation of any other does not compile."
    )
    return Page(
        "manual", "The manual's sections", "Reference", (table(("Section", "Title", "Cited by"), rows),), lead=lead
    )


def list_citations(subject: Subject) -> Iterator[tuple[str, str, Doc]]:
    """Declarations with comments: name, where they are in the book, the comment."""
    facts = subject.facts
    for kind, table_ in (
        ("field", facts.vmcs),
        ("exit", facts.exits),
        ("msr", facts.msrs),
        ("word", facts.words),
        ("capability", facts.capabilities),
    ):
        for name, one in table_.items():
            yield name, target(kind, name), one.doc
    for leaf in facts.leaves:
        yield (
            f"cpuid {leaf.first:#x}",
            f"cpuid.html#leaf-{leaf.first:x}" + (f"-{leaf.subleaves[0]:x}" if leaf.subleaves is not None else ""),
            leaf.doc,
        )
    for kind, runtime in (
        ("extern", subject.model.externs),
        ("region", subject.model.regions),
        ("hypercall", subject.model.hypercalls),
    ):
        for name, some in runtime.items():
            yield name, target(kind, name), some.doc
