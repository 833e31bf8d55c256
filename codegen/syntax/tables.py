"""What the processor has: guest state, MSRs, CPUID, vectors, ports."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.source import Span
from codegen.syntax.facts import Bit
from codegen.syntax.words import Doc, Name, Number, Text


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
    """A number with a name and a meaning: an error of hypercalls, or a reason to come back to the VMM."""

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
    """Why a guest comes back to its VMM."""

    forwards: tuple[Errno, ...]
    span: Span
