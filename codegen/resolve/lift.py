"""From the model back to syntax, for the printer of the language: bodies and conditions as a spec would have them.

An enumerator keeps the name that it has in C; all else resolves to the same model again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from codegen.language import syntax
from codegen.model import ir
from codegen.model.facts import Layout
from codegen.source import NOWHERE, Name


def make_path(*names: str) -> syntax.Expr:
    """Return `a.b.c`."""
    first: syntax.Expr = syntax.NameExpr(Name(names[0], NOWHERE), NOWHERE)
    return reduce(lambda base, name: syntax.Member(base, Name(name, NOWHERE), NOWHERE), names[1:], first)


def make_number(value: int) -> syntax.Number:
    """Return a number, small ones in decimal."""
    return syntax.Number(value, NOWHERE, str(value) if value < 10 else f"{value:#x}")


def lift_expression(value: ir.Expression, binder: str = "e") -> syntax.Expr:
    """Return the syntax of an expression; `binder` names the event's payload."""
    match value:
        case ir.Constant(number, _, name):
            return make_path(name) if name else syntax.NumberExpr(make_number(number), NOWHERE)
        case ir.Local(name):
            return make_path(name)
        case ir.PayloadRead(name):
            return make_path(binder, name)
        case ir.GuestRead(state):
            return make_path("guest", state.name)
        case ir.VmcsRead(field):
            return make_path("vmcs", field.name)
        case ir.ControlRead(control):
            return make_path(*control.split("."))
        case ir.Bits(base, low, high):
            return select_bits(lift_expression(base, binder), ir.layout_of(base), low, high)
        case ir.Field(base, name):
            return syntax.Member(lift_expression(base, binder), Name(name, NOWHERE), NOWHERE)
        case ir.UnaryOperation(operator, operand):
            return syntax.Unary(operator, lift_expression(operand, binder), NOWHERE)
        case ir.Operation(operator, left, right):
            return syntax.Binary(operator, lift_expression(left, binder), lift_expression(right, binder), NOWHERE)
        case ir.MsrRead(msr):
            return syntax.MsrExpr(Name(msr, NOWHERE), NOWHERE)
        case ir.FeatureRead(feature):
            return make_path("cpuid", feature.name)
        case _:
            return lift_call(value, binder)


def lift_call(value: ir.Cast | ir.ExternCall | ir.PolicyCall | ir.Predicate, binder: str) -> syntax.Expr:
    """Return what is written as a call."""
    match value:
        case ir.Cast():
            callee = make_path(value.type.name)
        case ir.ExternCall():
            callee = make_path(value.extern.name)
        case ir.PolicyCall():
            callee = make_path("policy", value.policy)
        case ir.Predicate():
            callee = make_path(value.name)
    arguments = (value.operand,) if isinstance(value, ir.Cast) else value.arguments
    return syntax.Call(callee, tuple(lift_expression(one, binder) for one in arguments), NOWHERE)


def select_bits(base: syntax.Expr, layout: Layout | None, low: int | None, high: int | None) -> syntax.Expr:
    """Return bits by the name that the layout has for them, else by number; the whole where there are none."""
    if low is None or high is None:
        return base
    for bit in layout.bits if layout else ():
        if (bit.low, bit.high) == (low, high):
            return syntax.Member(base, Name(bit.name, NOWHERE), NOWHERE)
    first, last = (syntax.Number(one, NOWHERE, str(one)) for one in (low, high))
    return syntax.BitSelect(base, first, last, NOWHERE)


def lift_block(statements: tuple[ir.Statement, ...], binder: str = "e") -> syntax.Block:
    """Return statements between braces."""
    return syntax.Block(tuple(lift_statement(one, binder) for one in statements), NOWHERE)


def lift_statement(statement: ir.Statement, binder: str = "e") -> syntax.Statement:
    """Return the syntax of a statement."""
    match statement:
        case ir.LetLocal(name, value, _, layout):
            type = Name(layout.name, NOWHERE) if layout and layout != ir.layout_of(value) else None
            return syntax.Let(Name(name, NOWHERE), type, lift_expression(value, binder), NOWHERE)
        case ir.GuestWrite(field, value, low, high) | ir.VmcsWrite(field, value, low, high):
            root = "guest" if isinstance(statement, ir.GuestWrite) else "vmcs"
            target = select_bits(make_path(root, field.name), field.layout, low, high)
            return syntax.Assign(target, lift_expression(value, binder), NOWHERE)
        case ir.Branch(condition, then, otherwise):
            other = lift_block(otherwise, binder) if otherwise else None
            return syntax.If(lift_expression(condition, binder), lift_block(then, binder), other, NOWHERE)
        case ir.Evaluate(call):
            return syntax.CallStatement(lift_expression(call, binder), NOWHERE)
        case ir.LogLine(text, values):
            given = tuple(lift_expression(one, binder) for one in values)
            return syntax.Log(syntax.Text(text, NOWHERE), given, NOWHERE)
        case ir.End():
            return lift_end(statement, binder)


def lift_end(end: ir.End, binder: str = "e") -> syntax.Statement:
    """Return the syntax of an outcome, or of a hypercall's end."""
    named = Name(end.value.name, NOWHERE) if isinstance(end.value, ir.Constant) else None
    value = lift_expression(end.value, binder) if end.value else None
    if end.kind == "fail" and named:
        return syntax.Fail(named, NOWHERE)
    if end.kind == "return" and value:
        return syntax.Return(value, NOWHERE)
    if end.kind == "forward":
        return syntax.Outcome(end.kind, NOWHERE, forward=named)
    vector = Name(end.vector.name, NOWHERE) if end.vector else None
    return syntax.Outcome(end.kind, NOWHERE, value, vector, syntax.Text(end.text, NOWHERE) if end.text else None)


def lift_condition(condition: ir.Condition) -> syntax.Expr:
    """Return the syntax of a condition; in `and` and `or` what decides nothing is left out."""
    match condition:
        case ir.Always(value):
            return make_path("always" if value else "never")
        case ir.ControlAtom(name) | ir.TableAtom(name):
            return make_path(*name.split("."))
        case ir.FeatureAtom(name):
            return make_path("cpuid", name)
        case ir.MsrAtom(msr):
            return syntax.MsrExpr(Name(msr, NOWHERE), NOWHERE)
        case ir.NotCondition(operand):
            return syntax.Unary("not", lift_condition(operand), NOWHERE)
        case ir.AndCondition() | ir.OrCondition():
            operator = "and" if isinstance(condition, ir.AndCondition) else "or"
            neutral = make_path("always" if operator == "and" else "never")
            parts = [lift_condition(one) for one in flatten(condition)] or [neutral]
            return reduce(lambda left, right: syntax.Binary(operator, left, right, NOWHERE), parts)


def flatten(condition: ir.AndCondition | ir.OrCondition) -> Iterator[ir.Condition]:
    """Yield the operands under one operator, those of a nested `and` in `and` too, without the neutral ones."""
    for one in condition.operands:
        if isinstance(one, type(condition)):
            yield from flatten(one)
        elif one != ir.Always(isinstance(condition, ir.AndCondition)):
            yield one
