"""The host block: constants, and bits that a register includes or excludes; names of bits stand for their masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codegen import errors
from codegen.language import syntax
from codegen.model.facts import StateField
from codegen.model.host import Host, HostValue
from codegen.model.ir import Constant
from codegen.resolve.declarations import of_kind
from codegen.resolve.expressions import resolve_value
from codegen.resolve.scope import LITERAL, Scope
from codegen.source import Span


def resolve_host(items: list[syntax.Item], scope: Scope) -> Host:
    """Return the host state of the one block."""
    found: list[Any] = of_kind(items, syntax.Host)
    for node, _ in found[1:]:
        errors.duplicate_rule(scope.reporter, node.span, "there is one host", found[0][0].span)
    if not found:
        return Host()
    node = found[0][0]
    values: dict[str, HostValue] = {}
    for one in node.values:
        add_value(one, values, scope)
    return Host(values, node.span)


def add_value(node: syntax.HostValue, values: dict[str, HostValue], scope: Scope) -> None:
    """Add a constant, or known bits of a register."""
    state = scope.facts.host.get(node.name.text)
    if state is None:
        errors.unknown_name(scope.reporter, node.name, "host state", scope.facts.host)
        return
    number = resolve_number(node.value, state, scope)
    if number is None:
        return
    if node.how != "=":
        check_bits(number, node.value.span, state, scope)
    whole = (1 << state.type.bits) - 1
    mask = whole if node.how == "=" else number
    made = HostValue(state, mask, 0 if node.how == "excludes" else number, node.name.span)
    known = values.get(state.name)
    if known is None:
        values[state.name] = made
    elif made.mask & known.mask:
        errors.duplicate_rule(scope.reporter, node.name.span, f"bits of `{state.name}` are declared twice", known.span)
    else:
        values[state.name] = replace(known, mask=known.mask | made.mask, value=known.value | made.value)


def check_bits(number: int, span: Span, state: StateField, scope: Scope) -> None:
    """Report bits that the register's layout does not have: the processor refuses reserved ones."""
    named = sum(bit.mask for bit in state.layout.bits) if state.layout else (1 << state.type.bits) - 1
    if number & ~named:
        message = f"bits {number & ~named:#x} of `{state.name}` have no name in its layout"
        errors.out_of_range(scope.reporter, span, message, "not all of them are named")


def resolve_number(node: syntax.Expr, state: StateField, scope: Scope) -> int | None:
    """Return a constant's value; the bits of the register's layout are names in it."""
    bits = {bit.name: Constant(bit.mask, LITERAL) for bit in state.layout.bits} if state.layout else {}
    value = resolve_value(node, replace(scope, locals=bits), state.type)
    if value is None or isinstance(value, Constant):
        return value.value if value else None
    message = f"`{state.name}` is declared before anything runs, so its value is a number"
    errors.type_mismatch(scope.reporter, node.span, message, "known only at run time")
    return None
