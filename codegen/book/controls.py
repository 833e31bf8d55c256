"""Pages of controls and capabilities, and the first page of each domain, which lists what it sets and requires."""

from __future__ import annotations

from codegen.book.markup import (
    Page,
    badge,
    breakable,
    code,
    definitions,
    heading,
    hexadecimal,
    items,
    legend,
    table,
    tag,
    text,
)
from codegen.book.refs import place, ref, say_condition, say_doc, target
from codegen.book.subject import Subject
from codegen.book.svg import Part, draw_bits
from codegen.check.evaluate import setting_of
from codegen.emit.requirements import RequirementList
from codegen.model import ir
from codegen.model.choices import Domain
from codegen.model.facts import Bit, CapabilityTable, Control, ControlWord, Exit

# ---- control words: what each control needs, and its setting in each domain


SETTINGS = {
    "on": "on: required; without it the hypervisor reports so and does not start",
    "prefer": "prefer: on if the processor supports it",
    "switched": "switched: the runtime turns it on and off",
    "off": "off",
}


def make_controls(subject: Subject) -> Page:
    facts = subject.facts
    lead = (
        f"{len(facts.controls)} controls in {len(facts.words)} words. The pictures show the setting of each bit in "
        f"{' and '.join(one.name for one in subject.domains)}; what a domain does not mention is off."
    )
    key = legend([(kind, text(words)) for kind, words in SETTINGS.items()] + [("default1", "reserved, 1 by default")])
    parts = [key, *(make_word(one, subject) for one in facts.words.values())]
    return Page("controls", "Controls", "Reference", tuple(parts), lead=lead)


def make_word(word: ControlWord, subject: Subject) -> str:
    domains = subject.domains
    sheet = definitions(
        [
            ("VMCS field", ref("field", word.field)),
            ("Capability MSR", " or ".join(ref("msr", one) for one in (word.true_msr, word.msr) if one)),
            (
                "The MSR reports",
                "which bits may be 1" if word.allowed1_only else "which bits may be 0, and which may be 1",
            ),
            ("Reserved, 1 by default", code(hexadecimal(word.default1)) if word.default1 else ""),
            ("Declared", place(word.span)),
        ]
    )
    drawings = "".join(draw_word(word, one) for one in domains)
    head = ("Bit", "Control", "Needs", *(one.name for one in domains), "Exits that depend on it", "")
    rows = [make_control_row(one, subject) for one in word.controls]
    doc = tag("p", say_doc(word.doc, subject))
    return f"## {word.name} {{ #word-{word.name} }}\n\n{doc}\n{sheet}\n{drawings}\n{table(head, rows)}"


def draw_word(word: ControlWord, domain: Domain) -> str:
    parts = [
        Part(
            one.bit,
            one.bit,
            one.name,
            setting_of(domain, one.path),
            f"bit {one.bit}: {one.path}, {setting_of(domain, one.path)} in {domain.name}",
            target("control", one.path),
        )
        for one in word.controls
    ]
    taken = {one.bit for one in word.controls}
    parts += [
        Part(bit, bit, "", "default1", f"bit {bit}: reserved, 1 by default")
        for bit in range(64)
        if word.default1 >> bit & 1 and bit not in taken
    ]
    return draw_bits(parts, f"The control word {word.name} in {domain.name}")


def make_control_row(control: Control, subject: Subject) -> tuple[str, ...]:
    facts = subject.facts
    condition = facts.control_needs.get(control.path, ir.Always(True))
    needs = say_condition(condition)
    name = heading(4, breakable(code(control.path)), control.path) + (
        tag("p", text(control.doc.summary)) if control.doc.summary else ""
    )
    exits = ", ".join(ref("exit", one.name) for one in facts.exits.values() if rests_on(one, control.path))
    choices = [say_setting(one, control.path) for one in subject.domains]
    return (str(control.bit), name, "" if needs == "always" else needs, *choices, exits, place(control.span))


def say_setting(domain: Domain, control: str) -> str:
    setting = domain.settings.get(control)
    value = setting_of(domain, control)
    by = f" by {breakable(code(setting.origin))}" if setting and setting.origin else ""
    return badge(value, value) + by + (" " + place(setting.span) if setting else "")


def rests_on(exit: Exit, control: str) -> bool:
    return mentions(exit.condition, control)


def mentions(condition: ir.Condition, control: str) -> bool:
    match condition:
        case ir.ControlAtom(name):
            return name == control
        case ir.NotCondition(operand):
            return mentions(operand, control)
        case ir.AndCondition(operands) | ir.OrCondition(operands):
            return any(mentions(one, control) for one in operands)
    return False


# ---- capabilities: what the VMX MSRs report beside the control words, and what domains require


def make_capabilities(subject: Subject) -> Page:
    lead = (
        "Bits of capability MSRs by name. <em>require</em>: if it is missing, the hypervisor reports that and does not "
        "start; <em>prefer</em>: used if present."
    )
    parts = [make_capability_table(one, subject) for one in subject.facts.capabilities.values()]
    return Page("capabilities", "Capabilities", "Reference", tuple(parts), lead=lead)


def make_capability_table(one: CapabilityTable, subject: Subject) -> str:
    parts = [Part(bit.low, bit.high, bit.name, find_request(one, bit, subject)) for bit in one.bits]
    head = ("Bits", "Capability", "Values", *(domain.name for domain in subject.domains), "Declared")
    rows = [make_capability_row(one, bit, subject) for bit in one.bits]
    return "\n\n".join(
        [
            f"## {one.name} {{ #{one.name} }}",
            tag("p", f"{ref('msr', one.msr)}: {say_doc(one.doc, subject)}"),
            draw_bits(parts, f"Capabilities {one.name}"),
            table(head, rows),
        ]
    )


def make_capability_row(one: CapabilityTable, bit: Bit, subject: Subject) -> tuple[str, ...]:
    where = str(bit.low) if bit.low == bit.high else f"{bit.high}:{bit.low}"
    values = ", ".join(f"{number} {code(name)}" for name, number in bit.values)
    requests = [say_request(one, bit, domain) for domain in subject.domains]
    anchor = f"{one.name}.{bit.name}"
    return (where, heading(4, code(anchor), anchor), values, *requests, place(bit.span))


def request_of(one: CapabilityTable, bit: Bit, domain: Domain) -> str:
    for request in domain.required:
        if request.table == one.name and request.bit.name == bit.name:
            return "prefer" if request.optional else "require"
    return ""


def say_request(one: CapabilityTable, bit: Bit, domain: Domain) -> str:
    request = request_of(one, bit, domain)
    return badge(request, "prefer" if request == "prefer" else "on") if request else ""


def find_request(one: CapabilityTable, bit: Bit, subject: Subject) -> str:
    """Return the strongest request of any domain, as a color."""
    requests = {request_of(one, bit, domain) for domain in subject.domains}
    return "on" if "require" in requests else "prefer" if "prefer" in requests else "named"


# ---- a domain: its owned bits, switched MSRs, controls, and what it requires of the processor


# How an MSR is switched, where it is not by fields of the VMCS.
WAYS = {"fields": "", "list": " by the MSR areas", "swap": " by the runtime"}


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
            *([("Run by", text(f"a VMM in dom0, through hypercalls ({domain.under})"))] if domain.under else []),
            ("Declared", place(domain.span)),
        ]
    )
    settings = [(ref("control", one.control), say_setting(domain, one.control)) for one in domain.settings.values()]
    chapters = [
        f'<a href="{domain.name}-{name}.html">{words}</a>'
        for name, words in (
            ("handlers", "Handlers of its events"),
            ("bitmaps", "MSR and I/O bitmaps"),
            ("memory", "Memory"),
        )
        if domain in subject.hosts or name != "memory"
    ]
    return Page(
        domain.name,
        f"{domain.name} at a glance",
        f"This hypervisor/{domain.name}",
        (
            items([*chapters, f'<a href="coverage.html#{domain.name}">Exit coverage</a>']),
            sheet,
            "## Controls { #controls }",
            table(("Control", "Choice"), settings),
            *make_requirements(domain, subject),
        ),
        lead=say_doc(domain.doc, subject),
    )


def list_owned(register: str, mask: int, subject: Subject) -> str:
    """Return the owned bits of a control register by name: the guest reads a shadow of them."""
    state = subject.facts.state.get(register)
    names = [one.name for one in state.layout.bits if mask & one.mask] if state and state.layout else []
    return ", ".join(map(code, names)) or code(hexadecimal(mask))


def make_requirements(domain: Domain, subject: Subject) -> list[str]:
    """Return the table of what the start check requires; empty for a domain of a VMM."""
    if domain.under:
        return []
    words = (
        "Checked before anything else, in 32-bit code. If anything is missing, all of it is reported at once, and the "
        "disk is booted without the hypervisor."
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
