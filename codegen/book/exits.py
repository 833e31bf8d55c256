"""Basic exit reasons: fact by fact, and what each domain makes of it."""

from __future__ import annotations

from codegen.book.bits import draw_layout
from codegen.book.fields import list_bits
from codegen.book.markup import badge, code, definitions, table, tag, text
from codegen.book.page import Page
from codegen.book.refs import cite, place, ref, say_condition
from codegen.book.say import say, say_range
from codegen.book.sources import find_sections
from codegen.book.subject import Subject
from codegen.insight.ledger import Answer, Ledger, Row
from codegen.model import ir
from codegen.model.facts import Arm, Exit, Layout

LENGTHS = {
    "field": "the VMCS field has it",
    "none": "no instruction to skip: `advance` does not compile",
    "decoder": "only a decoder could tell: `advance` does not compile",
}
STATUS = {"handled": "good", "impossible": "off", "refused": "prefer", "hole": "bad"}


def make_exits(subject: Subject) -> Page:
    exits = sorted(subject.facts.exits.values(), key=lambda one: one.number)
    reserved = sorted(subject.facts.reserved_exits)
    words = ", ".join(map(str, reserved))
    lead = (
        f"{len(exits)} basic exit reasons"
        + (f", and {len(reserved)} numbers ({words}) that the edition reserves" if reserved else "")
        + ". A condition says when the processor can leave for it; an unsure fact says <em>always</em>."
    )
    return Page("exits", "Exits", "Reference", tuple(make_exit(one, subject) for one in exits), lead=lead)


def make_exit(exit: Exit, subject: Subject) -> str:
    length = f"always {exit.length} bytes" if isinstance(exit.length, int) else LENGTHS[exit.length]
    sheet = definitions(
        [
            ("Happens", say_condition(exit.condition)),
            ("Instruction length", text(length)),
            ("Event", ", ".join(ref("event", arm.event) for arm in exit.arms)),
            ("Manual", cite(find_sections(exit.doc, exit.span, subject), subject)),
            ("Declared", place(exit.span)),
        ]
    )
    parts = [
        f"## {exit.number} &nbsp;`{exit.name}` {{ #{exit.name} }}",
        text(exit.doc.summary),
        sheet,
        *(
            show_layout(layout, name, exit)
            for name, layout in (
                ("Exit qualification", exit.qualification),
                ("Instruction information", exit.information),
            )
            if layout
        ),
        show_arms(exit),
        *(show_outcome(one, exit, subject) for one in subject.ledgers),
    ]
    return "\n\n".join(part for part in parts if part)


def show_layout(layout: Layout, name: str, exit: Exit) -> str:
    title = tag("p", f"{name} {ref('layout', layout.name)}", class_="caption")
    listed = list_bits(layout) if any(one.values for one in layout.bits) else ""
    return title + draw_layout(layout, f"{name} of {exit.name}") + listed


def show_arms(exit: Exit) -> str:
    """Its events, and where each part of their payload comes from."""
    if not any(arm.payload or arm.where is not None for arm in exit.arms):
        return ""
    rows = [row for arm in exit.arms for row in list_arm(arm, exit)]
    return table(("Event", "Payload", "Comes from"), rows)


def say_source(value: ir.Expression, exit: Exit) -> str:
    """Where a payload comes from; bits by the names that the exit's own layouts have for them."""
    words = say(value)
    for layout, field, name in (
        (exit.qualification, "exit_qualification", "qualification"),
        (exit.information, "exit_instruction_info", "information"),
    ):
        for bit in layout.bits if layout else ():
            words = words.replace(f"vmcs.{field}[{say_range(bit.low, bit.high)}]", f"{name}.{bit.name}")
    return words


def list_arm(arm: Arm, exit: Exit) -> list[tuple[str, str, str]]:
    name = ref("event", arm.event) + (f"<br>where {code(say_source(arm.where, exit))}" if arm.where is not None else "")
    if not arm.payload:
        return [(name, "", "")]
    first, *rest = [(code(field), code(say_source(value, exit))) for field, value in arm.payload]
    return [(name, *first), *(("", *one) for one in rest)]


def show_outcome(ledger: Ledger, exit: Exit, subject: Subject) -> str:
    row = next((one for one in ledger.rows if one.number == exit.number), None)
    return tag("div", say_row(row, ledger, subject), class_=f"outcome {STATUS[row.status]}") if row else ""


def say_row(row: Row, ledger: Ledger, subject: Subject) -> str:
    """What an exit comes to in a domain, and why."""
    counted = subject.count_exits(row.name, ledger.domain)
    parts = [
        tag("strong", ledger.domain),
        badge(row.status, STATUS[row.status]),
        say_reasons(row),
        *(say_answer(one, ledger.domain) for one in row.answers),
        f"taken {counted} times in the recorded boot" if counted else "",
    ]
    return " ".join(
        part if index < 2 else tag("span", part, class_="clause") for index, part in enumerate(parts) if part
    )


def say_reasons(row: Row) -> str:
    return "; ".join(f"{text(one.text)} {place(one.span)}".strip() for one in row.reasons)


def say_answer(answer: Answer, domain: str) -> str:
    """Who answers an event, as a link, and how it ends."""
    return f"{link_answer(answer, domain)} &rarr; {', '.join(map(code, answer.outcomes))}"


def link_answer(answer: Answer, domain: str) -> str:
    label = code(answer.by)
    if not answer.handled:
        return label
    page = f"{domain}-handlers.html#{answer.event}" if answer.by.startswith("on ") else f"{domain}-bitmaps.html"
    return tag("a", label, href=page)
