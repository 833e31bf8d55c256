"""Guest state, MSRs, CPUID, vectors, ports and error numbers: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from lark import Token, v_args
from lark.tree import Meta

from codegen.language.expressions import Expr, say_expression, say_range
from codegen.language.facts import Bit, say_bits
from codegen.language.parts import (
    Children,
    Part,
    keeps,
    makes,
    makes_list,
    makes_named_list,
    part,
    parts,
    pick,
    pick_all,
)
from codegen.language.words import Builder, Doc, Lines, Number, Text, braces, say_doc
from codegen.source import Name, Span

EVERY_SUBLEAF = (0, 0xFFFFFFFF)


@dataclass(frozen=True)
class StateField:
    """Guest state under a neutral name: a register, a VMCS field, or kept by software."""

    doc: Doc | None
    name: Name
    type: Name | None
    register: Number | None
    field: Name | None
    index: Number | None
    layout: Name | None


@dataclass(frozen=True)
class State:
    """A table of guest state."""

    name: Name
    fields: tuple[StateField, ...]


@dataclass(frozen=True)
class BitmapRange:
    """From a byte on, a bit for each number from first to last, for one direction of accesses or for both."""

    offset: Number
    direction: Name
    first: Number
    last: Number


@dataclass(frozen=True)
class Bitmap:
    """A bitmap that the processor reads: its bytes, and what its bits are for."""

    name: Name
    size: Number
    ranges: tuple[BitmapRange, ...]


@dataclass(frozen=True)
class ResetTable:
    """Guest state after reset: values under a name, for domains to start from."""

    name: Name
    values: tuple[tuple[Name, Expr], ...]


@dataclass(frozen=True)
class Reference:
    """`word.bit` of a control, or a plain name."""

    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True)
class Switched:
    """How VMX switches an MSR: its fields, and a control for each part."""

    guest: Name
    host: Name | None
    parts: tuple[tuple[str, Reference], ...]


@dataclass(frozen=True)
class MsrClass:
    """A kind of MSRs."""

    name: Name
    title: Text


@dataclass(frozen=True)
class Msr:
    """An MSR, or a bank of them, and its kind."""

    doc: Doc | None
    first: Number
    last: Number
    name: Name
    group: Name
    guarded: Text | None
    switched: Switched | None


@dataclass(frozen=True)
class Msrs:
    """MSRs and their kinds."""

    classes: tuple[MsrClass, ...]
    msrs: tuple[Msr, ...]
    span: Span


@dataclass(frozen=True)
class CpuidRegister:
    """`bits` is None where the whole register is a value."""

    name: Name
    bits: tuple[Bit, ...] | None


@dataclass(frozen=True)
class Cpuid:
    """Leaves `first..last`; subleaves: None where the leaf has none, (0, 2**32-1) for `*`."""

    first: Number
    last: Number
    subleaves: tuple[int, int] | None
    registers: tuple[CpuidRegister, ...]
    span: Span


@dataclass(frozen=True)
class Vector:
    """An exception or interrupt vector and its traits."""

    doc: Doc | None
    number: Number
    name: Name
    traits: tuple[Name, ...]


@dataclass(frozen=True)
class Vectors:
    """A table of vectors."""

    vectors: tuple[Vector, ...]
    span: Span


@dataclass(frozen=True)
class Port:
    """A port or a range."""

    doc: Doc | None
    first: Number
    last: Number
    name: Name


@dataclass(frozen=True)
class Ports:
    """A table of ports."""

    ports: tuple[Port, ...]
    span: Span


@dataclass(frozen=True)
class Errno:
    """A number with a name and a meaning: an error of hypercalls, or a reason for exits to the VMM."""

    number: Number
    name: Name
    text: Text


@dataclass(frozen=True)
class Errnos:
    """A table of error numbers."""

    errnos: tuple[Errno, ...]
    span: Span


@dataclass(frozen=True)
class Forwards:
    """Reasons for exits to the VMM."""

    forwards: tuple[Errno, ...]
    span: Span


class TableBuilder(Builder):
    """Build these tables."""

    state = makes_named_list(State)

    def state_field(self, children: Children) -> StateField:
        """Build a neutral name and where its value is kept."""
        field, index = part(children, "field") or (None, None)
        return StateField(
            pick(children, Doc), pick(children, Name), part(children, "type"),
            part(children, "register"), field, index, part(children, "layout"),
        )

    def bitmap(self, children: Children) -> Bitmap:
        """Build a name, a size and ranges."""
        return Bitmap(children[0], children[1], tuple(children[2:]))

    def bitmap_range(self, children: Children) -> BitmapRange:
        """Build a byte, a direction and numbers."""
        offset, direction, first = children[:3]
        return BitmapRange(offset, direction, first, part(children, "upto") or first)

    reset_table = makes_named_list(ResetTable)

    def assign_reset(self, children: Children) -> tuple[Name, Expr]:
        """Build a register's value after reset, in a table or in a domain."""
        return (children[0], children[1])

    state_type = keeps("type")
    state_register = keeps("register")
    state_index = keeps("index")

    def state_vmcs(self, children: Children) -> Part:
        """Build `= field`, and the register number that it also has."""
        return Part("field", (children[0], part(children, "index")))

    @v_args(meta=True)
    def msrs(self, meta: Meta, children: Children) -> Msrs:
        """Build classes, and MSRs of them."""
        classes = pick_all(children, MsrClass)
        return Msrs(classes, pick_all(children, Msr), self.span_over(meta))

    msr_class = makes(MsrClass)

    def msr(self, children: Children) -> Msr:
        """Build an MSR or a bank of them."""
        first = pick(children, Number)
        names = pick_all(children, Name)
        return Msr(
            pick(children, Doc), first, part(children, "upto") or first, names[0], names[1],
            part(children, "guarded"), part(children, "switched"),
        )

    guarded = keeps("guarded")

    def switched(self, children: Children) -> Part:
        """Build the VMCS fields that hold it, and the controls that do the work."""
        names = pick_all(children, Name)
        host = names[1] if len(names) > 1 else None
        return Part("switched", Switched(names[0], host, parts(children, "switch")))

    def switch_part(self, children: Children) -> Part:
        """Build `save`, `load` or `host`, and its control."""
        return Part("switch", (str(children[0]), children[1]))

    reference = makes_list(Reference)

    @v_args(meta=True)
    def cpuid(self, meta: Meta, children: Children) -> Cpuid:
        """Build leaves, subleaves and registers."""
        first = children[0]
        return Cpuid(
            first, part(children, "upto") or first, part(children, "subleaf"),
            pick_all(children, CpuidRegister), self.span_over(meta),
        )

    def subleaf(self, children: Children) -> Part:
        """Build `.*`, `.n` or `.n..m`."""
        if isinstance(children[0], Token):
            return Part("subleaf", EVERY_SUBLEAF)
        last = part(children, "upto") or children[0]
        return Part("subleaf", (children[0].value, last.value))

    def cpuid_register(self, children: Children) -> CpuidRegister:
        """Build a register as one value, or as features."""
        return CpuidRegister(children[0], part(children, "bits"))

    vectors = makes_list(Vectors)

    def vector(self, children: Children) -> Vector:
        """Build number, name and traits."""
        names = pick_all(children, Name)
        return Vector(pick(children, Doc), pick(children, Number), names[0], names[1:])

    ports = makes_list(Ports)

    def port(self, children: Children) -> Port:
        """Build one port or a range."""
        first = pick(children, Number)
        return Port(pick(children, Doc), first, part(children, "upto") or first, pick(children, Name))

    errnos = makes_list(Errnos)
    errno = makes(Errno)
    forwards = makes_list(Forwards)


def say_state(node: State) -> Lines:
    """Print a table of guest state."""
    return braces(f"state {node.name.text}", [line for field in node.fields for line in say_state_field(field)])


def say_state_field(node: StateField) -> Lines:
    """Print a neutral name and where its value is kept."""
    text = node.name.text + (f" : {node.type.text}" if node.type else "")
    if node.register:
        text += f" register {node.register.text}"
    elif node.field:
        text += f" = {node.field.text}" + (f" index {node.index.text}" if node.index else "")
    else:
        text += " software"
    return [*say_doc(node.doc), text + (f" layout {node.layout.text};" if node.layout else ";")]


def say_bitmap(node: Bitmap) -> Lines:
    """Print a bitmap's ranges."""
    lines = [f"{one.offset.text} {one.direction.text} {say_range(one.first, one.last)};" for one in node.ranges]
    return braces(f"bitmap {node.name.text} size {node.size.text}", lines)


def say_reset_table(node: ResetTable) -> Lines:
    """Print values after reset."""
    return braces(f"reset {node.name.text}", say_reset_values(node.values))


def say_reset_values(values: tuple[tuple[Name, Expr], ...]) -> Lines:
    """Print a line for each value."""
    return [f"{name.text} = {say_expression(value)};" for name, value in values]


def say_msrs(node: Msrs) -> Lines:
    """Print MSRs, their classes first."""
    classes = [f'class {one.name.text} "{one.title.value}";' for one in node.classes]
    return braces("msrs", [*classes, *(line for msr in node.msrs for line in say_msr(msr))])


def say_msr(node: Msr) -> Lines:
    """Print an MSR and what is special about it."""
    text = f"{say_range(node.first, node.last)} {node.name.text} : {node.group.text}"
    text += f' guarded "{node.guarded.value}"' if node.guarded else ""
    return [*say_doc(node.doc), f"{text}{say_switched(node.switched)};"]


def say_switched(node: Switched | None) -> str:
    """Print ` switched GUEST HOST save CONTROL load CONTROL`, or nothing."""
    if node is None:
        return ""
    names = [node.guest, *([node.host] if node.host else [])]
    parts = [f"{how} {'.'.join(name.text for name in reference.names)}" for how, reference in node.parts]
    return " ".join([" switched", *(name.text for name in names), *parts])


def say_cpuid(node: Cpuid) -> Lines:
    """Print a leaf's registers."""
    head = f"cpuid {say_range(node.first, node.last)}{say_subleaves(node.subleaves)}"
    return braces(head, [line for register in node.registers for line in say_register(register)])


def say_subleaves(subleaves: tuple[int, int] | None) -> str:
    """Print nothing, `.*`, `.n` or `.n..m`."""
    if subleaves is None:
        return ""
    if subleaves == EVERY_SUBLEAF:
        return ".*"
    first, last = subleaves
    return f".{first}" if first == last else f".{first}..{last}"


def say_register(node: CpuidRegister) -> Lines:
    """Print a value, or features."""
    return [f"{node.name.text} value;"] if node.bits is None else braces(node.name.text, say_bits(node.bits))


def say_vectors(node: Vectors) -> Lines:
    """Print a table of vectors."""
    lines: Lines = []
    for one in node.vectors:
        traits = " ".join(trait.text for trait in one.traits)
        lines += [*say_doc(one.doc), f"{one.number.text} {one.name.text} {traits};"]
    return braces("vectors", lines)


def say_ports(node: Ports) -> Lines:
    """Print a table of ports."""
    lines: Lines = []
    for one in node.ports:
        lines += [*say_doc(one.doc), f"{say_range(one.first, one.last)} {one.name.text};"]
    return braces("ports", lines)


def say_errnos(node: Errnos) -> Lines:
    """Print a table of error numbers."""
    return braces("errnos", [say_errno(one) for one in node.errnos])


def say_forwards(node: Forwards) -> Lines:
    """Print a table of reasons for exits to the VMM."""
    return braces("forwards", [say_errno(one) for one in node.forwards])


def say_errno(node: Errno) -> str:
    """Print a number, its name and its meaning."""
    return f'{node.number.text} {node.name.text} "{node.text.value}";'
