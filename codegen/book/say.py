"""Typed expressions and statements in the spec's words, for tables and diagrams."""

from __future__ import annotations

from codegen.model import ir
from codegen.model.facts import Layout


def say(value: ir.Expression, inside: bool = False) -> str:
    """An expression; `inside` another it stands in parentheses if it has an operator."""
    match value:
        case ir.Constant(number, _, name):
            return name or (str(number) if number < 10 else f"{number:#x}")
        case ir.Local(name) | ir.PayloadRead(name):
            return name
        case ir.GuestRead(field):
            return f"guest.{field.name}"
        case ir.VmcsRead(field):
            return f"vmcs.{field.name}"
        case ir.ControlRead(control):
            return control
        case ir.Bits():
            return say_bits(value)
        case ir.Cast(operand):
            return say(operand, inside)
        case ir.Field(base, name):
            return f"{say(base, True)}.{name}"
    return say_compound(value, inside)


def say_compound(value: ir.Expression, inside: bool) -> str:
    match value:
        case ir.UnaryOperation(operator, operand):
            return f"{operator}{' ' if operator.isalpha() else ''}{say(operand, True)}"
        case ir.Operation(operator, left, right):
            words = f"{say(left, True)} {operator} {say(right, True)}"
            return f"({words})" if inside else words
        case ir.ExternCall(extern, arguments):
            return f"{extern.name}({say_list(arguments)})"
        case ir.PolicyCall(policy, arguments):
            return f"policy.{policy}({say_list(arguments)})"
        case ir.MsrRead(msr):
            return f"msr {msr}"
        case ir.FeatureRead(feature):
            return f"feature {feature.name}"
        case ir.Predicate(name, arguments):
            return f"{name}({say_list(arguments)})"
    raise AssertionError(type(value))


def say_list(values: tuple[ir.Expression, ...]) -> str:
    return ", ".join(say(one) for one in values)


def say_bits(value: ir.Bits) -> str:
    """Bits by the name that their layout has for them, else by number."""
    layout = value.base.field.layout if isinstance(value.base, ir.GuestRead | ir.VmcsRead) else None
    return say(value.base, True) + say_part(layout, value.low, value.high)


def say_range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}..{high}"


def say_statement(one: ir.Statement) -> str:
    """A statement that is neither a branch nor an end, without its semicolon."""
    match one:
        case ir.LetLocal(name, value):
            return f"let {name} = {say(value)}"
        case ir.GuestWrite(state, value, low, high):
            return f"guest.{state.name}{say_part(state.layout, low, high)} = {say(value)}"
        case ir.VmcsWrite(field, value, low, high):
            return f"vmcs.{field.name}{say_part(field.layout, low, high)} = {say(value)}"
        case ir.Evaluate(call):
            return say(call)
        case ir.LogLine(words, values):
            return f'log "{words}"' + "".join(f", {say(value)}" for value in values)
    return type(one).__name__


def say_part(layout: Layout | None, low: int | None, high: int | None) -> str:
    """Which bits: by the name that the layout has for them, else by number; nothing for the whole."""
    if low is None or high is None:
        return ""
    names = [bit.name for bit in layout.bits if (bit.low, bit.high) == (low, high)] if layout else []
    return f".{names[0]}" if names else f"[{say_range(low, high)}]"


def say_end(end: ir.End) -> str:
    """An outcome."""
    match end.kind:
        case "advance_by":
            return f"advance by {say(end.value)}" if end.value else "advance"
        case "inject" if end.vector is not None:
            return f"inject {end.vector.name}" + (f"({say(end.value)})" if end.value else "")
        case "return" | "fail":
            return f"{end.kind} {say(end.value)}" if end.value else end.kind
        case "forward":
            return f"forward {say(end.value)}" if end.value else end.kind
        case "stop" | "reset":
            return f'{end.kind} "{end.text}"'
    return end.kind
