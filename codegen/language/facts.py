"""The manual, the VMCS, control words, capability MSRs and layouts: nodes, builder, printer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lark import v_args
from lark.tree import Meta

from codegen.language.expressions import Expr, say_expression, say_range
from codegen.language.parts import Children, keeps, keeps_all, makes, part, parts, pick, pick_all, pick_word
from codegen.language.words import Builder, Doc, Lines, Number, Text, braces, say_doc
from codegen.source import Name, Span


@dataclass(frozen=True)
class Section:
    """A section of the manual, by number and title."""

    number: Name
    title: Text


@dataclass(frozen=True)
class Manual:
    """The edition that citations mean, and its sections."""

    title: Text
    edition: Text
    sections: tuple[Section, ...]
    span: Span


@dataclass(frozen=True)
class Processor:
    """A processor's extensions: `feature` of CPUID has them, `lock` (MSR, layout, bit, text) may forbid them.

    `true`: the bit of a table of capabilities without which there are no TRUE capability MSRs. `encoding`: the layout
    of its fields' numbers.
    """

    title: Text
    feature: Name | None
    lock: tuple[Name, Name, Name, Text] | None
    true: tuple[Name, Name] | None
    encoding: Name | None
    span: Span


@dataclass(frozen=True)
class Enumerator:
    """A value of a range of bits, named."""

    name: Name
    value: Number


@dataclass(frozen=True)
class Bit:
    """One bit or a range of bits, named: of a control word, a register, a feature word."""

    doc: Doc | None
    low: Number
    high: Number
    name: Name
    needs: Expr | None
    mirrors: Expr | None
    enumerators: tuple[Enumerator, ...]


@dataclass(frozen=True)
class VmcsField:
    """A field of the VMCS under its encoding, or of a VMCB at its offset."""

    doc: Doc | None
    encoding: Number
    name: Name
    type: Name
    layout: Name | None
    needs: Expr | None
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class Vmcs:
    """A group of fields in one area: control, readonly, guest or host; `kind`: vmcs, or vmcb for a page of memory."""

    kind: str
    area: Name
    name: Name
    fields: tuple[VmcsField, ...]


@dataclass(frozen=True)
class BitRange:
    """Bits `low..high` of a word."""

    low: Number
    high: Number


@dataclass(frozen=True)
class Controls:
    """A control word: its field, the MSRs that say what it may hold if there are any, its bits."""

    name: Name
    field: Name
    msr: Name | None
    true_msr: Name | None
    allowed1_only: bool
    needs: Expr | None
    default1: tuple[BitRange, ...]
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class Capabilities:
    """A capability MSR's bits."""

    name: Name
    msr: Name
    needs: Expr | None
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class Layout:
    """Bits under a name, for fields, qualifications and guest state."""

    name: Name
    bits: tuple[Bit, ...]


class FactBuilder(Builder):
    """Build these facts."""

    section = makes(Section)

    @v_args(meta=True)
    def manual(self, meta: Meta, children: Children) -> Manual:
        """Build title, edition and sections."""
        title, edition = children[:2]
        return Manual(title, edition, tuple(children[2:]), self.span_over(meta))

    @v_args(meta=True)
    def processor(self, meta: Meta, children: Children) -> Processor:
        """Build a title, and what decides about the extensions."""
        return Processor(
            children[0], part(children, "feature"), part(children, "lock"), part(children, "true"),
            part(children, "encoding"), self.span_over(meta),
        )

    processor_feature = keeps("feature")
    processor_lock = keeps_all("lock")
    processor_true = keeps_all("true")
    processor_encoding = keeps("encoding")

    def vmcs(self, children: Children) -> Vmcs:
        """Build area, group and fields."""
        return Vmcs("vmcs", children[0], children[1], tuple(children[2:]))

    def vmcb(self, children: Children) -> Vmcs:
        """Build area, group and fields in memory."""
        return Vmcs("vmcb", children[0], children[1], tuple(children[2:]))

    def vmcs_field(self, children: Children) -> VmcsField:
        """Build encoding, name, type, and what may follow them."""
        names = pick_all(children, Name)
        return VmcsField(
            pick(children, Doc), pick(children, Number), names[0], names[1],
            part(children, "layout"), part(children, "needs"), part(children, "bits") or (),
        )

    bits = keeps_all("bits")

    def bit(self, children: Children) -> Bit:
        """Build one bit, or a range, and what it needs or follows."""
        low = pick(children, Number)
        return Bit(
            pick(children, Doc), low, part(children, "upto") or low, pick(children, Name),
            part(children, "needs"), part(children, "mirrors"), part(children, "enumerators") or (),
        )

    enumerators = keeps_all("enumerators")
    enumerator = makes(Enumerator)

    def controls(self, children: Children) -> Controls:
        """Build a control word, its field and capability MSRs."""
        names = pick_all(children, Name)
        ranges = tuple(one for group in parts(children, "default1") for one in group)
        return Controls(
            names[0], names[1], part(children, "via"), part(children, "true"),
            pick_word(children, "ALLOWED1") is not None, part(children, "needs"), ranges, pick_all(children, Bit),
        )

    via = keeps("via")
    true_msr = keeps("true")
    default1 = keeps_all("default1")

    def bit_range(self, children: Children) -> BitRange:
        """Build `low` or `low..high`."""
        return BitRange(children[0], part(children, "upto") or children[0])

    def capabilities(self, children: Children) -> Capabilities:
        """Build the bits of a capability MSR."""
        return Capabilities(children[0], children[1], part(children, "needs"), part(children, "bits"))

    def layout(self, children: Children) -> Layout:
        """Build bits under a name."""
        return Layout(children[0], part(children, "bits"))


def say_needs(needs: Expr | None) -> str:
    """Print ` needs CONDITION`, or nothing."""
    return f" needs {say_expression(needs)}" if needs else ""


def say_bit(bit: Bit) -> Lines:
    """Print a bit's line, its values in braces."""
    head = f"{say_range(bit.low, bit.high)} {bit.name.text}{say_needs(bit.needs)}"
    if bit.mirrors:
        head += f" mirrors {say_expression(bit.mirrors)}"
    values = [f"{one.name.text} = {one.value.text};" for one in bit.enumerators]
    return [*say_doc(bit.doc), *([f"{head} {{ {' '.join(values)} }}"] if values else [f"{head};"])]


def say_bits(bits: Iterable[Bit]) -> Lines:
    """Print a line or more for each bit."""
    return [line for bit in bits for line in say_bit(bit)]


def say_manual(node: Manual) -> Lines:
    """Print the table of sections."""
    head = f'manual "{node.title.value}" edition "{node.edition.value}"'
    return braces(head, [f'{one.number.text} "{one.title.value}";' for one in node.sections])


def say_processor(node: Processor) -> Lines:
    """Print what decides about a processor's extensions."""
    lines = [f"feature {node.feature.text};"] if node.feature else []
    if node.lock:
        msr, layout, bit, text = node.lock
        lines += [f'lock {msr.text} {layout.text}.{bit.text} "{text.value}";']
    lines += [f"true {'.'.join(name.text for name in node.true)};"] if node.true else []
    lines += [f"encoding {node.encoding.text};"] if node.encoding else []
    return braces(f'processor "{node.title.value}"', lines)


def say_vmcs(node: Vmcs) -> Lines:
    """Print a group of fields."""
    fields = [line for field in node.fields for line in say_vmcs_field(field)]
    return braces(f"{node.kind} {node.area.text} {node.name.text}", fields)


def say_vmcs_field(node: VmcsField) -> Lines:
    """Print a field, with its bits if it declares them."""
    head = f"{node.encoding.text} {node.name.text} : {node.type.text}"
    head += f" layout {node.layout.text}" if node.layout else ""
    head += say_needs(node.needs)
    return [*say_doc(node.doc), *(braces(head, say_bits(node.bits)) if node.bits else [f"{head};"])]


def say_controls(node: Controls) -> Lines:
    """Print a control word."""
    head = f"controls {node.name.text} in {node.field.text}"
    head += f" via {node.msr.text}" if node.msr else ""
    head += f" true {node.true_msr.text}" if node.true_msr else ""
    head += " allowed1" if node.allowed1_only else ""
    ranges = ", ".join(say_range(one.low, one.high) for one in node.default1)
    return braces(head + say_needs(node.needs), [*([f"default1 {ranges};"] if ranges else []), *say_bits(node.bits)])


def say_capabilities(node: Capabilities) -> Lines:
    """Print a capability MSR."""
    return braces(f"capabilities {node.name.text} in {node.msr.text}{say_needs(node.needs)}", say_bits(node.bits))


def say_layout(node: Layout) -> Lines:
    """Print a layout."""
    return braces(f"layout {node.name.text}", say_bits(node.bits))
