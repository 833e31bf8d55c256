"""The page of CPUID: each leaf's registers as bits, and what a domain sees of them."""

from __future__ import annotations

from codegen.book.markup import Page, badge, code, heading, hexadecimal, legend, table, tag, text
from codegen.book.refs import place, ref, say_condition, say_doc, target
from codegen.book.subject import Subject
from codegen.book.svg import Part, draw_bits
from codegen.check.evaluate import evaluate
from codegen.model import ir
from codegen.model.choices import Domain
from codegen.model.facts import CpuidLeaf, Feature

SEEN = {
    "good": "shown if the processor has it",
    "prefer": "late: shown only if the processor supports the control that it needs",
    "switched": "mirrors a bit of the guest's own registers",
    "on": "shown on every processor",
    "fault": "hidden",
}
WORDS = {"good": "shown", "prefer": "late", "switched": "mirrored", "on": "always", "fault": "hidden"}
WHOLE = 0xFFFFFFFF


def make_cpuid(subject: Subject) -> Page:
    facts = subject.facts
    counts = " ".join(count_features(one, subject) for one in subject.hosts)
    lead = (
        f"{len(facts.features)} features in {len(facts.leaves)} groups of leaves. {counts} "
        "A bit without a fact is never shown."
    )
    key = legend([*SEEN.items(), ("ground", "no fact: zero")])
    leaves = sorted(facts.leaves, key=lambda one: (one.first, one.subleaves or (0, 0)))
    own = [make_own(one) for one in subject.hosts]
    return Page("cpuid", "CPUID", "Reference", (key, *(make_leaf(one, subject) for one in leaves), *own), lead=lead)


def count_features(domain: Domain, subject: Subject) -> str:
    kinds = [seen(one, domain) for one in subject.facts.features.values()]
    return f"In {domain.name} {kinds.count('fault')} are hidden and {kinds.count('prefer')} are decided at boot."


def seen(feature: Feature, domain: Domain) -> str:
    """Return how a domain sees a feature, as a color."""
    shown = {one.name for one in domain.cpuid.shown}
    if feature.name not in shown:
        return "fault"
    if feature.mirrors is not None:
        return "switched"
    if feature.name in {one.name for one in domain.cpuid.forced}:
        return "on"
    return "prefer" if evaluate(feature.needs, domain).can_fail else "good"


def name_leaf(leaf: CpuidLeaf) -> tuple[str, str]:
    """Return a leaf's title and anchor."""
    title, anchor = hexadecimal(leaf.first), f"leaf-{leaf.first:x}"
    if leaf.last != leaf.first:
        title += f" to {hexadecimal(leaf.last)}"
    if leaf.subleaves is not None:
        low, high = leaf.subleaves
        anchor += f"-{low:x}"
        more = "" if low == high else " and up" if high == WHOLE else f" to {high}"
        title += f", subleaf {low}{more}"
    return f"Leaf {title}", anchor


def make_leaf(leaf: CpuidLeaf, subject: Subject) -> str:
    title, anchor = name_leaf(leaf)
    known = dict(leaf.registers)
    values = [name.upper() for name in ("eax", "ebx", "ecx", "edx") if known.get(name) == "value"]
    kept = (
        f" {', '.join(values)}: {'a number' if len(values) == 1 else 'numbers'}, shown as the processor has it."
        if values
        else ""
    )
    parts = [f"## {title} {{ #{anchor} }}", tag("p", f"{say_doc(leaf.doc, subject)}{kept} {place(leaf.span)}")]
    parts += [make_register(leaf, name, subject) for name, kind in leaf.registers if kind == "features"]
    return "\n\n".join(parts)


def make_register(leaf: CpuidLeaf, register: str, subject: Subject) -> str:
    mine = [one for one in subject.facts.features.values() if one.leaf is leaf and one.register == register]
    drawings = "".join(draw_register(mine, register, domain) for domain in subject.hosts)
    head = ("Bits", "Feature", *(one.name for one in subject.hosts), "Needs", "Declared")
    rows = [make_row(one, subject) for one in mine]
    return tag("p", register.upper(), class_="caption") + drawings + table(head, rows, "dense")


def draw_register(features: list[Feature], register: str, domain: Domain) -> str:
    parts = [
        Part(
            one.low,
            one.high,
            one.name,
            seen(one, domain),
            f"{one.name}: {SEEN[seen(one, domain)]}",
            target("feature", one.name),
        )
        for one in features
    ]
    return draw_bits(parts, f"{register.upper()} as {domain.name} sees it")


def make_row(feature: Feature, subject: Subject) -> tuple[str, ...]:
    where = str(feature.low) if feature.low == feature.high else f"{feature.high}:{feature.low}"
    needs = "" if isinstance(feature.needs, ir.Always) else say_condition(feature.needs)
    if feature.mirrors is not None:
        state, bit = feature.mirrors
        needs += f" mirrors {ref('state', state, f'guest.{state}.{bit.name}')}"
    name = heading(4, code(feature.name), feature.name) + (
        tag("p", text(feature.doc.summary)) if feature.doc.summary else ""
    )
    kinds = [seen(feature, one) for one in subject.hosts]
    return (where, name, *(badge(WORDS[kind], kind, SEEN[kind]) for kind in kinds), needs, place(feature.span))


def make_own(domain: Domain) -> str:
    """Return the table of the leaves that the hypervisor defines."""
    if not domain.cpuid.own:
        return ""
    rows = [
        (code(hexadecimal(leaf)), *(code(hexadecimal(value, 8)) for value in values), code(spell(values)))
        for leaf, values in domain.cpuid.own
    ]
    title = f"## Leaves that only {domain.name} sees {{ #own-{domain.name} }}"
    return f"{title}\n\n{table(('Leaf', 'EAX', 'EBX', 'ECX', 'EDX', 'Letters of EBX, ECX, EDX'), rows)}"


def spell(values: tuple[int, int, int, int]) -> str:
    letters = b"".join(value.to_bytes(4, "little") for value in values[1:])
    return "".join(chr(one) if 32 < one < 127 else "." for one in letters) if any(letters) else ""
