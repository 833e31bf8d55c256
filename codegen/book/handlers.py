"""What a domain does at each event: the spec, its flow, the C made of it, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen.book.flow import draw_flow
from codegen.book.lexer import show_c
from codegen.book.markup import code, definitions, table, tag, text
from codegen.book.page import Page
from codegen.book.refs import place, ref, say_doc
from codegen.book.sources import excerpt
from codegen.book.subject import Subject
from codegen.generate.msr_switch import action_lines
from codegen.insight.words import outcomes_of
from codegen.model.choices import Action, Body, Domain, Handler


@dataclass(frozen=True)
class TableBody:
    """A body that stands in the MSR or the port table; MSR bodies may serve several registers."""

    name: str
    direction: str
    what: str
    body: Body
    action: Action


def make_handlers(domain: Domain, subject: Subject) -> Page:
    bodies = list(list_table_bodies(domain))
    lead = (
        f"{len(domain.handlers)} handlers of events, and {len(bodies)} bodies in the tables of MSRs and ports. "
        "Each path ends in one outcome. Beside an outcome stands what the way there costs at most, in instructions."
    )
    summary = ["## All at a glance { #glance }", make_summary(domain, subject)]
    parts = [make_handler(one, domain, subject) for one in domain.handlers.values()]
    tables = [make_table_body(one, subject) for one in bodies]
    return Page(
        f"{domain.name}-handlers",
        "Handlers",
        f"This hypervisor/{domain.name}",
        (*summary, "## Events { #events }", *parts, "## MSRs and ports { #tables }", *tables),
        lead=lead,
    )


def make_summary(domain: Domain, subject: Subject) -> str:
    rows = []
    for one in domain.handlers.values():
        measured = "; ".join(f"{cost.ticks}" for cost in subject.records.costs_of(one.event))
        ends = ", ".join(map(code, outcomes_of(one.body.statements)))
        rows.append(
            (
                f'<a href="#{one.event}">{code(one.event)}</a>',
                link_exits(one.event, subject),
                ends,
                str(one.body.cost),
                measured,
                count_exits(one.event, subject),
            )
        )
    head = ("Event", "From exits", "Ends", "Bound, instructions", "Measured, ticks", "Times in the recorded boot")
    return table(head, rows, "figures")


def link_exits(event: str, subject: Subject) -> str:
    known = subject.facts.events.get(event)
    return ", ".join(ref("exit", one) for one in known.exits) if known else ""


def count_exits(event: str, subject: Subject) -> str:
    """How often the exits of an event were taken."""
    known = subject.facts.events.get(event)
    counted = sum(subject.records.exits.get(one, 0) for one in known.exits) if known else 0
    return f"{counted:,}" if counted else ""


def make_handler(handler: Handler, domain: Domain, subject: Subject) -> str:
    event = subject.facts.events.get(handler.event)
    payload = ", ".join(code(f"{name} : {type.name}") for name, type in event.payload) if event else ""
    sheet = definitions(
        [
            ("From exits", link_exits(handler.event, subject)),
            ("Payload", payload),
            ("Cost", say_cost(handler.event, handler.body, subject)),
            ("Declared", place(handler.span)),
        ]
    )
    function = subject.find_function(f"{domain.name}_handlers.c", f"on_{handler.event}")
    start = f"on {handler.event}"
    return make_section(
        handler.event,
        f"`{start}`",
        say_doc(handler.doc, subject),
        sheet,
        draw_flow(start, handler.body.statements, f"What {domain.name} does {start}"),
        side_by_side(excerpt(subject, handler.span), show_c(function) if function else ""),
    )


def make_section(anchor: str, title: str, doc: str, sheet: str, drawing: str, texts: str) -> str:
    return "\n\n".join([f"### {title} {{ #{anchor} }}", tag("p", doc) if doc else "", sheet, drawing, texts])


def side_by_side(spec: str, made: str) -> str:
    """The spec beside the C."""
    left = tag("div", tag("p", "the spec", class_="caption") + spec) if spec else ""
    right = tag("div", tag("p", "the C made of it", class_="caption") + made) if made else ""
    return tag("div", left + right, class_="beside")


def say_cost(event: str, body: Body, subject: Subject) -> str:
    """The bound of the dearest path, and what recorded runs measured from guest to guest."""
    bound = f"at most {body.cost} instructions in the handler"
    measured = [
        f"{one.ticks} ticks measured ({text(one.what)}: {code(one.ends)})" for one in subject.records.costs_of(event)
    ]
    return "; ".join([bound, *measured])


def list_table_bodies(domain: Domain) -> Iterator[TableBody]:
    for way, rules in (("read", domain.msr.read), ("write", domain.msr.write)):
        for body, some in group_bodies([(rule.name, rule.action) for rule in rules]):
            yield TableBody(
                "|".join(some), way, "msr", body, next(rule.action for rule in rules if rule.action.body is body)
            )
    for way in ("read", "write"):
        for rule in domain.io.rules:
            action = rule.read if way == "read" else rule.write
            if action.body is not None:
                yield TableBody(rule.port.name, way, "port", action.body, action)


def group_bodies(rules: list[tuple[str, Action]]) -> list[tuple[Body, list[str]]]:
    """Names that share a body, by body."""
    grouped: dict[int, tuple[Body, list[str]]] = {}
    for name, action in rules:
        if action.body is not None:
            names = grouped.setdefault(id(action.body), (action.body, []))[1]
            names += [] if name in names else [name]
    return list(grouped.values())


def make_table_body(one: TableBody, subject: Subject) -> str:
    names = one.name.split("|")
    members = ", ".join(ref(one.what, name) for name in names)
    title = f"{one.direction.capitalize()} of `{names[0]}`" + (" and others of its kind" if len(names) > 1 else "")
    event = f"{names[0]} {one.direction}"
    sheet = definitions(
        [
            ("For", members),
            ("Cost", say_cost(event, one.body, subject)),
            ("Declared", place(one.action.span)),
        ]
    )
    others = "".join(tag("span", id=f"{name}-{one.direction}") for name in names[1:])
    made = show_c("\n".join(action_lines(one.action, one.direction)) + "\n")
    return others + make_section(
        f"{names[0]}-{one.direction}",
        title,
        "",
        sheet,
        draw_flow(event, one.body.statements, event),
        side_by_side(excerpt(subject, one.action.span), made),
    )
