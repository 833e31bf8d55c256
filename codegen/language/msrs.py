"""MSRs, and the leaves of CPUID: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from lark import Token, v_args
from lark.tree import Meta

from codegen.language.expressions import Expr, say_range
from codegen.language.facts import Bit, say_bits, say_needs
from codegen.language.parts import (
    Children,
    Part,
    keeps,
    makes,
    makes_list,
    part,
    parts,
    pick,
    pick_all,
)
from codegen.language.words import Builder, Doc, Lines, Number, Text, braces, say_doc
from codegen.source import Name, Span

EVERY_SUBLEAF = (0, 0xFFFFFFFF)


@dataclass(frozen=True)
class Reference:
    """`word.bit` of a control, or a plain name."""

    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True)
class Switched:
    """How a processor switches an MSR: its fields, and a control for each part."""

    msr: Name
    guest: Name
    host: Name | None
    parts: tuple[tuple[str, Reference], ...]


@dataclass(frozen=True)
class SwitchedMsrs:
    """The MSRs that a processor can switch."""

    msrs: tuple[Switched, ...]
    span: Span


@dataclass(frozen=True)
class FeatureNeed:
    """What must be on for a guest to see a feature of CPUID."""

    feature: Name
    needs: Expr


@dataclass(frozen=True)
class FeatureNeeds:
    """What one processor asks for features, besides what the machine does."""

    features: tuple[FeatureNeed, ...]
    span: Span


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


class MsrBuilder(Builder):
    """Build MSRs and leaves."""

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
            pick(children, Doc), first, part(children, "upto") or first, names[0], names[1], part(children, "guarded"),
        )

    guarded = keeps("guarded")

    switched_msrs = makes_list(SwitchedMsrs)

    def switched(self, children: Children) -> Switched:
        """Build an MSR, the fields that hold it, and the controls that do the work."""
        names = pick_all(children, Name)
        host = names[2] if len(names) > 2 else None
        return Switched(names[0], names[1], host, parts(children, "switch"))

    feature_needs = makes_list(FeatureNeeds)

    def feature_need(self, children: Children) -> FeatureNeed:
        """Build a feature and its condition."""
        return FeatureNeed(children[0], part(children, "needs"))

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


def say_msrs(node: Msrs) -> Lines:
    """Print MSRs, their classes first."""
    classes = [f'class {one.name.text} "{one.title.value}";' for one in node.classes]
    return braces("msrs", [*classes, *(line for msr in node.msrs for line in say_msr(msr))])


def say_msr(node: Msr) -> Lines:
    """Print an MSR and what is special about it."""
    text = f"{say_range(node.first, node.last)} {node.name.text} : {node.group.text}"
    text += f' guarded "{node.guarded.value}"' if node.guarded else ""
    return [*say_doc(node.doc), f"{text};"]


def say_switched_msrs(node: SwitchedMsrs) -> Lines:
    """Print how MSRs are switched."""
    return braces("switched", [say_switched(one) for one in node.msrs])


def say_switched(node: Switched) -> str:
    """Print `MSR GUEST HOST save CONTROL load CONTROL;`."""
    names = [node.msr, node.guest, *([node.host] if node.host else [])]
    parts = [f"{how} {'.'.join(name.text for name in reference.names)}" for how, reference in node.parts]
    return " ".join([*(name.text for name in names), *parts]) + ";"


def say_feature_needs(node: FeatureNeeds) -> Lines:
    """Print what features need."""
    return braces("features", [f"{one.feature.text}{say_needs(one.needs)};" for one in node.features])


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
