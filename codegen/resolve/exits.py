"""Exits and the events that they become."""

from __future__ import annotations

from dataclasses import replace

from codegen import errors, syntax
from codegen.model import facts as model
from codegen.model import ir
from codegen.model.types import BOOL, SCALARS, Scalar
from codegen.resolve.conditions import resolve_condition
from codegen.resolve.docs import make_doc
from codegen.resolve.expressions import LITERAL, resolve, resolve_value
from codegen.resolve.facts import FactResolver
from codegen.resolve.scope import Scope


def add_exits(node: syntax.Exits, resolver: FactResolver) -> None:
    for exit in node.exits:
        number = exit.number
        resolver.take_number("exit", number.value, number.span, f"exit reason {number.value}")
        if exit.name is not None:
            add_exit(exit, exit.name, resolver)


def add_exit(node: syntax.Exit, name: syntax.Name, resolver: FactResolver) -> None:
    facts, reporter = resolver.facts, resolver.reporter
    if name.text in facts.exits:
        errors.duplicate_name(reporter, name, "exit", facts.exits[name.text].span)
        return
    qualification = resolver.find(facts.layouts, node.qualification, "layout")
    information = resolver.find(facts.layouts, node.information, "layout")
    scope = Scope(reporter, facts, "fact", qualification=qualification, information=information, exit_name=name.text)
    arms = tuple(make_arm(arm, scope) for arm in node.arms)
    condition = resolve_condition(node.condition, facts, reporter)
    length = node.length if isinstance(node.length, str) else node.length.value
    span = name.span if isinstance(node.condition, str) else node.condition.span
    facts.exits[name.text] = model.Exit(
        node.number.value, name.text, condition, length, qualification, information, arms,
        make_doc(node.doc), name.span, span,
    )
    for arm, arm_node in zip(arms, node.arms, strict=True):
        add_event(arm, arm_node, name.text, resolver)


def make_arm(node: syntax.Arm, scope: Scope) -> model.Arm:
    payload = []
    for field in node.payload:
        value = resolve(field.value, scope)
        if value is not None:
            payload.append((field.name.text, settle(value)))
    where = resolve_value(node.where, scope, BOOL) if node.where else None
    return model.Arm(node.event.text, tuple(payload), where)


def settle(value: ir.Expression) -> ir.Expression:
    """A bare number in a payload is 64 bits wide."""
    if isinstance(value, ir.Constant) and value.type == LITERAL:
        return replace(value, type=SCALARS["u64"])
    return value


def add_event(arm: model.Arm, node: syntax.Arm, exit: str, resolver: FactResolver) -> None:
    types = tuple((name, value.type) for name, value in arm.payload if isinstance(value.type, Scalar))
    known = resolver.facts.events.get(arm.event)
    if known is None:
        resolver.facts.events[arm.event] = model.Event(arm.event, types, (exit,), node.event.span)
        return
    if known.payload != types:
        message = f"event `{arm.event}` has another payload here: {say_payload(types)} instead of {say_payload(known.payload)}"
        errors.payload_mismatch(resolver.reporter, node.event, arm.event, message, known.span)
    resolver.facts.events[arm.event] = replace(known, exits=(*known.exits, exit))


def say_payload(types: tuple[tuple[str, Scalar], ...]) -> str:
    return "{" + ", ".join(f"{name}: {type.name}" for name, type in types) + "}" if types else "nothing"
