"""Control words and controls: what each needs, which MSR says that it is there, and what each domain wants of it."""

from __future__ import annotations

from codegen.book.bits import Part, draw_bits
from codegen.book.markup import badge, code, definitions, heading, hexadecimal, legend, table, tag, text
from codegen.book.page import Page
from codegen.book.refs import place, ref, say_condition, say_doc, target
from codegen.book.subject import Subject
from codegen.check.evaluate import setting_of
from codegen.model import ir
from codegen.model.choices import Domain
from codegen.model.facts import Control, ControlWord, Exit

MEANINGS = {
    "on": "on: without it the hypervisor says so and does not start",
    "prefer": "prefer: on where the processor can",
    "switched": "switched: the runtime turns it on and off",
    "off": "off",
}


def make_controls(subject: Subject) -> Page:
    facts = subject.facts
    lead = (
        f"{len(facts.controls)} controls in {len(facts.words)} words. The pictures show what "
        f"{' and '.join(one.name for one in subject.domains)} asks of each bit; what a domain does not mention is off."
    )
    key = legend([(kind, text(words)) for kind, words in MEANINGS.items()] + [("default1", "reserved, 1 by default")])
    parts = [key, *(make_word(one, subject) for one in facts.words.values())]
    return Page("controls", "Controls", "Reference", tuple(parts), lead=lead)


def make_word(word: ControlWord, subject: Subject) -> str:
    domains = subject.domains
    sheet = definitions(
        [
            ("VMCS field", ref("field", word.field)),
            ("Capability MSR", " or ".join(ref("msr", one) for one in (word.true_msr, word.msr) if one)),
            (
                "The MSR says",
                "which bits may be 1" if word.allowed1_only else "which bits may be 0, and which may be 1",
            ),
            ("Reserved, 1 by default", code(hexadecimal(word.default1)) if word.default1 else ""),
            ("Declared", place(word.span)),
        ]
    )
    drawings = "".join(draw_word(word, one) for one in domains)
    head = ("Bit", "Control", "Needs", *(one.name for one in domains), "Exits that rest on it", "")
    rows = [make_row(one, subject) for one in word.controls]
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


def make_row(control: Control, subject: Subject) -> tuple[str, ...]:
    facts = subject.facts
    condition = facts.control_needs.get(control.path, ir.Always(True))
    needs = say_condition(condition)
    name = heading(4, code(control.path), control.path) + (
        tag("p", text(control.doc.summary)) if control.doc.summary else ""
    )
    exits = ", ".join(ref("exit", one.name) for one in facts.exits.values() if rests_on(one, control.path))
    choices = [say_setting(one, control.path) for one in subject.domains]
    return (str(control.bit), name, "" if needs == "always" else needs, *choices, exits, place(control.span))


def say_setting(domain: Domain, control: str) -> str:
    setting = domain.settings.get(control)
    value = setting_of(domain, control)
    return badge(value, value) + (" " + place(setting.span) if setting else "")


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
