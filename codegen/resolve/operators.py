"""Two typed sides under an operator. Nothing in a body may fault, or mean two things."""

from __future__ import annotations

from codegen import errors, syntax
from codegen.model import ir
from codegen.model.types import BOOL, U64, Scalar
from codegen.resolve.fitting import LITERAL, fit
from codegen.resolve.scope import Scope

COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
SHIFTS, DIVISIONS, SUMS = ("<<", ">>"), ("/", "%"), ("+", "-", "*")


def combine(
    expr: syntax.Binary, left: ir.Expression, right: ir.Expression, scope: Scope
) -> ir.Expression | None:
    """Both sides in one type: a literal in the other side's, else the wider of the two."""
    assert isinstance(left.type, Scalar) and isinstance(right.type, Scalar)
    if not check_right(expr, right, left, scope):
        return None
    if left.type == right.type == LITERAL:
        return fold(expr, left, right, scope)
    if expr.operator in SHIFTS and left.type != LITERAL:
        shift = fit(right, left.type, expr.right.span, scope)
        return ir.Operation(expr.operator, left, shift, left.type) if shift else None
    if BOOL in (left.type, right.type) and expr.operator in SUMS:
        errors.type_mismatch(scope.reporter, expr.span, f"`{expr.operator}` works on numbers, not on bool", "a bool")
        return None
    type = left.type if left.type.bits >= right.type.bits else right.type
    sides = fit(left, type, expr.left.span, scope), fit(right, type, expr.right.span, scope)
    if sides[0] is None or sides[1] is None:
        return None
    return ir.Operation(expr.operator, sides[0], sides[1], BOOL if expr.operator in COMPARISONS else type)


def check_right(expr: syntax.Binary, right: ir.Expression, left: ir.Expression, scope: Scope) -> bool:
    """Divisors and shift counts are constants: nothing in a body may fault or mean two things."""
    if expr.operator not in (*SHIFTS, *DIVISIONS):
        return True
    span = expr.right.span
    assert isinstance(left.type, Scalar)
    if not isinstance(right, ir.Constant):
        message = f"the right side of `{expr.operator}` must be a constant"
        errors.type_mismatch(scope.reporter, span, message, "known only at run time")
        return False
    width = left.type.bits or U64.bits
    if expr.operator in SHIFTS and right.value >= width:
        message = f"a value of {width} bits cannot be shifted by {right.value}"
        errors.out_of_range(scope.reporter, span, message, "too far")
        return False
    if expr.operator in DIVISIONS and right.value == 0:
        errors.out_of_range(scope.reporter, span, "a division by zero", "zero")
        return False
    return True


def fold(expr: syntax.Binary, left: ir.Expression, right: ir.Expression, scope: Scope) -> ir.Expression | None:
    """Two numbers to one, exactly."""
    assert isinstance(left, ir.Constant) and isinstance(right, ir.Constant)
    a, b, operator = left.value, right.value, expr.operator
    if operator == "-" and a < b:
        errors.out_of_range(scope.reporter, expr.span, f"{a} - {b} is below zero", "no negative numbers")
        return None
    values = {
        "+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b,
        "<<": a << min(b, 64), ">>": a >> min(b, 64), "/": a // (b or 1), "%": a % (b or 1),
        "==": int(a == b), "!=": int(a != b), "<": int(a < b), "<=": int(a <= b), ">": int(a > b), ">=": int(a >= b),
    }
    return ir.Constant(values[operator], BOOL if operator in COMPARISONS else LITERAL)
