"""Pages of exits, of events, and of the exit coverage of each domain."""

from __future__ import annotations

from codegen.book.markup import Page, badge, breakable, code, definitions, heading, legend, table, tag, text
from codegen.book.refs import cite, find_sections, place, ref, say_condition
from codegen.book.state import list_bits
from codegen.book.subject import Subject
from codegen.book.svg import draw_layout
from codegen.language.expressions import say_expression
from codegen.model import ir
from codegen.model.choices import Domain
from codegen.model.facts import Alternative, Event, Exit, Layout
from codegen.query.coverage import Answer, Coverage, Row
from codegen.resolve.lift import lift_expression, make_path, select_bits

# ---- basic exit reasons


LENGTHS = {
    "field": "in the VMCS field",
    "none": "no instruction to skip: `advance` does not compile",
    "decoder": "only an instruction decoder can find it: `advance` does not compile",
}
STATUS = {"handled": "good", "impossible": "off", "refused": "prefer", "hole": "bad"}


def make_exits(subject: Subject) -> Page:
    exits = sorted(subject.facts.exits.values(), key=lambda one: one.number)
    reserved = sorted(subject.facts.reserved_exits)
    words = ", ".join(map(str, reserved))
    lead = (
        f"{len(exits)} basic exit reasons"
        + (f", and {len(reserved)} numbers ({words}) that the edition reserves" if reserved else "")
        + ". The condition says when the exit can occur; a fact that is uncertain says <em>always</em>."
    )
    return Page("exits", "Exits", "Reference", tuple(make_exit(one, subject) for one in exits), lead=lead)


def make_exit(exit: Exit, subject: Subject) -> str:
    length = f"always {exit.length} bytes" if isinstance(exit.length, int) else LENGTHS[exit.length]
    sheet = definitions(
        [
            ("Condition", say_condition(exit.condition)),
            ("Instruction length", text(length)),
            ("Event", ", ".join(ref("event", one.event) for one in exit.alternatives)),
            ("Manual", cite(find_sections(exit.doc, exit.span, subject), subject)),
            ("Declared", place(exit.span)),
        ]
    )
    parts = [
        f"## {exit.number} &nbsp;`{exit.name}` {{ #{exit.name} }}",
        text(exit.doc.summary),
        sheet,
        *(show_layout(one.layout, one.word.title, exit) for one in exit.information),
        show_alternatives(exit),
        *(show_outcome(one, exit, subject) for one in subject.coverages),
    ]
    return "\n\n".join(part for part in parts if part)


def show_layout(layout: Layout, name: str, exit: Exit) -> str:
    title = tag("p", f"{name} {ref('layout', layout.name)}", class_="caption")
    listed = list_bits(layout) if any(one.values for one in layout.bits) else ""
    return title + draw_layout(layout, f"{name} of {exit.name}") + listed


def show_alternatives(exit: Exit) -> str:
    """Return the table of an exit's events, and of where each part of their payload is read from."""
    if not any(one.payload or one.where is not None for one in exit.alternatives):
        return ""
    rows = [row for one in exit.alternatives for row in list_alternative(one, exit)]
    return table(("Event", "Payload", "Comes from"), rows)


def say_source(value: ir.Expression, exit: Exit) -> str:
    """Return where a payload is read from, its bits by the names of the exit's own layouts."""
    words = say_expression(lift_expression(value))
    for one in exit.information:
        for bit in one.layout.bits:
            read = select_bits(make_path("vmcs", one.word.field), None, bit.low, bit.high)
            words = words.replace(say_expression(read), f"{one.word.name}.{bit.name}")
    return words


def list_alternative(alternative: Alternative, exit: Exit) -> list[tuple[str, str, str]]:
    where = f"<br>where {code(say_source(alternative.where, exit))}" if alternative.where is not None else ""
    name = ref("event", alternative.event) + where
    if not alternative.payload:
        return [(name, "", "")]
    first, *rest = [(code(field), code(say_source(value, exit))) for field, value in alternative.payload]
    return [(name, *first), *(("", *one) for one in rest)]


def show_outcome(coverage: Coverage, exit: Exit, subject: Subject) -> str:
    row = next((one for one in coverage.rows if one.number == exit.number), None)
    return tag("div", say_row(row, coverage, subject), class_=f"outcome {STATUS[row.status]}") if row else ""


def say_row(row: Row, coverage: Coverage, subject: Subject) -> str:
    """Return how a domain handles an exit, and why."""
    counted = subject.count_exits(row.name, coverage.domain)
    parts = [
        tag("strong", coverage.domain),
        badge(row.status, STATUS[row.status]),
        say_reasons(row),
        *(say_answer(one, coverage.domain) for one in row.answers),
        f"taken {counted} times in the recorded boot" if counted else "",
    ]
    return " ".join(
        part if index < 2 else tag("span", part, class_="clause") for index, part in enumerate(parts) if part
    )


def say_reasons(row: Row) -> str:
    return "; ".join(f"{text(one.text)} {place(one.span)}".strip() for one in row.reasons)


def say_answer(answer: Answer, domain: str) -> str:
    """Return what handles an event, as a link, and how it ends."""
    return f"{link_answer(answer, domain)} &rarr; {', '.join(map(code, answer.outcomes))}"


def link_answer(answer: Answer, domain: str) -> str:
    label = breakable(code(answer.by))
    if not answer.handled:
        return label
    page = f"{domain}-handlers.html#{answer.event}" if answer.by.startswith("on ") else f"{domain}-bitmaps.html"
    return tag("a", label, href=page)


# ---- events: what handlers are written for, from whatever exit they come


def make_events(subject: Subject) -> Page:
    events = sorted(subject.facts.events.values(), key=lambda one: one.name)
    lead = (
        f"{len(events)} events. Handlers are written for events, not for exits, so that the exits of another "
        "vendor's processors can raise the same events."
    )
    head = ("Event", "Payload", "Exits", *(one.name for one in subject.domains), "First declared")
    rows = [make_event_row(one, subject) for one in events]
    return Page("events", "Events", "Reference", (table(head, rows),), lead=lead)


def make_event_row(event: Event, subject: Subject) -> tuple[str, ...]:
    payload = "<br>".join(breakable(code(f"{name} : {type.name}")) for name, type in event.payload)
    exits = ", ".join(ref("exit", name) for name in event.exits)
    choices = [say_choice(event, one) for one in subject.domains]
    return (heading(4, breakable(code(event.name)), event.name), payload, exits, *choices, place(event.span))


def say_choice(event: Event, domain: Domain) -> str:
    """Return `trap`, `native` or nothing as the domain has it, and its handler."""
    named = [
        (word, name)
        for word, names in (("trap", domain.trapped), ("native", domain.native))
        for name in names
        if name.text == event.name
    ]
    words = [badge(word, "good" if word == "native" else "on") for word, _ in named]
    if event.name in domain.handlers:
        words.append(tag("a", breakable(code(f"on {event.name}")), href=f"{domain.name}-handlers.html#{event.name}"))
    return " ".join(words)


# ---- exit coverage: how each domain handles each exit reason


MEANINGS = {
    "handled": "it can occur; a handler or a table handles it, with one of the outcomes",
    "impossible": "facts and choices exclude it on every processor, or the SDM reserves the number",
    "refused": "it can occur only on a processor that requires a control to be 1; no domain runs there",
    "hole": "it can occur and nothing handles it: such a spec does not compile",
}


def make_coverage_page(subject: Subject) -> Page:
    key = legend([(STATUS[name], f"<strong>{name}</strong>: {words}") for name, words in MEANINGS.items()])
    parts = [part for one in subject.coverages for part in cover_domain(one, subject)]
    lead = (
        "Every basic exit reason of the SDM in every domain: what handles it and with which outcomes, or why it "
        "cannot occur."
    )
    return Page("coverage", "Exit coverage", "This hypervisor", (key, *parts), lead=lead)


def cover_domain(coverage: Coverage, subject: Subject) -> list[str]:
    counts = ", ".join(f"{coverage.count(name)} {name}" for name in MEANINGS if coverage.count(name))
    head = ("", "Exit", "Status", "Why", "Handled by", "Outcomes", "Times")
    rows = [make_coverage_row(row, coverage, subject) for row in coverage.rows]
    return [
        f"## {coverage.domain} {{ #{coverage.domain} }}",
        tag("p", f"{len(coverage.rows)} numbers: {counts}."),
        draw_strip(coverage),
        table(head, rows, "dense"),
    ]


def make_coverage_row(row: Row, coverage: Coverage, subject: Subject) -> tuple[str, ...]:
    name = ref("exit", row.name) if row.name else "reserved"
    answers = "<br>".join(link_answer(one, coverage.domain) for one in row.answers)
    ends = "<br>".join(", ".join(map(code, one.outcomes)) for one in row.answers)
    return (
        tag("span", str(row.number), id=f"{coverage.domain}-{row.number}"),
        name,
        badge(row.status, STATUS[row.status]),
        say_reasons(row),
        answers,
        ends,
        subject.count_exits(row.name, coverage.domain),
    )


def draw_strip(coverage: Coverage) -> str:
    """Draw a cell for each exit reason."""
    cells = (
        tag(
            "a",
            str(row.number),
            href=f"#{coverage.domain}-{row.number}",
            class_=STATUS[row.status],
            title=f"{row.number} {row.name or 'reserved'}: {row.status}",
        )
        for row in coverage.rows
    )
    return tag("div", "".join(cells), class_="strip")
