"""Typed expressions, statements and conditions: what bodies and facts come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen.model.types import BOOL, U64, Type
from codegen.source import NOWHERE, Span

if TYPE_CHECKING:
    from codegen.model.choices import Extern
    from codegen.model.facts import Feature, Layout, StateField, Vector, VmcsField


# ---- expressions


@dataclass(frozen=True)
class Constant:
    """A number, and its name if it has one."""

    value: int
    type: Type
    name: str = ""


@dataclass(frozen=True)
class Local:
    """What `let` named; `layout` names its bits."""

    name: str
    type: Type
    layout: Layout | None = None


@dataclass(frozen=True)
class PayloadRead:
    """What the event carries."""

    name: str
    type: Type


@dataclass(frozen=True)
class GuestRead:
    """Guest state."""

    field: StateField
    type: Type


@dataclass(frozen=True)
class VmcsRead:
    """A VMCS field."""

    field: VmcsField
    type: Type


@dataclass(frozen=True)
class ControlRead:
    """Whether this processor granted the control."""

    control: str
    type: Type = BOOL


@dataclass(frozen=True)
class Bits:
    """Bits low..high of a value; `name` is the constant of a layout's bit, or empty."""

    base: Expression
    low: int
    high: int
    type: Type
    name: str = ""


@dataclass(frozen=True)
class Cast:
    """A value in another type."""

    operand: Expression
    type: Type


@dataclass(frozen=True)
class Field:
    """A struct's field."""

    base: Expression
    name: str
    type: Type


@dataclass(frozen=True)
class UnaryOperation:
    """`-`, `~`, `not`."""

    operator: str
    operand: Expression
    type: Type


@dataclass(frozen=True)
class Operation:
    """Two operands of one type."""

    operator: str
    left: Expression
    right: Expression
    type: Type


@dataclass(frozen=True)
class ExternCall:
    """A call into the runtime."""

    extern: Extern
    arguments: tuple[Expression, ...]
    type: Type


@dataclass(frozen=True)
class PolicyCall:
    """A question to a table of the domain: `policy.cpuid(leaf, subleaf, native)`."""

    policy: str
    arguments: tuple[Expression, ...]
    type: Type


# ---- expressions of entry checks alone


@dataclass(frozen=True)
class MsrRead:
    """What the processor's MSR holds."""

    msr: str
    type: Type = U64


@dataclass(frozen=True)
class FeatureRead:
    """Whether the processor has a CPUID feature."""

    feature: Feature
    type: Type = BOOL


@dataclass(frozen=True)
class Predicate:
    """A question with a name: `canonical(address)`."""

    name: str
    arguments: tuple[Expression, ...]
    type: Type = BOOL


Expression = (
    Constant | Local | PayloadRead | GuestRead | VmcsRead | ControlRead | Bits | Cast | Field | UnaryOperation
    | Operation | ExternCall | PolicyCall | MsrRead | FeatureRead | Predicate
)


def layout_of(value: Expression) -> Layout | None:
    """Return the layout of a local, of a field or of guest state."""
    match value:
        case Local():
            return value.layout
        case GuestRead() | VmcsRead():
            return value.field.layout
    return None


# ---- conditions over controls and tables


@dataclass(frozen=True)
class Always:
    """True or false whatever is chosen."""

    value: bool


ALWAYS = Always(True)


@dataclass(frozen=True)
class ControlAtom:
    """A control is on."""

    control: str
    span: Span


@dataclass(frozen=True)
class TableAtom:
    """`io.traps`, `exceptions.traps`, `msr.read_traps`, `cr0.owned` ..."""

    table: str
    span: Span


@dataclass(frozen=True)
class MsrAtom:
    """The MSR is within the guest's reach: not hidden by the policy."""

    msr: str
    span: Span


@dataclass(frozen=True)
class FeatureAtom:
    """The processor has a CPUID feature: bit `bit` of a register of a leaf."""

    name: str
    leaf: int
    subleaf: int
    register: str
    bit: int
    span: Span


@dataclass(frozen=True)
class NotCondition:
    """The opposite."""

    operand: Condition


@dataclass(frozen=True)
class AndCondition:
    """All of them."""

    operands: tuple[Condition, ...]


@dataclass(frozen=True)
class OrCondition:
    """Any of them."""

    operands: tuple[Condition, ...]


Condition = Always | ControlAtom | TableAtom | MsrAtom | FeatureAtom | NotCondition | AndCondition | OrCondition


# ---- statements


@dataclass(frozen=True)
class LetLocal:
    """A local gets its value, once; `layout` names its bits."""

    name: str
    value: Expression
    span: Span
    layout: Layout | None = None


@dataclass(frozen=True)
class GuestWrite:
    """Bits low..high of guest state (the whole where low is None) become `value`."""

    field: StateField
    value: Expression
    low: int | None = None
    high: int | None = None
    span: Span = NOWHERE


@dataclass(frozen=True)
class VmcsWrite:
    """Bits low..high of a VMCS field (the whole where low is None) become `value`."""

    field: VmcsField
    value: Expression
    low: int | None = None
    high: int | None = None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Branch:
    """One of two ways."""

    condition: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class Evaluate:
    """A call whose value is not used."""

    call: Expression
    span: Span = NOWHERE


@dataclass(frozen=True)
class LogLine:
    """A line of the log."""

    text: str
    values: tuple[Expression, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class End:
    """An outcome: advance, advance_by, resume, forward, inject, reset, stop; or return and fail of a hypercall.

    `text` is what `reset` and `stop` say, and for `forward` the domain.
    """

    kind: str
    value: Expression | None
    vector: Vector | None
    text: str
    span: Span


Statement = LetLocal | GuestWrite | VmcsWrite | Branch | Evaluate | LogLine | End
