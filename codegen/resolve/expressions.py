"""Expressions to typed ones; None means that an error was reported."""

from __future__ import annotations

from codegen import errors
from codegen.language import syntax
from codegen.model import ir
from codegen.model.entry_checks import PREDICATES
from codegen.model.types import BOOL, SCALARS, U64, Scalar, StructType, Type, scalar_for
from codegen.resolve.names import (
    is_enumerator,
    make_allowed,
    resolve_enumerator,
    resolve_layout_bit,
    resolve_msr,
    resolve_name,
    resolve_rooted,
    resolve_struct_field,
)
from codegen.resolve.scope import LITERAL, NOTHING, Scope, fit, fit_literal

COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
SHIFTS, DIVISIONS, SUMS = ("<<", ">>"), ("/", "%"), ("+", "-", "*")


def resolve_value(expr: syntax.Expr, scope: Scope, wanted: Scalar) -> ir.Expression | None:
    """Resolve an expression that must fit into `wanted`."""
    value = resolve(expr, scope)
    return None if value is None else fit(value, wanted, expr.span, scope)


def resolve(expr: syntax.Expr, scope: Scope) -> ir.Expression | None:
    """Resolve an expression of any type."""
    match expr:
        case syntax.NumberExpr(number):
            return ir.Constant(number.value, LITERAL)
        case syntax.NameExpr(name):
            return resolve_name(name, scope)
        case syntax.MsrExpr(name):
            return resolve_msr(name, scope)
        case syntax.Member():
            return resolve_member(expr, scope)
        case syntax.BitSelect():
            return resolve_bits(expr, scope)
        case syntax.Call():
            return resolve_call(expr, scope)
        case syntax.Unary():
            return resolve_unary(expr, scope)
        case syntax.Binary():
            return resolve_binary(expr, scope)


def resolve_member(expr: syntax.Member, scope: Scope) -> ir.Expression | None:
    """Resolve `root.name` first; else a layout's bit or a struct's field of any expression."""
    if isinstance(expr.base, syntax.NameExpr):
        rooted, known = resolve_rooted(expr.base.name, expr.name, scope)
        if known:
            return rooted
    if is_enumerator(expr, scope):
        return resolve_enumerator(expr, scope)
    base = resolve(expr.base, scope)
    if base is None:
        return None
    if isinstance(base.type, StructType):
        return resolve_struct_field(base, base.type, expr.name, scope)
    return resolve_layout_bit(base, expr.name, scope)


def resolve_bits(expr: syntax.BitSelect, scope: Scope) -> ir.Expression | None:
    """Resolve `value[low..high]`."""
    base = resolve(expr.base, scope)
    if base is None:
        return None
    if isinstance(base.type, StructType) or base.type == LITERAL:
        errors.type_mismatch(scope.reporter, expr.span, "only a value of known width has bits", "of what width?")
        return None
    low, high = expr.low.value, expr.high.value
    if low > high or high >= base.type.bits:
        message = f"bits {low}..{high} are not in a value of type {base.type.name}"
        errors.out_of_range(scope.reporter, expr.span, message, f"it has bits 0..{base.type.bits - 1}")
        return None
    return ir.Bits(base, low, high, scalar_for(high - low + 1))


def resolve_call(expr: syntax.Call, scope: Scope) -> ir.Expression | None:
    """Resolve a cast, a policy, or an extern."""
    if isinstance(expr.callee, syntax.NameExpr) and expr.callee.name.text in SCALARS:
        return resolve_cast(expr, SCALARS[expr.callee.name.text], scope)
    if is_policy_call(expr):
        return resolve_policy(expr, scope)
    if isinstance(expr.callee, syntax.NameExpr) and scope.mode == "entry":
        return resolve_predicate(expr, expr.callee.name, scope)
    if isinstance(expr.callee, syntax.NameExpr):
        return resolve_extern(expr, expr.callee.name, scope)
    errors.type_mismatch(scope.reporter, expr.span, "only an extern, a policy or a cast can be called", "no function")
    return None


def resolve_cast(expr: syntax.Call, type: Scalar, scope: Scope) -> ir.Expression | None:
    """Resolve `u32(value)`."""
    if len(expr.arguments) != 1:
        message = f"a cast to {type.name} takes one value"
        errors.type_mismatch(scope.reporter, expr.span, message, f"{len(expr.arguments)} given")
        return None
    value = resolve(expr.arguments[0], scope)
    if value is None:
        return None
    if isinstance(value.type, StructType) or value.type == NOTHING:
        span = expr.arguments[0].span
        errors.type_mismatch(scope.reporter, span, f"{value.type.name} cannot be cast to {type.name}", "no number")
        return None
    if isinstance(value, ir.Constant) and value.type == LITERAL:
        return fit_literal(value, type, expr.span, scope)
    return ir.Cast(value, type)


def is_policy_call(expr: syntax.Call) -> bool:
    """Return whether it is `policy.NAME(...)`."""
    match expr.callee:
        case syntax.Member(syntax.NameExpr(root), _):
            return root.text == "policy"
    return False


def resolve_policy(expr: syntax.Call, scope: Scope) -> ir.Expression | None:
    """Resolve a question to a table of the domain."""
    assert isinstance(expr.callee, syntax.Member)
    regs = scope.structs.get("regs4")
    if scope.under:
        message = f"the policies of hypercalls and CPUID are not {scope.domain}'s: its VMM handles them"
        errors.not_valid_here(scope.reporter, expr.span, message, "write forward NAME;")
        return None
    if expr.callee.name.text == "hypercall" and scope.mode == "body":
        return ir.PolicyCall("hypercall", resolve_arguments(expr, [], "policy.hypercall", scope) or (), BOOL)
    if expr.callee.name.text != "cpuid" or regs is None or scope.mode != "body":
        errors.unknown_name(scope.reporter, expr.callee.name, "policy that can be called", ["cpuid", "hypercall"])
        return None
    wanted: list[Type] = [SCALARS["u32"], SCALARS["u32"], regs]
    arguments = resolve_arguments(expr, wanted, "policy.cpuid", scope)
    return None if arguments is None else ir.PolicyCall("cpuid", arguments, regs)


def resolve_predicate(expr: syntax.Call, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve a predicate; `allowed` is asked of a control word, the others of an address or a value."""
    if name.text not in PREDICATES:
        errors.unknown_name(scope.reporter, name, "predicate of entry checks", [*PREDICATES, *SCALARS])
        return None
    if name.text == "allowed" and len(expr.arguments) == 1 and isinstance(expr.arguments[0], syntax.NameExpr):
        return resolve_allowed(expr.arguments[0].name, scope)
    arguments = resolve_arguments(expr, [U64], name.text, scope)
    return None if arguments is None else ir.Predicate(name.text, arguments)


def resolve_allowed(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve `allowed(word)`."""
    if name.text not in scope.facts.words:
        errors.unknown_name(scope.reporter, name, "control word", scope.facts.words)
        return None
    return make_allowed(scope.facts.words[name.text], scope.facts)


def resolve_extern(expr: syntax.Call, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Resolve a call of an extern."""
    if name.text in scope.defines:
        message = f"`{name.text}` is a define: it has no value"
        errors.type_mismatch(scope.reporter, expr.span, message, "no value", "use it as a statement")
        return None
    extern = scope.externs.get(name.text)
    if extern is None:
        errors.unknown_name(scope.reporter, name, "extern", [*scope.externs, *SCALARS])
        return None
    wanted: list[Type] = [type for _, type in extern.parameters]
    arguments = resolve_arguments(expr, wanted, name.text, scope)
    return None if arguments is None else ir.ExternCall(extern, arguments, extern.returns or NOTHING)


def resolve_arguments(
    expr: syntax.Call, wanted: list[Type], name: str, scope: Scope
) -> tuple[ir.Expression, ...] | None:
    """Resolve arguments by number and type, or return None after reporting."""
    if len(expr.arguments) != len(wanted):
        message = f"`{name}` takes {len(wanted)} arguments, {len(expr.arguments)} are given"
        errors.type_mismatch(scope.reporter, expr.span, message, "this call")
        return None
    values = [resolve_argument(one, type, scope) for one, type in zip(expr.arguments, wanted, strict=True)]
    found = [value for value in values if value is not None]
    return tuple(found) if len(found) == len(values) else None


def resolve_argument(expr: syntax.Expr, wanted: Type, scope: Scope) -> ir.Expression | None:
    """Resolve one argument."""
    if isinstance(wanted, Scalar):
        return resolve_value(expr, scope, wanted)
    value = resolve(expr, scope)
    if value is not None and value.type != wanted:
        found = value.type.name if value.type == LITERAL else f"a value of type {value.type.name}"
        errors.type_mismatch(scope.reporter, expr.span, f"{found} is no {wanted.name}", f"this is {value.type.name}")
        return None
    return value


def resolve_unary(expr: syntax.Unary, scope: Scope) -> ir.Expression | None:
    """Resolve `-`, `~` and `not`."""
    if expr.operator == "not":
        operand = resolve_value(expr.operand, scope, BOOL)
        return None if operand is None else ir.UnaryOperation("not", operand, BOOL)
    operand = resolve(expr.operand, scope)
    if operand is None:
        return None
    if isinstance(operand.type, StructType) or operand.type in (BOOL, NOTHING):
        message = f"`{expr.operator}` works on numbers, not on {operand.type.name}"
        errors.type_mismatch(scope.reporter, expr.span, message, "no number")
        return None
    if isinstance(operand, ir.Constant) and operand.type == LITERAL:
        ones = (1 << U64.bits) - 1
        return ir.Constant((-operand.value if expr.operator == "-" else ~operand.value) & ones, U64)
    return ir.UnaryOperation(expr.operator, operand, operand.type)


def resolve_binary(expr: syntax.Binary, scope: Scope) -> ir.Expression | None:
    """Resolve two sides under an operator."""
    if expr.operator in ("and", "or"):
        sides = resolve_value(expr.left, scope, BOOL), resolve_value(expr.right, scope, BOOL)
        if sides[0] is None or sides[1] is None:
            return None
        return ir.Operation(expr.operator, sides[0], sides[1], BOOL)
    left, right = resolve(expr.left, scope), resolve(expr.right, scope)
    if left is None or right is None:
        return None
    if isinstance(left.type, StructType) or isinstance(right.type, StructType):
        errors.type_mismatch(scope.reporter, expr.span, f"`{expr.operator}` does not work on structs", "a struct")
        return None
    return combine(expr, left, right, scope)


def combine(
    expr: syntax.Binary, left: ir.Expression, right: ir.Expression, scope: Scope
) -> ir.Expression | None:
    """Return both sides in one type: a literal in the other side's, else the wider of the two."""
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
    """Return whether the right side is allowed: divisors and shift counts are constants, so that no body faults."""
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
    """Return two numbers as one, exactly."""
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
