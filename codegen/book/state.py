"""Pages of VMCS fields, guest state, register layouts, and the manual's sections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

from codegen.book.markup import Page, block, breakable, code, details, heading, hexadecimal, link, table, tag, text
from codegen.book.refs import cite, place, ref, say_doc, target
from codegen.book.subject import Subject
from codegen.book.svg import draw_layout
from codegen.language.expressions import say_expression
from codegen.model.choices import Domain
from codegen.model.entry_checks import PREDICATES, EntryGroup, EntryRule
from codegen.model.facts import Doc, Layout, StateField, VmcsField
from codegen.resolve.lift import lift_expression

# ---- VMCS fields by area and group


AREAS = {
    "control": "Control fields",
    "readonly": "Read-only fields: VM-exit information",
    "guest": "Guest state",
    "host": "Host state",
}
FIELD_HEAD = ("Encoding", "Field", "Type", "Bits", "Neutral name", "Declared")


def make_fields(subject: Subject) -> Page:
    fields = list(subject.facts.vmcs.values())
    lead = (
        f"All {len(fields)} fields of the VMCS that the facts declare. Width and area are part of the encoding, "
        "and the compiler checks the declaration against it."
    )
    parts = [part for area, title in AREAS.items() for part in make_area(area, title, fields, subject)]
    return Page("fields", "VMCS fields", "Reference", tuple(parts), lead=lead)


def make_area(area: str, title: str, fields: list[VmcsField], subject: Subject) -> list[str]:
    mine = [one for one in fields if one.area == area]
    parts = [f"## {title} {{ #{area} }}"] if mine else []
    for group, some in groupby(mine, lambda one: one.group):
        members = list(some)
        doc = tag("p", say_doc(members[0].doc, subject))
        rows = [make_field_row(one, subject) for one in members]
        title = group.replace("_", " ").capitalize()
        parts.append(f"### {title} {{ #{area}-{group} }}\n\n{doc}\n{table(FIELD_HEAD, rows)}")
    return parts


def make_field_row(field: VmcsField, subject: Subject) -> tuple[str, ...]:
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
    """Return a layout that unfolds: drawn, and its bits listed."""
    return details(f"{len(layout.bits)} named", block(draw_layout(layout, words), "wide") + list_bits(layout))


def list_bits(layout: Layout) -> str:
    rows = []
    for bit in layout.bits:
        where = str(bit.low) if bit.low == bit.high else f"{bit.high}:{bit.low}"
        values = ", ".join(f"{number} {code(name)}" for name, number in bit.values)
        rows.append((where, code(bit.name), values))
    return table(("Bits", "Name", "Values"), rows, "small")


# ---- guest state by neutral names, layouts, sections of the manual


def make_state(subject: Subject) -> Page:
    rows = [make_state_row(one, subject) for one in subject.facts.state.values()]
    head = ("Name", "Type", "Where it is", "Bits", *(f"{one.name} after INIT" for one in subject.domains), "Declared")
    lead = (
        f"{len(rows)} elements of guest state, by the names that handlers use. Where each is kept is a fact about "
        "the processor; handlers do not depend on it."
    )
    return Page("state", "Guest state", "Reference", (table(head, rows),), lead=lead)


def make_state_row(state: StateField, subject: Subject) -> tuple[str, ...]:
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
    """Return values after INIT by name."""
    return {state.name: say_expression(lift_expression(value)) for state, value in domain.reset}


def make_layouts(subject: Subject) -> Page:
    parts = []
    for one in subject.facts.layouts.values():
        parts.append(f"## `{one.name}` {{ #{one.name} }}\n\n{draw_layout(one, one.name)}\n{list_bits(one)}")
    lead = "How registers, exit qualifications and instruction information are laid out."
    return Page("layouts", "Layouts", "Reference", tuple(parts), lead=lead)


def make_manual(subject: Subject) -> Page:
    """Make the page of the manual's sections and of the declarations that cite each."""
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
    """Yield declarations with comments: name, link, comment."""
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


# ---- entry checks


def make_entry_checks(subject: Subject) -> list[Page]:
    """Make the page, if the spec has such rules."""
    groups = subject.facts.entry_checks
    if not groups:
        return []
    rules = sum(len(one.rules) for one in groups.values())
    lead = (
        f"{rules} rules of the manual on what VM entry requires. After a failed VM entry, a checker made from the same "
        "rules names those that are violated."
    )
    asked = table(("Predicate", "True if"), [(code(name), text(words)) for name, words in PREDICATES.items()])
    parts = [make_group(one, subject) for one in groups.values()]
    return [
        Page("entry-checks", "Entry checks", "Reference", (*parts, "## Predicates { #predicates }", asked), lead=lead)
    ]


def make_group(group: EntryGroup, subject: Subject) -> str:
    fails = (
        f"VM-instruction error {group.error}"
        if group.error
        else f"the exit {ref('exit', group.exit)}"
        if group.exit
        else ""
    )
    words = tag(
        "p", f"{text(group.summary)} {cite(group.sections, subject)}. {'Fails with ' + fails + '.' if fails else ''}"
    )
    parts = [
        f"## {group.name.replace('_', ' ').capitalize()} {{ #{group.name} }}",
        words,
        table(
            ("Rule", "When", "Must hold", "Manual", "Declared"),
            [make_rule(one, subject) for one in group.rules],
            "dense wrap",
        ),
    ]
    if group.omitted:
        rows = [
            (code(one.name), text(one.summary), text(one.reason), cite(one.sections, subject, True))
            for one in group.omitted
        ]
        parts += [
            tag("p", "Not checked here, and why:"),
            table(("Check", "What it is", "Why not", "Manual"), rows, "dense wrap"),
        ]
    return "\n\n".join(parts)


def make_rule(rule: EntryRule, subject: Subject) -> tuple[str, ...]:
    name = heading(4, code(rule.name), rule.name) + (tag("p", text(rule.summary)) if rule.summary else "")
    return (
        name,
        breakable(code(rule.when_text)) if rule.when_text else "always",
        breakable(code(rule.text)),
        cite(rule.sections, subject, True),
        place(rule.span),
    )
