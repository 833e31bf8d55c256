"""Expressions to typed ones. A literal takes the type of what it meets; None means: reported."""

from __future__ import annotations

from codegen import errors, syntax
from codegen.model import ir
from codegen.model.entry_checks import PREDICATES
from codegen.model.facts import Layout
from codegen.model.types import BOOL, SCALARS, U64, Scalar, StructType, Type, scalar_for
from codegen.resolve.entry_values import ROOTS, make_allowed, resolve_entry_member
from codegen.resolve.scope import Scope
from codegen.source import Span

COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
LITERAL = Scalar("a number", 0)
NOTHING = Scalar("nothing", 0)
SHIFTS, DIVISIONS, SUMS = ("<<", ">>"), ("/", "%"), ("+", "-", "*")


def resolve_value(expr: syntax.Expr, scope: Scope, wanted: Scalar) -> ir.Expression | None:
    """An expression that must fit into `wanted`."""
    value = resolve(expr, scope)
    return None if value is None else fit(value, wanted, expr.span, scope)


def fit(value: ir.Expression, wanted: Scalar, span: Span, scope: Scope) -> ir.Expression | None:
    """The value in the wanted type, or None after reporting."""
    found = value.type
    if isinstance(found, StructType):
        errors.type_mismatch(scope.reporter, span, f"a struct {found.name} is no {wanted.name}", f"this is {found.name}")
        return None
    if isinstance(value, ir.Constant) and found == LITERAL:
        return fit_literal(value, wanted, span, scope)
    if found == NOTHING:
        errors.type_mismatch(scope.reporter, span, "the call returns nothing", "no value")
        return None
    if (found == BOOL) != (wanted == BOOL):
        help = "compare it: ... != 0" if wanted == BOOL else f"cast it: {wanted.name}(...)"
        message = f"a value of type {found.name} is no {wanted.name}"
        errors.type_mismatch(scope.reporter, span, message, f"this is {found.name}", help)
        return None
    if found.bits > wanted.bits:
        errors.too_wide(scope.reporter, span, found.name, wanted.name)
        return None
    return value


def fit_literal(value: ir.Constant, wanted: Scalar, span: Span, scope: Scope) -> ir.Expression | None:
    """A bare number in the wanted type."""
    if value.value >> wanted.bits:
        errors.too_wide(scope.reporter, span, f"{value.value:#x}", wanted.name, number=True)
        return None
    return ir.Constant(value.value, wanted, value.name)


def resolve(expr: syntax.Expr, scope: Scope) -> ir.Expression | None:
    """An expression of whatever type."""
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


def resolve_name(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """A local, a constant, an MSR; in facts a VMCS field."""
    if name.text in scope.locals:
        return ir.Local(name.text, scope.locals[name.text])
    if name.text in scope.constants:
        value, type, _ = scope.constants[name.text]
        return ir.Constant(value, type, name.text)
    if name.text in scope.facts.msrs:
        return resolve_msr(name, scope)
    if scope.mode in ("fact", "entry") and name.text in scope.facts.vmcs:
        field = scope.facts.vmcs[name.text]
        return ir.VmcsRead(field, field.type)
    known = [*scope.locals, *scope.constants, *scope.facts.msrs, *known_roots(scope)]
    errors.unknown_name(scope.reporter, name, "value", known)
    return None


def resolve_msr(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """An MSR's number, by its name; in an entry check what it holds."""
    msr = scope.facts.msrs.get(name.text)
    if msr is None:
        errors.unknown_name(scope.reporter, name, "MSR", scope.facts.msrs)
        return None
    if scope.mode == "entry":
        return ir.MsrRead(name.text)
    return ir.Constant(msr.first, SCALARS["u32"], name.text)


def known_roots(scope: Scope) -> list[str]:
    """What a name could have meant."""
    if scope.mode == "fact":
        return ["qualification", "information", "guest", *scope.facts.vmcs]
    if scope.mode == "entry":
        return [*ROOTS, *scope.facts.vmcs, *scope.facts.words, *scope.facts.capabilities]
    return ["guest", "vmcs", "policy", scope.binder, *scope.externs, *scope.facts.words]


def resolve_member(expr: syntax.Member, scope: Scope) -> ir.Expression | None:
    """`root.name` first; else a layout's bit or a struct's field of any expression."""
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


def resolve_rooted(root: syntax.Name, name: syntax.Name, scope: Scope) -> tuple[ir.Expression | None, bool]:
    """The value, and whether `root` is a root at all; locals hide roots."""
    if root.text in scope.locals:
        return None, False
    if scope.mode == "entry":
        return resolve_entry_member(root, name, scope)
    if root.text == "guest":
        return resolve_guest(name, scope), True
    if root.text in ("qualification", "information") and scope.mode == "fact":
        return resolve_exit_layout(root, name, scope), True
    if root.text == "vmcs" and scope.mode == "body":
        return resolve_vmcs(name, scope), True
    if scope.binder and root.text == scope.binder:
        return resolve_payload(name, scope), True
    if root.text in scope.facts.words and scope.mode == "body":
        return resolve_control(root, name, scope), True
    return None, False


def resolve_guest(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """`guest.NAME`."""
    field = scope.facts.state.get(name.text)
    if field is None:
        errors.unknown_name(scope.reporter, name, "guest state", scope.facts.state)
        return None
    return ir.GuestRead(field, field.type)


def resolve_vmcs(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """`vmcs.NAME`, if it is valid in every exit."""
    field = scope.facts.vmcs.get(name.text)
    if field is None:
        errors.unknown_name(scope.reporter, name, "VMCS field", scope.facts.vmcs)
        return None
    if field.area == "readonly":
        message = f"`{name.text}` is valid only in some exits, and a body cannot know which"
        help = f"use what the event carries: {scope.binder or 'on ' + scope.event + '(e): e'}.NAME"
        errors.not_valid_here(scope.reporter, name.span, message, help)
        return None
    return ir.VmcsRead(field, field.type)


def resolve_payload(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """`e.NAME`."""
    type = scope.payload.get(name.text)
    if type is None:
        errors.unknown_name(scope.reporter, name, f"field of event `{scope.event}`", scope.payload)
        return None
    return ir.PayloadRead(name.text, type)


def resolve_control(word: syntax.Name, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """`word.NAME`: whether this processor granted it."""
    path = f"{word.text}.{name.text}"
    if path not in scope.facts.controls:
        known = [control.name for control in scope.facts.words[word.text].controls]
        errors.unknown_name(scope.reporter, name, f"control in `{word.text}`", known)
        return None
    return ir.ControlRead(path)


def resolve_exit_layout(root: syntax.Name, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """`qualification.NAME` or `information.NAME`."""
    layout = scope.qualification if root.text == "qualification" else scope.information
    source = "exit_qualification" if root.text == "qualification" else "exit_instruction_info"
    if layout is None:
        message = f"exit `{scope.exit_name}` declares no layout of its {root.text}"
        errors.not_valid_here(scope.reporter, root.span, message, f"say which: {root.text} LAYOUT")
        return None
    field = scope.facts.vmcs.get(source)
    bit = layout.find(name.text)
    if bit is None or field is None:
        errors.unknown_name(scope.reporter, name, f"bit of layout `{layout.name}`", [bit.name for bit in layout.bits])
        return None
    return ir.Bits(ir.VmcsRead(field, field.type), bit.low, bit.high, scalar_for(bit.width))


def is_enumerator(expr: syntax.Member, scope: Scope) -> bool:
    """Whether it is `layout.bit.value`."""
    base = expr.base
    return (
        isinstance(base, syntax.Member)
        and isinstance(base.base, syntax.NameExpr)
        and base.base.name.text in scope.facts.layouts
        and base.base.name.text not in scope.locals
    )


def resolve_enumerator(expr: syntax.Member, scope: Scope) -> ir.Expression | None:
    """`layout.bit.value`: a number by its name."""
    assert isinstance(expr.base, syntax.Member) and isinstance(expr.base.base, syntax.NameExpr)
    layout = scope.facts.layouts[expr.base.base.name.text]
    bit = layout.find(expr.base.name.text)
    if bit is None:
        errors.unknown_name(scope.reporter, expr.base.name, f"bit of layout `{layout.name}`", [one.name for one in layout.bits])
        return None
    values = dict(bit.values)
    if expr.name.text not in values:
        errors.unknown_name(scope.reporter, expr.name, f"value of `{layout.name}.{bit.name}`", values)
        return None
    return ir.Constant(values[expr.name.text], scalar_for(bit.width), f"{layout.name}_{bit.name}_{expr.name.text}")


def layout_of(value: ir.Expression) -> Layout | None:
    """The layout of a field or of guest state."""
    return value.field.layout if isinstance(value, ir.GuestRead | ir.VmcsRead) else None


def resolve_layout_bit(base: ir.Expression, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """A named bit of a value."""
    layout = layout_of(base)
    bit = layout.find(name.text) if layout else None
    if bit is None:
        known = [one.name for one in layout.bits] if layout else []
        kind = f"bit of layout `{layout.name}`" if layout else "field of this value"
        errors.unknown_name(scope.reporter, name, kind, known)
        return None
    return ir.Bits(base, bit.low, bit.high, scalar_for(bit.width))


def resolve_struct_field(base: ir.Expression, type: StructType, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """A field of a struct."""
    field = type.find(name.text)
    if field is None:
        errors.unknown_name(scope.reporter, name, f"field of struct `{type.name}`", [one for one, _ in type.fields])
        return None
    return ir.Field(base, name.text, field)


def resolve_bits(expr: syntax.BitSelect, scope: Scope) -> ir.Expression | None:
    """`value[low..high]`."""
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
    """A cast, a policy, or an extern."""
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
    """`u32(value)`."""
    if len(expr.arguments) != 1:
        errors.type_mismatch(scope.reporter, expr.span, f"a cast to {type.name} takes one value", f"{len(expr.arguments)} given")
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
    """Whether it is `policy.NAME(...)`."""
    callee = expr.callee
    return isinstance(callee, syntax.Member) and isinstance(callee.base, syntax.NameExpr) and callee.base.name.text == "policy"


def resolve_policy(expr: syntax.Call, scope: Scope) -> ir.Expression | None:
    """A question to a table of the domain."""
    assert isinstance(expr.callee, syntax.Member)
    regs = scope.structs.get("regs4")
    if expr.callee.name.text == "hypercall" and scope.mode == "body":
        return ir.PolicyCall("hypercall", resolve_arguments(expr, [], "policy.hypercall", scope) or (), BOOL)
    if expr.callee.name.text != "cpuid" or regs is None or scope.mode != "body":
        errors.unknown_name(scope.reporter, expr.callee.name, "policy with a question", ["cpuid", "hypercall"])
        return None
    wanted: list[Type] = [SCALARS["u32"], SCALARS["u32"], regs]
    arguments = resolve_arguments(expr, wanted, "policy.cpuid", scope)
    return None if arguments is None else ir.PolicyCall("cpuid", arguments, regs)


def resolve_predicate(expr: syntax.Call, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """A question of entry checks; `allowed` is asked of a control word, the others of an address or a value."""
    if name.text not in PREDICATES:
        errors.unknown_name(scope.reporter, name, "predicate of entry checks", [*PREDICATES, *SCALARS])
        return None
    if name.text == "allowed" and len(expr.arguments) == 1 and isinstance(expr.arguments[0], syntax.NameExpr):
        return resolve_allowed(expr.arguments[0].name, scope)
    arguments = resolve_arguments(expr, [U64], name.text, scope)
    return None if arguments is None else ir.Predicate(name.text, arguments)


def resolve_allowed(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """`allowed(word)`."""
    if name.text not in scope.facts.words:
        errors.unknown_name(scope.reporter, name, "control word", scope.facts.words)
        return None
    return make_allowed(scope.facts.words[name.text], scope.facts)


def resolve_extern(expr: syntax.Call, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """A call of an extern."""
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
    """Arguments by number and type, or None after reporting."""
    if len(expr.arguments) != len(wanted):
        message = f"`{name}` takes {len(wanted)} arguments, {len(expr.arguments)} are given"
        errors.type_mismatch(scope.reporter, expr.span, message, "this call")
        return None
    values = [resolve_argument(one, type, scope) for one, type in zip(expr.arguments, wanted, strict=True)]
    found = [value for value in values if value is not None]
    return tuple(found) if len(found) == len(values) else None


def resolve_argument(expr: syntax.Expr, wanted: Type, scope: Scope) -> ir.Expression | None:
    """One argument."""
    if isinstance(wanted, Scalar):
        return resolve_value(expr, scope, wanted)
    value = resolve(expr, scope)
    if value is not None and value.type != wanted:
        found = value.type.name if value.type == LITERAL else f"a value of type {value.type.name}"
        errors.type_mismatch(scope.reporter, expr.span, f"{found} is no {wanted.name}", f"this is {value.type.name}")
        return None
    return value


def resolve_unary(expr: syntax.Unary, scope: Scope) -> ir.Expression | None:
    """`-`, `~` and `not`."""
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
    """Two sides under an operator."""
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
        errors.out_of_range(scope.reporter, span, f"a value of {width} bits cannot be shifted by {right.value}", "too far")
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
