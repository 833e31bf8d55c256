"""What the processor has: the VMCS, control words, layouts and exits."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.source import Span
from codegen.syntax.expressions import Expr
from codegen.syntax.words import Doc, Name, Number, Text


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
    """A field of the VMCS under its encoding."""

    doc: Doc | None
    encoding: Number
    name: Name
    type: Name
    layout: Name | None
    needs: Expr | None
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class Vmcs:
    """A group of fields in one area: control, readonly, guest or host."""

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
    """A control word: its field, the MSRs that say what it may hold, its bits."""

    name: Name
    field: Name
    msr: Name
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
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class Layout:
    """Bits under a name, for fields, qualifications and guest state."""

    name: Name
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class PayloadField:
    """A value that an event carries."""

    name: Name
    value: Expr


@dataclass(frozen=True)
class Arm:
    """The event that an exit becomes, where the condition holds."""

    event: Name
    payload: tuple[PayloadField, ...]
    where: Expr | None


@dataclass(frozen=True)
class Exit:
    """One basic exit reason; `condition` is "always", "never" or an expression; no name: reserved."""

    doc: Doc | None
    number: Number
    name: Name | None
    condition: str | Expr
    length: str | Number
    qualification: Name | None
    information: Name | None
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class Exits:
    """The basic exit reasons."""

    exits: tuple[Exit, ...]
    span: Span
