"""Shared statements: what `define` names, and the scope in which a use of it is resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

from codegen import errors
from codegen.diagnostics import Reporter, UseReporter
from codegen.language import syntax
from codegen.model import ir
from codegen.model.facts import Layout
from codegen.model.types import SCALARS, U64, Scalar
from codegen.resolve.expressions import resolve_value
from codegen.resolve.scope import LITERAL, Scope, fit_literal


def find_define(call: syntax.Expr, scope: Scope) -> syntax.Define | None:
    """Return what a call statement uses, if that is a define."""
    match call:
        case syntax.Call(syntax.NameExpr(name)):
            return scope.defines.get(name.text)
    return None


def find_type(name: syntax.Name | None, scope: Scope) -> tuple[Scalar | None, Layout | None]:
    """Return the number's type, or the layout, that a local or a parameter is declared with."""
    if name is None:
        return None, None
    layout = scope.facts.layouts.get(name.text)
    if layout is None and name.text not in SCALARS:
        errors.unknown_name(scope.reporter, name, "type or layout", [*SCALARS, *scope.facts.layouts])
    return SCALARS.get(name.text), layout


def check_layout(layout: Layout | None, value: ir.Expression, node: syntax.Expr, scope: Scope) -> None:
    """Report a layout with bits that the value does not have."""
    highest = max((bit.high for bit in layout.bits), default=0) if layout else 0
    if layout and isinstance(value.type, Scalar) and highest >= value.type.bits:
        message = f"layout `{layout.name}` has bit {highest}, a value of type {value.type.name} does not"
        errors.type_mismatch(scope.reporter, node.span, message, f"this is {value.type.name}")


def enter_define(
    node: syntax.CallStatement, define: syntax.Define, scope: Scope
) -> tuple[list[ir.Statement], Scope] | None:
    """Return statements that name the arguments, and the scope of the shared statements; None after reporting."""
    scope.uses.add(define.name.text)
    assert isinstance(node.call, syntax.Call)
    if define.name.text in scope.inlining:
        errors.not_valid_here(scope.reporter, node.span, f"`{define.name.text}` uses itself", "nothing repeats")
        return None
    given = node.call.arguments
    if len(given) != len(define.parameters):
        message = f"`{define.name.text}` takes {len(define.parameters)} arguments, {len(given)} are given"
        errors.type_mismatch(scope.reporter, node.span, message, "this use")
        return None
    reporter = UseReporter(scope.reporter, node.span, define.name.text)
    inlining = (*scope.inlining, define.name.text)
    inner = replace(scope, reporter=reporter, binder="", payload={}, locals={}, places={}, inlining=inlining)
    lets: list[ir.Statement] = []
    for parameter, argument in zip(define.parameters, given, strict=True):
        inner = bind(parameter, argument, lets, inner, scope)
    return lets, inner


def bind(
    parameter: syntax.Parameter, argument: syntax.Expr, lets: list[ir.Statement], inner: Scope, scope: Scope
) -> Scope:
    """Return the scope in which a parameter is its argument: the same local, or one that gets its value."""
    type, layout = find_type(parameter.type, inner)
    value = resolve_value(argument, scope, type or U64)
    if value is None or (type is None and layout is None):
        return inner.with_local(parameter.name, ir.Local(parameter.name.text, type or U64, layout))
    check_layout(layout, value, argument, scope)
    if isinstance(value, ir.Local) and (layout is None or value.layout == layout):
        return inner.with_local(parameter.name, value)
    local = ir.Local(inner.free_name(parameter.name.text), value.type, layout)
    lets.append(ir.LetLocal(local.name, value, parameter.name.span, layout))
    return inner.with_local(parameter.name, local)


def settle_literal(value: ir.Expression | None, node: syntax.Expr, scope: Scope) -> ir.Expression | None:
    """Return a value with a type: a bare number gets 64 bits."""
    if isinstance(value, ir.Constant) and value.type == LITERAL:
        return fit_literal(value, U64, node.span, scope)
    return value


def check_defines(defines: dict[str, syntax.Define], uses: set[str], reporter: Reporter) -> None:
    """Report shared statements that no body uses, and parameters that they do not read."""
    for name, define in defines.items():
        if name not in uses:
            errors.unused_define(reporter, define.name)
        read = set(find_names(define.body))
        for parameter in define.parameters:
            if parameter.name.text not in read:
                errors.unused_local(reporter, parameter.name.span, parameter.name.text, "parameter")


def find_names(node: object) -> Iterator[str]:
    """Yield the names that expressions read anywhere below a node."""
    if isinstance(node, syntax.NameExpr):
        yield node.name.text
    elif isinstance(node, tuple):
        for one in node:
            yield from find_names(one)
    elif is_dataclass(node) and not isinstance(node, type):
        for field in fields(node):
            yield from find_names(getattr(node, field.name))
