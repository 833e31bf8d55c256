"""Facts to text: the VMCS, control words, layouts and exits."""

from __future__ import annotations

from collections.abc import Iterable

from codegen import syntax
from codegen.unparse.expressions import say_expression, say_range
from codegen.unparse.layout import Lines, braces, say_doc


def say_needs(needs: syntax.Expr | None) -> str:
    """` needs CONDITION`, or nothing."""
    return f" needs {say_expression(needs)}" if needs else ""


def say_bit(bit: syntax.Bit) -> Lines:
    """A bit's line, its values in braces."""
    head = f"{say_range(bit.low, bit.high)} {bit.name.text}{say_needs(bit.needs)}"
    if bit.mirrors:
        head += f" mirrors {say_expression(bit.mirrors)}"
    values = [f"{one.name.text} = {one.value.text};" for one in bit.enumerators]
    return [*say_doc(bit.doc), *([f"{head} {{ {' '.join(values)} }}"] if values else [f"{head};"])]


def say_bits(bits: Iterable[syntax.Bit]) -> Lines:
    """A line or more for each bit."""
    return [line for bit in bits for line in say_bit(bit)]


def say_manual(node: syntax.Manual) -> Lines:
    """The table of sections."""
    head = f'manual "{node.title.value}" edition "{node.edition.value}"'
    return braces(head, [f'{one.number.text} "{one.title.value}";' for one in node.sections])


def say_vmcs(node: syntax.Vmcs) -> Lines:
    """A group of fields."""
    fields = [line for field in node.fields for line in say_vmcs_field(field)]
    return braces(f"vmcs {node.area.text} {node.name.text}", fields)


def say_vmcs_field(node: syntax.VmcsField) -> Lines:
    """A field, with its bits if they are its own."""
    head = f"{node.encoding.text} {node.name.text} : {node.type.text}"
    head += f" layout {node.layout.text}" if node.layout else ""
    head += say_needs(node.needs)
    return [*say_doc(node.doc), *(braces(head, say_bits(node.bits)) if node.bits else [f"{head};"])]


def say_controls(node: syntax.Controls) -> Lines:
    """A control word."""
    head = f"controls {node.name.text} in {node.field.text} via {node.msr.text}"
    head += f" true {node.true_msr.text}" if node.true_msr else ""
    head += " allowed1" if node.allowed1_only else ""
    ranges = ", ".join(say_range(one.low, one.high) for one in node.default1)
    return braces(head + say_needs(node.needs), [*([f"default1 {ranges};"] if ranges else []), *say_bits(node.bits)])


def say_capabilities(node: syntax.Capabilities) -> Lines:
    """A capability MSR."""
    return braces(f"capabilities {node.name.text} in {node.msr.text}", say_bits(node.bits))


def say_layout(node: syntax.Layout) -> Lines:
    """A layout."""
    return braces(f"layout {node.name.text}", say_bits(node.bits))


def say_exits(node: syntax.Exits) -> Lines:
    """The basic exit reasons."""
    return braces("exits", [line for exit in node.exits for line in say_exit(exit)])


def say_exit(node: syntax.Exit) -> Lines:
    """An exit, each event on a line of its own."""
    if node.name is None:
        return [f"{node.number.text} reserved;"]
    condition = node.condition if isinstance(node.condition, str) else f"when {say_expression(node.condition)}"
    length = node.length if isinstance(node.length, str) else node.length.text
    head = f"{node.number.text} {node.name.text} {condition} length {length}"
    head += f" qualification {node.qualification.text}" if node.qualification else ""
    head += f" information {node.information.text}" if node.information else ""
    lines = [head, *(line for arm in node.arms for line in say_arm(arm))]
    return [*say_doc(node.doc), *lines[:-1], f"{lines[-1]};"]


def say_arm(node: syntax.Arm) -> Lines:
    """`=> event NAME { payload } where CONDITION`."""
    where = f" where {say_expression(node.where)}" if node.where else ""
    payload = [f"{one.name.text} = {say_expression(one.value)};" for one in node.payload]
    head = f"    => event {node.event.text}"
    return [f"{head} {{", *(f"        {line}" for line in payload), f"    }}{where}"] if payload else [head + where]
