"""Bodies that stand in a domain's tables of MSRs and ports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen.book.access import action_for
from codegen.book.costs import say_cost
from codegen.book.flow import draw_flow
from codegen.book.handlers import make_section, side_by_side
from codegen.book.lexer import show_c
from codegen.book.markup import definitions
from codegen.book.records import Cost
from codegen.book.refs import place, ref
from codegen.book.sources import excerpt
from codegen.book.subject import Subject
from codegen.emit.policies import action_lines
from codegen.model.choices import Action, Body, Domain


@dataclass(frozen=True)
class TableBody:
    """A body, the rules that have it, by name, and the direction; `kind`: msr or port."""

    names: tuple[str, ...]
    direction: str
    kind: str
    body: Body
    action: Action


def list_table_bodies(domain: Domain) -> list[TableBody]:
    """MSRs before ports, reading before writing."""
    return [body for list_some in (list_msr_bodies, list_port_bodies) for way in ("read", "write")
            for body in list_some(domain, way)]  # fmt: skip


def list_msr_bodies(domain: Domain, way: str) -> Iterator[TableBody]:
    """A body of each kind; rules may share it."""
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
    """What was measured of the registers or the port that the body serves."""
    return [cost for cost in subject.records.costs if serves(one, cost.event, domain, subject)]


def serves(one: TableBody, event: str, domain: Domain, subject: Subject) -> bool:
    """Whether `NAME read` or `NAME write` comes to a body."""
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
