"""Expressions to text, with the fewest parentheses that keep their shape."""

from __future__ import annotations

from codegen import syntax

OR, AND, NOT, COMPARISON, BITOR, BITAND, SHIFT, SUM, PRODUCT, UNARY, POSTFIX = range(11)
LEVELS = {
    "or": OR, "and": AND,
    "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "|": BITOR, "^": BITOR, "&": BITAND, "<<": SHIFT, ">>": SHIFT, "+": SUM, "-": SUM,
    "*": PRODUCT, "/": PRODUCT, "%": PRODUCT,
}  # fmt: skip


def say_range(low: syntax.Number, high: syntax.Number) -> str:
    """`low`, or `low..high`."""
    return low.text if low == high else f"{low.text}..{high.text}"


def say_expression(expr: syntax.Expr, outer: int = OR) -> str:
    """The text of an expression that stands where `outer` binds: in parentheses if it binds less."""
    text = say_bare(expr)
    return f"({text})" if level_of(expr) < outer else text


def level_of(expr: syntax.Expr) -> int:
    """How strongly its outermost operator binds."""
    match expr:
        case syntax.Binary(operator):
            return LEVELS[operator]
        case syntax.Unary(operator):
            return NOT if operator == "not" else UNARY
    return POSTFIX


def say_bare(expr: syntax.Expr) -> str:
    """The text without parentheses around it."""
    match expr:
        case syntax.NumberExpr(number):
            return number.text
        case syntax.NameExpr(name):
            return name.text
        case syntax.MsrExpr(name):
            return f"msr {name.text}"
        case syntax.Member(base, name):
            return f"{say_expression(base, POSTFIX)}.{name.text}"
        case syntax.BitSelect(base, low, high):
            return f"{say_expression(base, POSTFIX)}[{say_range(low, high)}]"
        case syntax.Call(callee, arguments):
            return f"{say_expression(callee, POSTFIX)}({', '.join(say_expression(one) for one in arguments)})"
        case syntax.Unary("not", operand):
            return f"not {say_expression(operand, NOT)}"
        case syntax.Unary(operator, operand):
            return f"{operator}{say_expression(operand, UNARY)}"
        case syntax.Binary():
            return say_binary(expr)


def say_binary(expr: syntax.Binary) -> str:
    """Operators lean left; comparisons do not chain."""
    level = LEVELS[expr.operator]
    left = say_expression(expr.left, level + 1 if level == COMPARISON else level)
    return f"{left} {expr.operator} {say_expression(expr.right, level + 1)}"
