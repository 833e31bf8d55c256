"""Guest state after reset: tables of facts, and what a domain makes of them."""

from __future__ import annotations

from collections.abc import Iterable

from codegen import errors
from codegen.language import syntax
from codegen.model.facts import ResetValue, StateField
from codegen.model.ir import Constant, Expression
from codegen.resolve.expressions import resolve_value
from codegen.resolve.facts import FactResolver
from codegen.resolve.scope import Scope
from codegen.source import Span


def add_reset_table(node: syntax.ResetTable, resolver: FactResolver) -> None:
    """Add a table of values after reset."""
    resolver.take_name("reset table", node.name)
    values = resolve_values(node.values, Scope(resolver.reporter, resolver.facts))
    made = tuple(ResetValue(field, value, span) for field, value, span in values if isinstance(value, Constant))
    resolver.facts.resets[node.name.text] = made


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
