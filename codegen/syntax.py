"""What a `.luv` file says, before any name means something: frozen nodes with spans."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.source import Span


@dataclass(frozen=True)
class Name:
    text: str
    span: Span


@dataclass(frozen=True)
class Number:
    value: int
    span: Span
    text: str = ""


@dataclass(frozen=True)
class Text:
    value: str
    span: Span


@dataclass(frozen=True)
class Doc:
    """The lines of a `///` comment, and the sections that it cites."""

    lines: tuple[str, ...]
    sections: tuple[Name, ...]
    span: Span


# ---- expressions


@dataclass(frozen=True)
class NumberExpr:
    number: Number
    span: Span


@dataclass(frozen=True)
class NameExpr:
    name: Name
    span: Span


@dataclass(frozen=True)
class Member:
    base: Expr
    name: Name
    span: Span


@dataclass(frozen=True)
class BitSelect:
    base: Expr
    low: Number
    high: Number
    span: Span


@dataclass(frozen=True)
class Call:
    callee: Expr
    arguments: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Unary:
    operator: str
    operand: Expr
    span: Span


@dataclass(frozen=True)
class Binary:
    operator: str
    left: Expr
    right: Expr
    span: Span


Expr = NumberExpr | NameExpr | Member | BitSelect | Call | Unary | Binary


# ---- facts


@dataclass(frozen=True)
class Section:
    number: Name
    title: Text


@dataclass(frozen=True)
class Manual:
    title: Text
    edition: Text
    sections: tuple[Section, ...]
    span: Span


@dataclass(frozen=True)
class Enumerator:
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
    doc: Doc | None
    encoding: Number
    name: Name
    type: Name
    layout: Name | None
    needs: Expr | None
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class Vmcs:
    area: Name
    name: Name
    fields: tuple[VmcsField, ...]


@dataclass(frozen=True)
class BitRange:
    low: Number
    high: Number


@dataclass(frozen=True)
class Controls:
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
    name: Name
    msr: Name
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class Layout:
    name: Name
    bits: tuple[Bit, ...]


@dataclass(frozen=True)
class PayloadField:
    name: Name
    value: Expr


@dataclass(frozen=True)
class Arm:
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
    exits: tuple[Exit, ...]
    span: Span


@dataclass(frozen=True)
class StateField:
    doc: Doc | None
    name: Name
    type: Name | None
    register: Number | None
    field: Name | None
    index: Number | None
    layout: Name | None


@dataclass(frozen=True)
class State:
    name: Name
    fields: tuple[StateField, ...]


@dataclass(frozen=True)
class Reference:
    """`word.bit` of a control, or a plain name."""

    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True)
class Switched:
    guest: Name
    host: Name | None
    parts: tuple[tuple[str, Reference], ...]


@dataclass(frozen=True)
class MsrClass:
    name: Name
    title: Text


@dataclass(frozen=True)
class Msr:
    doc: Doc | None
    first: Number
    last: Number
    name: Name
    group: Name
    guarded: Text | None
    switched: Switched | None


@dataclass(frozen=True)
class Msrs:
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
    doc: Doc | None
    number: Number
    name: Name
    traits: tuple[Name, ...]


@dataclass(frozen=True)
class Vectors:
    vectors: tuple[Vector, ...]
    span: Span


@dataclass(frozen=True)
class Port:
    doc: Doc | None
    first: Number
    last: Number
    name: Name


@dataclass(frozen=True)
class Ports:
    ports: tuple[Port, ...]
    span: Span


@dataclass(frozen=True)
class Errno:
    number: Number
    name: Name
    text: Text


@dataclass(frozen=True)
class Errnos:
    errnos: tuple[Errno, ...]
    span: Span


# ---- choices


@dataclass(frozen=True)
class Const:
    name: Name
    type: Name
    value: Expr


@dataclass(frozen=True)
class Parameter:
    name: Name
    type: Name


@dataclass(frozen=True)
class Struct:
    name: Name
    fields: tuple[Parameter, ...]


@dataclass(frozen=True)
class Extern:
    name: Name
    parameters: tuple[Parameter, ...]
    returns: Name | None
    cost: Number | None


@dataclass(frozen=True)
class Region:
    """`kind`: "runtime" (placed at boot), "all", or "at" with expressions for base and size."""

    name: Name
    kind: str
    base: Expr | None
    size: Expr | None


@dataclass(frozen=True)
class Hypercall:
    number: Number
    name: Name
    parameters: tuple[Parameter, ...]
    returns: Name | None
    origin: Name
    body: Block


@dataclass(frozen=True)
class Native:
    events: tuple[Name, ...]


@dataclass(frozen=True)
class Trap:
    events: tuple[Name, ...]


@dataclass(frozen=True)
class Setting:
    control: Name
    value: Name


@dataclass(frozen=True)
class Set:
    word: Name
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Require:
    optional: bool
    table: Name
    bits: tuple[Name, ...]


@dataclass(frozen=True)
class Own:
    register: Name
    bits: tuple[Name, ...]


@dataclass(frozen=True)
class ForBackend:
    backend: Name
    clauses: tuple[Set | Require | Own, ...]


@dataclass(frozen=True)
class CpuidRule:
    how: str
    names: tuple[Name, ...]


@dataclass(frozen=True)
class CpuidLeaf:
    leaf: Number
    registers: tuple[tuple[Name, Expr], ...]
    text: Text | None


@dataclass(frozen=True)
class DomainCpuid:
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
    """`kind`: pass, try, value, inject or do."""

    kind: str
    span: Span
    value: Expr | None = None
    vector: Name | None = None
    body: Block | None = None


@dataclass(frozen=True)
class Access:
    """`direction`: read, write, or "" for both."""

    direction: str
    action: Action


@dataclass(frozen=True)
class AccessRule:
    doc: Doc | None
    selector: Selector
    accesses: tuple[Access, ...]


@dataclass(frozen=True)
class DomainMsr:
    rules: tuple[AccessRule, ...]
    span: Span


@dataclass(frozen=True)
class DomainIo:
    rules: tuple[AccessRule, ...]
    span: Span


@dataclass(frozen=True)
class ExceptionRule:
    """`vector` is None for the default; `how`: pass, trap or switched."""

    vector: Name | None
    how: str


@dataclass(frozen=True)
class DomainExceptions:
    rules: tuple[ExceptionRule, ...]
    span: Span


@dataclass(frozen=True)
class DomainSwitch:
    msrs: tuple[Name, ...]
    span: Span


@dataclass(frozen=True)
class DomainReset:
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
    rules: tuple[MemoryRule, ...]
    span: Span


@dataclass(frozen=True)
class Handler:
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
    name: Name
    clauses: tuple[Clause, ...]


# ---- bodies


@dataclass(frozen=True)
class Let:
    name: Name
    value: Expr
    span: Span


@dataclass(frozen=True)
class Assign:
    target: Expr
    value: Expr
    span: Span


@dataclass(frozen=True)
class If:
    condition: Expr
    then: Block
    otherwise: Block | None
    span: Span


@dataclass(frozen=True)
class CallStatement:
    call: Expr
    span: Span


@dataclass(frozen=True)
class Return:
    value: Expr
    span: Span


@dataclass(frozen=True)
class Fail:
    errno: Name
    span: Span


@dataclass(frozen=True)
class Log:
    text: Text
    values: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Outcome:
    """`kind`: advance, advance_by, resume, forward, inject, reset or stop."""

    kind: str
    span: Span
    value: Expr | None = None
    vector: Name | None = None
    text: Text | None = None


Statement = Let | Assign | If | CallStatement | Return | Fail | Log | Outcome


@dataclass(frozen=True)
class Block:
    statements: tuple[Statement, ...]
    span: Span


Declaration = (
    Manual | Vmcs | Controls | Capabilities | Layout | Exits | State | Msrs | Cpuid | Vectors | Ports | Errnos
    | Const | Struct | Extern | Region | Hypercall | Domain
)


@dataclass(frozen=True)
class Item:
    doc: Doc | None
    declaration: Declaration


@dataclass(frozen=True)
class File:
    path: str
    items: tuple[Item, ...]
