"""The page of a domain's handlers: the spec, its flow, the C made from it, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen.book.flow import draw_flow, find_bound
from codegen.book.lexer import show_c
from codegen.book.markup import Page, code, definitions, link, paragraph, table, tag, text
from codegen.book.msrs import action_for
from codegen.book.refs import excerpt, place, ref, say_doc
from codegen.book.subject import Cost, Subject
from codegen.emit.policies import action_lines
from codegen.model.choices import Action, Body, Domain, Handler
from codegen.query.words import outcomes_of

# ---- costs: the bound that the compiler computes, and what recorded runs measured


def say_cost(body: Body, costs: list[Cost]) -> str:
    """Return the bound of the most expensive path, then each measured figure."""
    bound = f"at most {find_bound(body.statements)} instructions in the handler, with the declared cost of its externs"
    return "<br>".join([bound, *map(say_figure, costs)])


def say_figure(cost: Cost) -> str:
    return f"<strong>{cost.ticks:,} ticks</strong> measured: {text(cost.what)}, outcome {code(cost.ends)}"


def say_origin(subject: Subject) -> str:
    """Return which commands recorded the figures, and that the spec has changed since, if it has."""
    if not subject.records.commands:
        return ""
    commands = ", ".join(map(code, subject.records.commands))
    words = (
        f"Measured by {commands} in Bochs with one CPU, where a tick is an instruction: from one guest "
        "instruction to the next, including the VM exit and the VM entry."
    )
    changed = " The spec has changed since." if subject.outdated else ""
    return paragraph(words + changed)


def make_costs(subject: Subject) -> list[str]:
    """Return a table of every measured exit, the cheapest first."""
    if not subject.records.costs:
        return []
    rows = [
        (f"{one.ticks:,}", code(one.event), text(one.what), code(one.ends))
        for one in sorted(subject.records.costs, key=lambda one: one.ticks)
    ]
    head = ("Ticks", "Event or rule", "What was executed", "Outcome")
    return ["## Measured { #measured }", say_origin(subject), table(head, rows, "figures")]


# ---- handlers of events


def make_summary(domain: Domain, subject: Subject) -> str:
    """Return a table with a row for each handler."""
    head = ("Event", "From exits", "Outcomes", "Bound, instructions", "Measured, ticks", "Times in the recorded boot")
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
    """Return how often the recorded boot took the exits of an event."""
    known = subject.facts.events.get(event)
    counted = sum(subject.records.exits.get(one, 0) for one in known.exits) if known and domain in subject.hosts else 0
    return f"{counted:,}" if counted else ""


def costs_of(event: str, domain: Domain, subject: Subject) -> list[Cost]:
    """Return what was measured for an event, in the domain it was measured in."""
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
    file = f"{subject.facts.processor}/{domain.name}_handlers.c"
    exits = [one for one in subject.facts.exits.values() if handler.event in {arm.event for arm in one.alternatives}]
    in_place = (subject.find_function(file, f"{domain.name}_exit_{one.name}") for one in exits)
    function = subject.find_function(file, f"on_{handler.event}") or "\n".join(filter(None, in_place))
    start = f"on {handler.event}"
    drawing = draw_flow(start, handler.body.statements, f"What {domain.name} does {start}")
    texts = side_by_side(excerpt(subject, handler.span), show_c(function) if function else "")
    return make_section(handler.event, f"`{start}`", say_doc(handler.doc, subject), sheet, drawing, texts)


def make_section(anchor: str, title: str, doc: str, sheet: str, drawing: str, texts: str) -> str:
    return "\n\n".join([f"### {title} {{ #{anchor} }}", paragraph(doc), sheet, drawing, texts])


def side_by_side(spec: str, made: str) -> str:
    """Return the spec beside the C."""
    left = tag("div", tag("p", "the spec", class_="caption") + spec) if spec else ""
    right = tag("div", tag("p", "the C made from it", class_="caption") + made) if made else ""
    return tag("div", left + right, class_="beside")


# ---- bodies in the tables of MSRs and ports


@dataclass(frozen=True)
class TableBody:
    """A body, the names of the rules that share it, and its direction; `kind`: msr or port."""

    names: tuple[str, ...]
    direction: str
    kind: str
    body: Body
    action: Action


def list_table_bodies(domain: Domain) -> list[TableBody]:
    """Return all bodies: MSRs before ports, reads before writes."""
    return [body for list_some in (list_msr_bodies, list_port_bodies) for way in ("read", "write")
            for body in list_some(domain, way)]  # fmt: skip


def list_msr_bodies(domain: Domain, way: str) -> Iterator[TableBody]:
    """Yield each body of the MSR table once; rules may share it."""
    rules = domain.msr.read if way == "read" else domain.msr.write
    bodies = {id(one.action.body): one.action for one in rules if one.action.kind == "do"}
    for action in bodies.values():
        names = dict.fromkeys(one.name for one in rules if one.action.body is action.body)
        if action.body is not None:
            yield TableBody(tuple(names), way, "msr", action.body, action)


def list_port_bodies(domain: Domain, way: str) -> Iterator[TableBody]:
    for rule in domain.io.rules:
        action = rule.read if way == "read" else rule.write
        if action.body is not None:
            yield TableBody((rule.port.name,), way, "port", action.body, action)


def find_costs(one: TableBody, domain: Domain, subject: Subject) -> list[Cost]:
    """Return what was measured for the registers or the port that the body serves."""
    return [cost for cost in subject.records.costs if serves(one, cost.event, domain, subject)]


def serves(one: TableBody, event: str, domain: Domain, subject: Subject) -> bool:
    """Return true if the body handles `NAME read` or `NAME write`."""
    name, _, way = event.partition(" ")
    if way != one.direction:
        return False
    msr = subject.facts.msrs.get(name)
    if msr is not None and one.kind == "msr":
        return action_for(domain, way, msr.first).body is one.body
    return name in one.names


def make_table_body(one: TableBody, domain: Domain, subject: Subject) -> str:
    first = one.names[0]
    title = f"{one.direction.capitalize()} of `{first}`" + (" and others of its kind" if len(one.names) > 1 else "")
    event = f"{first} {one.direction}"
    sheet = definitions([
        ("For", ", ".join(ref(one.kind, name) for name in one.names)),
        ("Cost", say_cost(one.body, find_costs(one, domain, subject))),
        ("Declared", place(one.action.span)),
    ])  # fmt: skip
    made = show_c("\n".join(action_lines(one.action, one.direction)) + "\n")
    drawing = draw_flow(event, one.body.statements, event)
    texts = side_by_side(excerpt(subject, one.action.span), made)
    return make_section(f"{first}-{one.direction}", title, "", sheet, drawing, texts)


# ---- the page


def make_behaviour(domain: Domain, subject: Subject) -> Page:
    bodies = list_table_bodies(domain)
    lead = (
        f"{len(domain.handlers)} handlers of events, and {len(bodies)} bodies in the tables of MSRs and ports. "
        "Each path has one outcome. The number beside it is the most that the path costs, in instructions."
    )
    parts = [
        "## All at a glance { #glance }", make_summary(domain, subject), *make_costs(subject),
        "## Events { #events }", *(make_handler(one, domain, subject) for one in domain.handlers.values()),
        "## MSRs and ports { #tables }", *(make_table_body(one, domain, subject) for one in bodies),
    ]  # fmt: skip
    return Page(f"{domain.name}-handlers", "Handlers", f"This hypervisor/{domain.name}", tuple(parts), lead=lead)
