"""A domain and its tables."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.source import Span
from codegen.syntax.bodies import Block
from codegen.syntax.expressions import Expr
from codegen.syntax.words import Doc, Name, Number, Text


@dataclass(frozen=True)
class Native:
    """Events that must not leave the guest."""

    events: tuple[Name, ...]


@dataclass(frozen=True)
class Trap:
    """Events that must leave the guest."""

    events: tuple[Name, ...]


@dataclass(frozen=True)
class Setting:
    """A control, and on, off, prefer or switched."""

    control: Name
    value: Name


@dataclass(frozen=True)
class Set:
    """Settings of one control word."""

    word: Name
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Require:
    """Capabilities that must be there; optional ones are used where they are."""

    optional: bool
    table: Name
    bits: tuple[Name, ...]


@dataclass(frozen=True)
class OwnBit:
    """A bit that the hypervisor owns, and whether it keeps it on or off; None: on."""

    name: Name
    held: Name | None


@dataclass(frozen=True)
class Own:
    """Bits of a control register that the hypervisor owns."""

    register: Name
    bits: tuple[OwnBit, ...]


@dataclass(frozen=True)
class ForBackend:
    """What exists in one backend alone."""

    backend: Name
    clauses: tuple[Set | Require | Own, ...]


@dataclass(frozen=True)
class CpuidRule:
    """`how`: pass, hide or show."""

    how: str
    names: tuple[Name, ...]


@dataclass(frozen=True)
class CpuidLeaf:
    """A leaf of the hypervisor's own."""

    leaf: Number
    registers: tuple[tuple[Name, Expr], ...]
    text: Text | None


@dataclass(frozen=True)
class DomainCpuid:
    """What the guest sees of CPUID."""

    rules: tuple[CpuidRule, ...]
    leaves: tuple[CpuidLeaf, ...]
    span: Span


@dataclass(frozen=True)
class Selector:
    """`kind`: default, guarded, class, name or range; `names` what it names."""

    kind: str
    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True)
class Action:
    """`kind`: pass, try, hypercalls, value, inject, forward or do."""

    kind: str
    span: Span
    value: Expr | None = None
    vector: Name | None = None
    body: Block | None = None
    forward: Name | None = None


@dataclass(frozen=True)
class Access:
    """`direction`: read, write, or "" for both."""

    direction: str
    action: Action


@dataclass(frozen=True)
class AccessRule:
    """What happens to accesses of MSRs or ports."""

    doc: Doc | None
    selector: Selector
    accesses: tuple[Access, ...]


@dataclass(frozen=True)
class DomainMsr:
    """A domain's MSR policy."""

    rules: tuple[AccessRule, ...]
    span: Span


@dataclass(frozen=True)
class DomainIo:
    """A domain's I/O policy."""

    rules: tuple[AccessRule, ...]
    span: Span


@dataclass(frozen=True)
class ExceptionRule:
    """`vector` is None for the default; `how`: pass, trap or switched."""

    vector: Name | None
    how: str


@dataclass(frozen=True)
class DomainExceptions:
    """Which exceptions leave the guest."""

    rules: tuple[ExceptionRule, ...]
    span: Span


@dataclass(frozen=True)
class SwitchRule:
    """MSRs, and `how`: "" where the facts know, list for the MSR lists, swap for the runtime."""

    msrs: tuple[Name, ...]
    how: str


@dataclass(frozen=True)
class DomainSwitch:
    """MSRs that the guest and the host have each their own of."""

    rules: tuple[SwitchRule, ...]
    span: Span


@dataclass(frozen=True)
class DomainReset:
    """Guest state after INIT."""

    values: tuple[tuple[Name, Expr], ...]
    span: Span


@dataclass(frozen=True)
class MemoryRule:
    """`kind`: map, hide, watch or alias."""

    kind: str
    region: Name
    rights: Name | None
    types: Name | None
    fill: Name | None
    onto: Expr | None
    span: Span


@dataclass(frozen=True)
class DomainMemory:
    """What the guest finds at its physical addresses; the first rule decides."""

    rules: tuple[MemoryRule, ...]
    span: Span


@dataclass(frozen=True)
class Handler:
    """What happens on an event."""

    doc: Doc | None
    event: Name
    binder: Name | None
    budget: Number | None
    body: Block


Clause = (
    Native | Trap | ForBackend | DomainCpuid | DomainMsr | DomainIo | DomainExceptions | DomainSwitch
    | DomainReset | DomainMemory | Handler
)


@dataclass(frozen=True)
class Domain:
    """A guest system and all that was chosen for it; `under`: who runs it, if not the hypervisor itself."""

    name: Name
    under: Name | None
    clauses: tuple[Clause, ...]
