"""Values of registers: in the host block, where names of bits stand for their masks, and of a guest after reset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from codegen import errors
from codegen.language import syntax
from codegen.model.choices import Host, HostValue
from codegen.model.facts import ResetValue, StateField
from codegen.model.ir import Constant, Expression
from codegen.resolve.declarations import of_kind
from codegen.resolve.expressions import resolve_value
from codegen.resolve.facts import FactResolver
from codegen.resolve.scope import LITERAL, Scope
from codegen.source import Span, find_processor


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


# ---- guest state after reset


def add_reset_table(node: syntax.ResetTable, resolver: FactResolver) -> None:
    """Add a table of values after reset; a processor continues one of the machine."""
    processor = find_processor(node.name.span.path)
    resolver.take_name(f"reset table of {processor}" if processor else "reset table", node.name)
    values = resolve_values(node.values, Scope(resolver.reporter, resolver.facts))
    made = tuple(ResetValue(field, value, span) for field, value, span in values if isinstance(value, Constant))
    known = resolver.facts.resets.get(node.name.text, ())
    resolver.facts.resets[node.name.text] = (*known, *made) if processor else (*made, *known)


def resolve_values(
    values: Iterable[tuple[syntax.Name, syntax.Expr]], scope: Scope
) -> list[tuple[StateField, Expression, Span]]:
    """Return guest state by name with typed values, each name once."""
    made: list[tuple[StateField, Expression, Span]] = []
    places: dict[str, Span] = {}
    for name, expr in values:
        field = scope.facts.state.get(name.text)
        if name.text in places:
            errors.duplicate_name(scope.reporter, name, "reset value", places[name.text])
            continue
        places[name.text] = name.span
        if field is None:
            errors.unknown_name(scope.reporter, name, "guest state", scope.facts.state)
            continue
        value = resolve_value(expr, scope, field.type)
        if value is not None:
            made.append((field, value, name.span))
    return made


def resolve_reset(node: syntax.DomainReset, scope: Scope) -> tuple[tuple[StateField, Expression], ...]:
    """Return the values of the tables in their order, those of the domain in their place or after them."""
    known = merge_tables(node.sources, scope)
    made = {one.field.name: (one.field, one.value) for one in known.values()}
    result: dict[str, tuple[StateField, Expression]] = {**made}
    for field, value, span in resolve_values(node.values, scope):
        fact = known.get(field.name)
        if fact is not None and value == fact.value:
            message = f"`{field.name}` has this value already"
            errors.redundant(scope.reporter, span, message, fact.span, "the table says it here")
        result[field.name] = (field, value)
    return tuple(result.values())


def merge_tables(names: Iterable[syntax.Name], scope: Scope) -> dict[str, ResetValue]:
    """Return the values of several tables by name; no two may have the same one."""
    known: dict[str, ResetValue] = {}
    for name in names:
        if name.text not in scope.facts.resets:
            errors.unknown_name(scope.reporter, name, "reset table", scope.facts.resets)
        for one in scope.facts.resets.get(name.text, ()):
            if one.field.name in known:
                message = f"`{name.text}` has `{one.field.name}`, which another table has too"
                errors.duplicate_rule(scope.reporter, name.span, message, known[one.field.name].span)
            known.setdefault(one.field.name, one)
    return known
