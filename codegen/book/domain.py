"""A domain at a glance: what it owns, what it gives up, and what it needs of the processor."""

from __future__ import annotations

from codegen.book.controls import say_setting
from codegen.book.markup import badge, code, definitions, hexadecimal, items, table, tag, text
from codegen.book.page import Page
from codegen.book.refs import place, ref, say_doc
from codegen.book.subject import Subject
from codegen.emit.requirements import RequirementList
from codegen.model.choices import Domain

# How an MSR is switched, where it is not by fields of the VMCS.
WAYS = {"fields": "", "list": " by list", "swap": " by hand"}


def make_domain(domain: Domain, subject: Subject) -> Page:
    sheet = definitions(
        [
            ("Native", ", ".join(ref("event", one.text) for one in domain.native)),
            ("Trapped", ", ".join(ref("event", one.text) for one in domain.trapped)),
            *(
                (f"Owned bits of {register.upper()}", list_owned(register, mask, subject))
                for register, mask in domain.owned.items()
            ),
            (
                "Own MSRs",
                ", ".join(ref("msr", one.msr.name) + WAYS[one.how] for one in domain.switched),
            ),
            *([("Run by", text(f"a VMM in dom0, by the hypercalls ({domain.under})"))] if domain.under else []),
            ("Declared", place(domain.span)),
        ]
    )
    settings = [(ref("control", one.control), say_setting(domain, one.control)) for one in domain.settings.values()]
    chapters = [
        f'<a href="{domain.name}-{name}.html">{words}</a>'
        for name, words in (
            ("handlers", "What it does at each event"),
            ("bitmaps", "Its MSRs and ports, as pictures"),
            ("memory", "Its memory"),
        )
        if domain in subject.hosts or name != "memory"
    ]
    return Page(
        domain.name,
        f"{domain.name} at a glance",
        f"This hypervisor/{domain.name}",
        (
            items([*chapters, f'<a href="ledger.html#{domain.name}">What every exit comes to</a>']),
            sheet,
            "## Controls { #controls }",
            table(("Control", "Choice"), settings),
            *make_requirements(domain, subject),
        ),
        lead=say_doc(domain.doc, subject),
    )


def list_owned(register: str, mask: int, subject: Subject) -> str:
    """Bits whose guest value is a shadow."""
    state = subject.facts.state.get(register)
    names = [one.name for one in state.layout.bits if mask & one.mask] if state and state.layout else []
    return ", ".join(map(code, names)) or code(hexadecimal(mask))


def make_requirements(domain: Domain, subject: Subject) -> list[str]:
    """The table of the start check; where it is not asked of, domains of that kind cannot be made."""
    if domain.under:
        return []
    words = (
        "Checked before anything else, in 32-bit code; all that is missing is said at once, and the disk is started "
        "without a hypervisor."
    )
    head = "## What the processor must have { #requirements }"
    rows = list_requirements(domain, subject)
    return [head, tag("p", words), table(("Needs", "Where", "Bit", "Must be"), rows, "dense")]


def list_requirements(domain: Domain, subject: Subject) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in RequirementList(subject.model, domain).build():
        where = f"CPUID {one.number}.{one.alternative}" if one.kind == "REQUIRE_CPUID" else one.number
        if one.number in subject.facts.msrs:
            where = ref("msr", one.number)
        rows.append(
            (text(one.name), where, f"word {one.word}, bit {one.bit}", badge("1" if one.expected else "0", "named"))
        )
    return rows
