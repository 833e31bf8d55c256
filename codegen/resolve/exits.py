"""Exits and the events that they become."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from codegen import errors
from codegen.language import syntax
from codegen.model import facts as model
from codegen.model import ir
from codegen.model.types import BOOL, SCALARS, Scalar
from codegen.resolve.declarations import check_reserved, declare, make_doc
from codegen.resolve.expressions import resolve, resolve_value
from codegen.resolve.facts import FactResolver, resolve_condition
from codegen.resolve.scope import LITERAL, Scope
from codegen.source import Span


def add_exits(node: syntax.Exits, resolver: FactResolver) -> None:
    """Add all exits of a table."""
    for exit in node.exits:
        number = exit.number
        if not resolver.check_range(number, number, 0xFFFF, "exit reason"):
            continue
        resolver.take_number("exit", number.value, number.span, f"exit reason {number.value}")
        if exit.name is None:
            resolver.facts.reserved_exits[number.value] = number.span
        else:
            add_exit(exit, exit.name, resolver)


def add_information(node: syntax.Information, resolver: FactResolver) -> None:
    """Add the words of information."""
    for one in node.words:
        resolver.find(resolver.facts.vmcs, one.field, "VMCS field")
        made = model.InformationWord(one.name.text, one.field.text, one.title.value, one.name.span)
        declare(resolver.facts.information, one.name, "word of information", made, resolver.reporter)


def find_information(node: syntax.Exit, resolver: FactResolver) -> tuple[model.Information, ...]:
    """Return the words that an exit fills, each once, with their layouts."""
    made: dict[str, model.Information] = {}
    places: dict[str, Span] = {}
    for name, layout_name in node.layouts:
        word = resolver.find(resolver.facts.information, name, "word of information")
        layout = resolver.find(resolver.facts.layouts, layout_name, "layout")
        if name.text in places:
            errors.duplicate_name(resolver.reporter, name, "layout", places[name.text])
        places[name.text] = name.span
        if word and layout:
            made[name.text] = model.Information(word, layout)
    return tuple(made.values())


def add_exit(node: syntax.Exit, name: syntax.Name, resolver: FactResolver) -> None:
    """Add one exit and its events."""
    facts, reporter = resolver.facts, resolver.reporter
    if name.text in facts.exits:
        errors.duplicate_name(reporter, name, "exit", facts.exits[name.text].span)
        return
    information = find_information(node, resolver)
    layouts = {one.word.name: one.layout for one in information}
    scope = Scope(reporter, facts, "fact", layouts=layouts, exit_name=name.text)
    alternatives = tuple(make_alternative(alternative, scope) for alternative in node.alternatives)
    condition = resolve_condition(node.condition, facts, reporter)
    length = node.length if isinstance(node.length, str) else node.length.value
    span = name.span if isinstance(node.condition, str) else node.condition.span
    facts.exits[name.text] = model.Exit(
        node.number.value, name.text, condition, length, information, alternatives,
        make_doc(node.doc), name.span, span,
    )
    check_alternatives(node, name, resolver)
    for alternative, alternative_node in zip(alternatives, node.alternatives, strict=True):
        add_event(alternative, alternative_node, name.text, resolver)


def check_alternatives(node: syntax.Exit, name: syntax.Name, resolver: FactResolver) -> None:
    """Report exits whose last event has a condition, and events that come after one without."""
    if not node.alternatives or node.alternatives[-1].where:
        span = node.alternatives[-1].event.span if node.alternatives else name.span
        errors.no_outcome(resolver.reporter, span, f"exit `{name.text}`", "an event")
    for before, alternative in pairwise(node.alternatives):
        if before.where is None:
            errors.after_outcome(resolver.reporter, alternative.event.span, before.event.span)


def make_alternative(node: syntax.Alternative, scope: Scope) -> model.Alternative:
    """Return an event with its typed payload."""
    payload = []
    places: dict[str, Span] = {}
    for field in node.payload:
        value = resolve(field.value, scope)
        check_reserved(field.name, "field", scope.reporter)
        if field.name.text in places:
            kind = f"field of event `{node.event.text}`"
            errors.duplicate_name(scope.reporter, field.name, kind, places[field.name.text])
        places[field.name.text] = field.name.span
        if value is not None:
            payload.append((field.name.text, settle(value)))
    where = resolve_value(node.where, scope, BOOL) if node.where else None
    return model.Alternative(node.event.text, tuple(payload), where)


def settle(value: ir.Expression) -> ir.Expression:
    """Return a value; a bare number in a payload gets 64 bits."""
    if isinstance(value, ir.Constant) and value.type == LITERAL:
        return replace(value, type=SCALARS["u64"])
    return value


def add_event(alternative: model.Alternative, node: syntax.Alternative, exit: str, resolver: FactResolver) -> None:
    """Add the event by name; exits that share it agree on its payload."""
    types = tuple((name, value.type) for name, value in alternative.payload if isinstance(value.type, Scalar))
    known = resolver.facts.events.get(alternative.event)
    if known is None:
        resolver.facts.events[alternative.event] = model.Event(alternative.event, types, (exit,), node.event.span)
        return
    if known.payload != types:
        found = f"{say_payload(types)} instead of {say_payload(known.payload)}"
        message = f"event `{alternative.event}` has another payload here: {found}"
        errors.payload_mismatch(resolver.reporter, node.event, alternative.event, message, known.span)
    resolver.facts.events[alternative.event] = replace(known, exits=(*known.exits, exit))


def say_payload(types: tuple[tuple[str, Scalar], ...]) -> str:
    """Return a payload's names and types."""
    return "{" + ", ".join(f"{name}: {type.name}" for name, type in types) + "}" if types else "nothing"
