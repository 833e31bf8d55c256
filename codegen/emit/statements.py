"""Typed bodies in C. A payload field becomes a local only where the body reads it."""

from __future__ import annotations

from codegen.emit.c import c_declare, c_number, expression, truth
from codegen.emit.state import read_state, write_state
from codegen.model import ir
from codegen.model.choices import Body
from codegen.model.types import StructType

INDENT = "    "


def statements(items: tuple[ir.Statement, ...], depth: int = 1) -> list[str]:
    """Return statements as indented lines."""
    lines: list[str] = []
    for item in items:
        lines += [INDENT * depth + line for line in statement(item)]
    return lines


def statement(item: ir.Statement) -> list[str]:
    """Return the lines of one statement."""
    match item:
        case ir.LetLocal(name, value):
            return [f"{c_declare(value.type, name)} = {expression(value)};"]
        case ir.GuestWrite(field, value, low, high):
            return [write_state(field, merge(read_state(field), expression(value), low, high))]
        case ir.VmcsWrite(field, value, low, high):
            name = f"VMCS_{field.name.upper()}"
            return [f"vmwrite({name}, {merge(f'vmread({name})', expression(value), low, high)});"]
        case ir.Branch():
            return branch(item)
        case ir.Evaluate(call):
            return [f"{expression(call)};"]
        case ir.LogLine(text, values):
            given = [f"(u64){expression(one)}" for one in values] + ["0"] * (2 - len(values))
            return [f'log_line("{text}", {", ".join(given[:2])});']
        case ir.End():
            return outcome(item)


def merge(old: str, new: str, low: int | None, high: int | None) -> str:
    """Return `old` with `new` in bits low..high."""
    if low is None or high is None:
        return new
    mask = ((1 << (high - low + 1)) - 1) << low
    return f"({old} & ~{c_number(mask)}{'' if mask >> 32 else 'ull'}) | (u64)({new}) << {low}"


def branch(item: ir.Branch) -> list[str]:
    """Return `if` and `else`."""
    test = truth(item.condition)
    lines = [f"if ({test}) {{", *statements(item.then)]
    if item.otherwise:
        lines += ["} else {", *statements(item.otherwise)]
    return [*lines, "}"]


def outcome(item: ir.End) -> list[str]:
    """Return how a path ends: a call of the runtime and a return."""
    match item.kind:
        case "advance":
            return ["guest_advance(cpu);", "return;"]
        case "advance_by":
            return [f"guest_advance_by(cpu, {expression(item.value)});" if item.value else "", "return;"]
        case "resume":
            return ["guest_resume(cpu);", "return;"]
        case "inject":
            return [inject(item), "return;"]
        case "reset":
            return [f'machine_reset("{item.text}");']
        case "stop":
            return [f'panic(cpu, "{item.text}");']
        case "forward":
            assert isinstance(item.value, ir.Constant)
            return [f"exit_to_vmm(cpu, LUV_EXIT_{item.value.name.upper()});", "return;"]
        case "return":
            return [f"return {result(item.value)};"]
        case _:
            assert isinstance(item.value, ir.Constant)
            return [f"return (struct answer){{ .error = {item.value.name} }};"]


def result(value: ir.Expression | None) -> str:
    """Return a hypercall's answer: that of an extern, or a value."""
    if value is not None and isinstance(value.type, StructType):
        return expression(value)
    return f"(struct answer){{ .value = {expression(value) if value else '0'} }}"


def inject(item: ir.End) -> str:
    """Return how an event is injected, with its error code if it has one."""
    assert item.vector is not None
    vector = f"VECTOR_{item.vector.name.upper()}"
    if "error_code" in item.vector.traits:
        code = expression(item.value) if item.value else "0"
        return f"guest_inject_error(cpu, {vector}, {code});"
    return f"guest_inject(cpu, {vector});"


def payload_used(body: Body) -> set[str]:
    """Return the names of the payload that the body reads."""
    return {name for one in body.statements for name in reads(one)}


def reads(node: object) -> set[str]:
    """Return the names of the payload anywhere below a statement or an expression."""
    if isinstance(node, ir.PayloadRead):
        return {node.name}
    if isinstance(node, tuple):
        return {name for one in node for name in reads(one)}
    if hasattr(node, "__dataclass_fields__") and type(node).__module__ == ir.__name__:
        return {name for field in node.__dataclass_fields__ for name in reads(getattr(node, field))}
    return set()
