"""What a domain does at each event: the spec, its flow, the C made of it, and what it costs."""

from __future__ import annotations

from codegen.book.costs import say_cost
from codegen.book.flow import draw_flow, find_bound
from codegen.book.lexer import show_c
from codegen.book.markup import code, definitions, link, paragraph, table, tag
from codegen.book.records import Cost
from codegen.book.refs import place, ref, say_doc
from codegen.book.sources import excerpt
from codegen.book.subject import Subject
from codegen.insight.words import outcomes_of
from codegen.model.choices import Domain, Handler


def make_summary(domain: Domain, subject: Subject) -> str:
    """A line for each handler."""
    head = ("Event", "From exits", "Ends", "Bound, instructions", "Measured, ticks", "Times in the recorded boot")
    return table(head, [make_line(one, domain, subject) for one in domain.handlers.values()], "figures")


def make_line(handler: Handler, domain: Domain, subject: Subject) -> tuple[str, ...]:
    event = handler.event
    measured = ", ".join(f"{cost.ticks:,}" for cost in costs_of(event, domain, subject))
    ends = ", ".join(map(code, outcomes_of(handler.body.statements)))
    bound = str(find_bound(handler.body.statements))
    return (
        link(f"#{event}", code(event)),
        link_exits(event, subject),
        ends,
        bound,
        measured,
        count_exits(event, domain, subject),
    )


def link_exits(event: str, subject: Subject) -> str:
    known = subject.facts.events.get(event)
    return ", ".join(ref("exit", one) for one in known.exits) if known else ""


def count_exits(event: str, domain: Domain, subject: Subject) -> str:
    """How often the exits of an event were taken."""
    known = subject.facts.events.get(event)
    counted = sum(subject.records.exits.get(one, 0) for one in known.exits) if known and domain in subject.hosts else 0
    return f"{counted:,}" if counted else ""


def costs_of(event: str, domain: Domain, subject: Subject) -> list[Cost]:
    """What was measured, in the domain that it was measured in."""
    return subject.records.costs_of(event) if domain in subject.hosts else []


def make_handler(handler: Handler, domain: Domain, subject: Subject) -> str:
    event = subject.facts.events.get(handler.event)
    payload = ", ".join(code(f"{name} : {type.name}") for name, type in event.payload) if event else ""
    sheet = definitions([
        ("From exits", link_exits(handler.event, subject)),
        ("Payload", payload),
        ("Cost", say_cost(handler.body, costs_of(handler.event, domain, subject))),
        ("Declared", place(handler.span)),
    ])  # fmt: skip
    function = subject.find_function(f"{domain.name}_handlers.c", f"on_{handler.event}")
    start = f"on {handler.event}"
    drawing = draw_flow(start, handler.body.statements, f"What {domain.name} does {start}")
    texts = side_by_side(excerpt(subject, handler.span), show_c(function) if function else "")
    return make_section(handler.event, f"`{start}`", say_doc(handler.doc, subject), sheet, drawing, texts)


def make_section(anchor: str, title: str, doc: str, sheet: str, drawing: str, texts: str) -> str:
    return "\n\n".join([f"### {title} {{ #{anchor} }}", paragraph(doc), sheet, drawing, texts])


def side_by_side(spec: str, made: str) -> str:
    """The spec beside the C."""
    left = tag("div", tag("p", "the spec", class_="caption") + spec) if spec else ""
    right = tag("div", tag("p", "the C made of it", class_="caption") + made) if made else ""
    return tag("div", left + right, class_="beside")
