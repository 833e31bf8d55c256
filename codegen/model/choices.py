"""Choices: what Luvalley does with the processor, per domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from codegen.model.abi import Abi
from codegen.model.facts import Bit, Bitmap, CpuidLeaf, Doc, Errno, Facts, Feature, Msr, Port, StateField, Vector
from codegen.model.ir import Expression, Statement
from codegen.model.types import Scalar, StructType, Type
from codegen.source import NOWHERE, Name, Span


@dataclass(frozen=True)
class Extern:
    """A C function of the runtime that bodies may call; `cost` in instructions."""

    name: str
    parameters: tuple[tuple[str, Type], ...]
    returns: Type | None
    takes_cpu: bool
    cost: int
    doc: Doc
    span: Span


# Regions that the runtime places, and the one kind of rule that it can do so for: see runtime/dom0/.
RUNTIME_REGIONS = {"hypervisor": "hide", "local_apic": "watch", "a20_window": "alias"}


@dataclass(frozen=True)
class Region:
    """Bytes of physical memory; `kind`: runtime (placed at boot), all, or at (base and size known)."""

    name: str
    kind: str
    base: int
    size: int
    doc: Doc
    span: Span


@dataclass(frozen=True)
class Setting:
    """A control's choice: on, off, prefer or switched; `event`: the one whose `trap` or `native` turns it on or off."""

    control: str
    value: str
    span: Span
    event: str = ""

    @property
    def origin(self) -> str:
        """Return the clause that a setting follows from, or nothing where it is set itself."""
        return f"{'trap' if self.value == 'on' else 'native'} {self.event}" if self.event else ""


@dataclass(frozen=True)
class Required:
    """A capability that must be there, or is used if it is."""

    table: str
    bit: Bit
    optional: bool
    span: Span


@dataclass(frozen=True)
class Body:
    """A typed body and the highest cost of a path through it, in instructions."""

    statements: tuple[Statement, ...]
    cost: int


@dataclass(frozen=True)
class Action:
    """What happens to an access; `kind`: pass, try, hypercalls, value, inject, forward or do.

    `body` is the one of `do`, and for `forward` that outcome alone. `before`: an instrumented build counts.
    """

    kind: str
    span: Span
    value: int = 0
    vector: Vector | None = None
    body: Body | None = None
    before: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class MsrRule:
    """An action for MSRs first..last in one direction; rules come in order of number and do not overlap."""

    first: int
    last: int
    name: str
    action: Action


@dataclass(frozen=True)
class MsrPolicy:
    """What happens to every MSR in both directions."""

    read: tuple[MsrRule, ...]
    write: tuple[MsrRule, ...]
    default_read: Action
    default_write: Action
    span: Span


@dataclass(frozen=True)
class IoRule:
    """What happens to one port."""

    port: Port
    read: Action
    write: Action


@dataclass(frozen=True)
class IoPolicy:
    """What happens to every port in both directions."""

    rules: tuple[IoRule, ...]
    default_read: Action
    default_write: Action
    span: Span


@dataclass(frozen=True)
class ExceptionPolicy:
    """Vectors that always cause VM exits; `switched`: the runtime may ask for all of them at times."""

    trapped: tuple[Vector, ...]
    switched: bool


@dataclass(frozen=True)
class Switched:
    """An MSR with separate values for guest and host; `how`: fields (of the VMCS), list (of MSRs), swap (by us)."""

    msr: Msr
    how: str
    span: Span

    @property
    def means(self) -> str:
        """Return in words what switches it."""
        how = {"fields": "VMCS fields", "list": "the MSR areas", "swap": "the runtime at each VM entry and exit"}
        return how[self.how]


@dataclass(frozen=True)
class CpuidPolicy:
    """Features that are shown, and leaves that the hypervisor adds."""

    shown: tuple[Feature, ...]
    forced: tuple[Feature, ...]
    leaves: tuple[CpuidLeaf, ...]
    own: tuple[tuple[int, tuple[int, int, int, int]], ...]
    span: Span
    places: Mapping[str, Span] = field(default_factory=dict)  # of the rule that decided about a feature


@dataclass(frozen=True)
class MemoryRule:
    """`kind`: hide, watch, alias or map; the first rule that covers an address decides."""

    kind: str
    region: Region
    rights: str
    onto: int
    span: Span


@dataclass(frozen=True)
class Handler:
    """An event's body."""

    event: str
    binder: str
    body: Body
    doc: Doc
    span: Span


@dataclass(frozen=True)
class Hypercall:
    """A hypercall, typed; `errors` are all that it may fail with."""

    number: int
    name: str
    parameters: tuple[tuple[str, Type], ...]
    returns: Scalar | None
    callers: tuple[str, ...]
    errors: tuple[str, ...]
    body: Body
    doc: Doc
    span: Span

    @property
    def signature(self) -> str:
        """Return name, parameters and result as the spec has them."""
        parameters = ", ".join(f"{name} : {type.name}" for name, type in self.parameters)
        return f"{self.name}({parameters})" + (f" -> {self.returns.name}" if self.returns else "")


@dataclass(frozen=True)
class Domain:
    """A domain, resolved. `under`: who runs it, if not the hypervisor itself; `held`: owned bits that are kept on.

    `bitmaps`: those that its processor reads.
    """

    name: str
    under: str
    doc: Doc
    native: tuple[Name, ...]
    trapped: tuple[Name, ...]
    settings: dict[str, Setting]
    required: tuple[Required, ...]
    required_features: tuple[Feature, ...]
    owned: dict[str, int]
    held: dict[str, int]
    cpuid: CpuidPolicy
    msr: MsrPolicy
    io: IoPolicy
    exceptions: ExceptionPolicy
    switched: tuple[Switched, ...]
    reset: tuple[tuple[StateField, Expression], ...]
    memory: tuple[MemoryRule, ...]
    handlers: dict[str, Handler]
    span: Span
    bitmaps: dict[str, Bitmap] = field(default_factory=dict)
    before_alternatives: dict[tuple[str, int], tuple[Statement, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class HostValue:
    """The bits of `mask` are always those of `value`; the others are set at run time."""

    state: StateField
    mask: int
    value: int
    span: Span

    @property
    def is_constant(self) -> bool:
        """Return whether every bit is known."""
        return self.mask == (1 << self.state.type.bits) - 1


@dataclass(frozen=True)
class Host:
    """What is declared, by name; nothing where the spec has no `host` block."""

    values: dict[str, HostValue] = field(default_factory=dict)
    span: Span = NOWHERE


@dataclass(frozen=True)
class Model:
    """The checked whole."""

    facts: Facts
    constants: dict[str, tuple[int, Scalar, Doc]] = field(default_factory=dict)
    structs: dict[str, StructType] = field(default_factory=dict)
    externs: dict[str, Extern] = field(default_factory=dict)
    regions: dict[str, Region] = field(default_factory=dict)
    hypercalls: dict[str, Hypercall] = field(default_factory=dict)
    errnos: dict[str, Errno] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)
    host: Host = field(default_factory=Host)
    abi: Abi = field(default_factory=Abi)
