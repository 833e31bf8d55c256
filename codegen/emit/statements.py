"""Typed bodies in C. A payload field becomes a local only where the body reads it."""

from __future__ import annotations

from codegen.emit.c import c_declare, c_number, expression, read_field, read_state, truth, write_field, write_state
from codegen.model import ir
from codegen.model.choices import Body
from codegen.model.facts import Layout
from codegen.model.types import BOOL, StructType

INDENT = "    "


def statements(items: tuple[ir.Statement, ...], depth: int = 1) -> list[str]:
    """Return statements as indented lines."""
    lines: list[str] = []
    for some in join_writes(items):
        made = [write_all(some)] if is_bit_write(some[0]) else statement(some[0])
        lines += [INDENT * depth + line for line in made]
    return lines


def join_writes(items: tuple[ir.Statement, ...]) -> list[list[ir.Statement]]:
    """Return the statements, those together that write bits of one VMCS field one after another."""
    groups: list[list[ir.Statement]] = []
    for item in items:
        last = groups[-1][-1] if groups else None
        if is_bit_write(item) and is_bit_write(last) and getattr(last, "field", 0) == getattr(item, "field", 1):
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def is_bit_write(item: ir.Statement | None) -> bool:
    """Return whether a statement writes some bits of a VMCS field, and computes them without reading that field."""
    if not isinstance(item, ir.VmcsWrite) or item.low is None:
        return False
    return read_field(item.field) not in expression(item.value)


def write_all(items: list[ir.Statement]) -> str:
    """Return one write of all bits: the field is read once."""
    assert isinstance(items[0], ir.VmcsWrite)
    field, value = items[0].field, read_field(items[0].field)
    writes = [one for one in items if isinstance(one, ir.VmcsWrite)]
    sources = {copied_from(one) for one in writes}
    if len(sources) == 1 and "" not in sources:
        masks = [name_mask(one.low or 0, one.high or 0, one.field.layout) for one in writes]
        return write_field(field, f"copy_bits({value}, {' | '.join(masks)}, {sources.pop()})")
    for one in writes:
        value = merge(value, one.value, one.low, one.high, one.field.layout)
    return write_field(field, value)


def copied_from(item: ir.VmcsWrite) -> str:
    """Return the value whose bits are copied to the same place, or nothing."""
    bits = item.value
    same = isinstance(bits, ir.Bits) and (bits.low, bits.high) == (item.low, item.high)
    return expression(bits.base) if isinstance(bits, ir.Bits) and same else ""


def statement(item: ir.Statement) -> list[str]:
    """Return the lines of one statement."""
    match item:
        case ir.LetLocal(name, value):
            return [declare(name, value)]
        case ir.GuestWrite(field, value, low, high):
            return [write_state(field, merge(read_state(field), value, low, high, field.layout))]
        case ir.VmcsWrite(field, value, low, high):
            return [write_field(field, merge(read_field(field), value, low, high, field.layout))]
        case ir.Branch():
            return branch(item)
        case ir.Evaluate(call):
            return [f"{expression(call)};"]
        case ir.LogLine(text, values):
            given = [f"(u64){expression(one)}" for one in values] + ["0"] * (2 - len(values))
            return [f'log_limited("{text}", {", ".join(given[:2])});']
        case ir.End():
            return outcome(item)


def declare(name: str, value: ir.Expression) -> str:
    """Return the declaration of a variable with its value; a bool needs no `!!`."""
    return f"{c_declare(value.type, name)} = {truth(value) if value.type == BOOL else expression(value)};"


def merge(old: str, value: ir.Expression, low: int | None, high: int | None, layout: Layout | None) -> str:
    """Return `old` with a value in bits low..high, which the layout names."""
    if low is None or high is None:
        return expression(value)
    return f"replace_bits({old}, {name_mask(low, high, layout)}, {expression(value)})"


def name_mask(low: int, high: int, layout: Layout | None) -> str:
    """Return the mask of bits low..high, by name where the layout has one."""
    names = [one.name for one in layout.bits if (one.low, one.high) == (low, high)] if layout else []
    if not layout or not names:
        return c_number(((1 << (high - low + 1)) - 1) << low)
    return f"{layout.name}_{names[0]}".upper() + ("" if low == high else "_MASK")


def without_last_return(lines: list[str]) -> list[str]:
    """Return the lines of a function's body without a `return;` before its end."""
    return lines[:-1] if lines and lines[-1].strip() == "return;" else lines


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
