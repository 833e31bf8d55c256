"""Facts to text: guest state, MSRs, CPUID, vectors, ports."""

from __future__ import annotations

from codegen import syntax
from codegen.build_syntax.tables import EVERY_SUBLEAF
from codegen.unparse.expressions import say_range
from codegen.unparse.facts import say_bits
from codegen.unparse.layout import Lines, braces, say_doc


def say_state(node: syntax.State) -> Lines:
    """A table of guest state."""
    return braces(f"state {node.name.text}", [line for field in node.fields for line in say_state_field(field)])


def say_state_field(node: syntax.StateField) -> Lines:
    """A neutral name and where its value lives."""
    text = node.name.text + (f" : {node.type.text}" if node.type else "")
    if node.register:
        text += f" register {node.register.text}"
    elif node.field:
        text += f" = {node.field.text}" + (f" index {node.index.text}" if node.index else "")
    else:
        text += " software"
    return [*say_doc(node.doc), text + (f" layout {node.layout.text};" if node.layout else ";")]


def say_msrs(node: syntax.Msrs) -> Lines:
    """Classes first."""
    classes = [f'class {one.name.text} "{one.title.value}";' for one in node.classes]
    return braces("msrs", [*classes, *(line for msr in node.msrs for line in say_msr(msr))])


def say_msr(node: syntax.Msr) -> Lines:
    """An MSR and what is special about it."""
    text = f"{say_range(node.first, node.last)} {node.name.text} : {node.group.text}"
    text += f' guarded "{node.guarded.value}"' if node.guarded else ""
    return [*say_doc(node.doc), f"{text}{say_switched(node.switched)};"]


def say_switched(node: syntax.Switched | None) -> str:
    """` switched GUEST HOST save CONTROL load CONTROL`, or nothing."""
    if node is None:
        return ""
    names = [node.guest, *([node.host] if node.host else [])]
    parts = [f"{how} {'.'.join(name.text for name in reference.names)}" for how, reference in node.parts]
    return " ".join([" switched", *(name.text for name in names), *parts])


def say_cpuid(node: syntax.Cpuid) -> Lines:
    """A leaf's registers."""
    head = f"cpuid {say_range(node.first, node.last)}{say_subleaves(node.subleaves)}"
    return braces(head, [line for register in node.registers for line in say_register(register)])


def say_subleaves(subleaves: tuple[int, int] | None) -> str:
    """Nothing, `.*`, `.n` or `.n..m`."""
    if subleaves is None:
        return ""
    if subleaves == EVERY_SUBLEAF:
        return ".*"
    first, last = subleaves
    return f".{first}" if first == last else f".{first}..{last}"


def say_register(node: syntax.CpuidRegister) -> Lines:
    """A value, or features."""
    return [f"{node.name.text} value;"] if node.bits is None else braces(node.name.text, say_bits(node.bits))


def say_vectors(node: syntax.Vectors) -> Lines:
    """A table of vectors."""
    lines: Lines = []
    for one in node.vectors:
        traits = " ".join(trait.text for trait in one.traits)
        lines += [*say_doc(one.doc), f"{one.number.text} {one.name.text} {traits};"]
    return braces("vectors", lines)


def say_ports(node: syntax.Ports) -> Lines:
    """A table of ports."""
    lines: Lines = []
    for one in node.ports:
        lines += [*say_doc(one.doc), f"{say_range(one.first, one.last)} {one.name.text};"]
    return braces("ports", lines)


def say_errnos(node: syntax.Errnos) -> Lines:
    """A table of error numbers."""
    return braces("errnos", [say_errno(one) for one in node.errnos])


def say_forwards(node: syntax.Forwards) -> Lines:
    """A table of reasons to come back."""
    return braces("forwards", [say_errno(one) for one in node.forwards])


def say_errno(node: syntax.Errno) -> str:
    """A number, its name and its meaning."""
    return f'{node.number.text} {node.name.text} "{node.text.value}";'
