"""Facts: what the processor has."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.model.entry_checks import EntryGroup, EntryRule
from codegen.model.ir import ALWAYS, Condition, Constant, Expression
from codegen.model.types import Scalar
from codegen.source import NOWHERE, Span


@dataclass(frozen=True)
class Doc:
    """Text of a `///` comment: `summary` without citations, `sections` of the manual."""

    summary: str = ""
    sections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bit:
    """Bits low..high of something, named; `values` are its enumerators."""

    name: str
    low: int
    high: int
    values: tuple[tuple[str, int], ...]
    span: Span

    @property
    def width(self) -> int:
        """Return how many bits these are."""
        return self.high - self.low + 1

    @property
    def mask(self) -> int:
        """Return the bits in place."""
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True)
class Layout:
    """Named bits of a value; `processor`: whose facts declare it, if they are not the machine's."""

    name: str
    bits: tuple[Bit, ...]
    processor: str = ""

    def find(self, name: str) -> Bit | None:
        """Return the bit of that name."""
        return next((bit for bit in self.bits if bit.name == name), None)


@dataclass(frozen=True)
class VmcsField:
    """A field of the VMCS, by encoding, or of a VMCB, by its offset in a page: `kind`.

    `area`: control, readonly, guest or host (SDM B, table 25-21).
    """

    name: str
    encoding: int
    type: Scalar
    natural: bool
    area: str
    group: str
    layout: Layout | None
    doc: Doc
    span: Span
    kind: str = "vmcs"

    @property
    def constant(self) -> str:
        """Return the name of its number in C."""
        return f"{self.kind}_{self.name}".upper()


@dataclass(frozen=True)
class Control:
    """One bit of a control word; `needs` must hold where it is on (SDM 27.2.1)."""

    word: str
    name: str
    bit: int
    span: Span
    needs_span: Span
    doc: Doc

    @property
    def path(self) -> str:
        """Return `word.control`."""
        return f"{self.word}.{self.name}"


@dataclass(frozen=True)
class ControlWord:
    """A field of controls, and the MSRs that say which of its bits may be 0 and 1: no name where all may (SDM A.3)."""

    name: str
    field: str
    msr: str
    true_msr: str | None
    allowed1_only: bool
    default1: int
    controls: tuple[Control, ...]
    doc: Doc
    span: Span


@dataclass(frozen=True)
class CapabilityTable:
    """A capability MSR and its bits; it exists where `needs` holds."""

    name: str
    msr: str
    bits: tuple[Bit, ...]
    doc: Doc
    needs: Condition


@dataclass(frozen=True)
class Alternative:
    """One event of an exit: its payload, and the condition that distinguishes it from others."""

    event: str
    payload: tuple[tuple[str, Expression], ...]
    where: Expression | None


@dataclass(frozen=True)
class InformationWord:
    """A field that says more about exits, under a name; what its bits are depends on the exit."""

    name: str
    field: str
    title: str
    span: Span


@dataclass(frozen=True)
class Information:
    """A word of information as one exit fills it."""

    word: InformationWord
    layout: Layout


@dataclass(frozen=True)
class Exit:
    """An exit reason, or a range of them; `length`: field, none, decoder or a number of bytes.

    `length_field`: what holds it, or the next RIP, where the processor has it; elsewhere it is the number.
    """

    number: int
    name: str
    condition: Condition
    length: str | int
    information: tuple[Information, ...]
    alternatives: tuple[Alternative, ...]
    doc: Doc
    span: Span
    condition_span: Span
    last: int
    length_field: str | None = None


@dataclass(frozen=True)
class Event:
    """What a domain handles: the payload's names and types are the same in all its exits."""

    name: str
    payload: tuple[tuple[str, Scalar], ...]
    exits: tuple[str, ...]
    span: Span


@dataclass(frozen=True)
class StateField:
    """State by a neutral name: a saved register, a field, or software's; guests read owned bits from `shadow`."""

    name: str
    type: Scalar
    register: int | None
    field: str | None
    layout: Layout | None
    span: Span
    shadow: str | None = None


@dataclass(frozen=True)
class BitmapRange:
    """From byte `offset` on, a bit for each number first..last; `direction`: read, write, or access for both.

    The first bit is bit `start` of that byte, and each is `stride` bits after the one before.
    """

    offset: int
    direction: str
    first: int
    last: int
    stride: int = 1
    start: int = 0

    @property
    def size(self) -> int:
        """Return its bytes, the last one perhaps in part."""
        return ((self.last - self.first) * self.stride + self.start) // 8 + 1

    def find(self, number: int) -> int:
        """Return the bit of a number, counted from the bitmap's first byte."""
        return self.offset * 8 + self.start + (number - self.first) * self.stride

    def overlaps(self, other: BitmapRange) -> bool:
        """Return whether two ranges share a bit; such with one place and distance do not where they start apart."""
        apart = (self.offset, self.stride) == (other.offset, other.stride) and self.start != other.start
        return not apart and self.offset < other.offset + other.size and other.offset < self.offset + self.size


@dataclass(frozen=True)
class Bitmap:
    """A bitmap that the processor reads: a set bit causes a VM exit; a number without a bit always does.

    `used`: the control with which it is read; `otherwise`: the one that causes VM exits by every access without it.
    """

    name: str
    size: int
    ranges: tuple[BitmapRange, ...]
    span: Span
    doc: Doc
    used: str = ""
    otherwise: str = ""

    def find(self, direction: str, number: int) -> int | None:
        """Return the bit for an access, counted from the first byte, or None."""
        for one in self.ranges:
            if one.direction in (direction, "access") and one.first <= number <= one.last:
                return one.find(number)
        return None

    def covers(self, direction: str, first: int, last: int) -> bool:
        """Return whether one range has a bit for each of the numbers."""
        return any(one.direction in (direction, "access") and one.first <= first and last <= one.last
                   for one in self.ranges)

    def ranges_at(self, offset: int) -> list[BitmapRange]:
        """Return the ranges that have bits in a byte."""
        return [one for one in self.ranges if one.offset <= offset < one.offset + one.size]


@dataclass(frozen=True)
class ResetValue:
    """A register's value after reset, and where it is declared."""

    field: StateField
    value: Constant
    span: Span


@dataclass(frozen=True)
class SwitchFields:
    """VMCS fields and controls that switch an MSR between guest and host."""

    guest: str
    host: str | None
    controls: tuple[tuple[str, str], ...]
    span: Span


@dataclass(frozen=True)
class Msr:
    """An MSR or a bank of them, first..last; `guarded` says why no guest may own it."""

    name: str
    first: int
    last: int
    group: str
    guarded: str
    switched: SwitchFields | None
    doc: Doc
    span: Span


@dataclass(frozen=True)
class Feature:
    """A CPUID feature bit; `needs` must hold where a guest sees it; `mirrors`: follows a guest register's bit.

    `own`: the part of `needs` that one processor adds, at `own_span`.
    """

    name: str
    leaf: CpuidLeaf
    register: str
    low: int
    high: int
    needs: Condition
    mirrors: tuple[str, Bit] | None
    span: Span
    needs_span: Span
    doc: Doc
    own: Condition = ALWAYS
    own_span: Span = NOWHERE


@dataclass(frozen=True)
class CpuidLeaf:
    """Leaves first..last, subleaves too (None: the leaf has none); register -> "value" or "features"."""

    first: int
    last: int
    subleaves: tuple[int, int] | None
    registers: tuple[tuple[str, str], ...]
    doc: Doc
    span: Span


@dataclass(frozen=True)
class Vector:
    """An exception and its traits."""

    number: int
    name: str
    traits: tuple[str, ...]
    span: Span


@dataclass(frozen=True)
class Port:
    """A port or a range."""

    name: str
    first: int
    last: int
    span: Span


@dataclass(frozen=True)
class Errno:
    """An error number of hypercalls, or a reason for exits to the VMM."""

    number: int
    name: str
    text: str


@dataclass(frozen=True)
class Lock:
    """A bit of an MSR by which firmware allows a processor's extensions, and what to say where it does not."""

    msr: str
    bit: Bit
    text: str


@dataclass(frozen=True)
class Extensions:
    """What decides whether a processor has its extensions, and how its fields are numbered.

    `feature`: of CPUID; `true`: table and bit without which there are no TRUE capability MSRs; `encoding`: a layout.
    """

    title: str
    feature: str
    lock: Lock | None
    true: tuple[str, Bit] | None
    encoding: Layout | None
    span: Span


@dataclass(frozen=True)
class Facts:
    """All facts by name: the machine's and those of one processor. `foreign_*`: names of any processor."""

    processor: str = ""
    extensions: Extensions | None = None
    processors: tuple[str, ...] = ()
    foreign_events: frozenset[str] = frozenset()
    foreign_features: frozenset[str] = frozenset()
    edition: str = ""
    sections: dict[str, str] = field(default_factory=dict)
    layouts: dict[str, Layout] = field(default_factory=dict)
    vmcs: dict[str, VmcsField] = field(default_factory=dict)
    words: dict[str, ControlWord] = field(default_factory=dict)
    controls: dict[str, Control] = field(default_factory=dict)
    field_needs: dict[str, Condition] = field(default_factory=dict)
    field_needs_spans: dict[str, Span] = field(default_factory=dict)
    word_needs: dict[str, Condition] = field(default_factory=dict)
    control_needs: dict[str, Condition] = field(default_factory=dict)
    capabilities: dict[str, CapabilityTable] = field(default_factory=dict)
    state: dict[str, StateField] = field(default_factory=dict)
    host: dict[str, StateField] = field(default_factory=dict)
    resets: dict[str, tuple[ResetValue, ...]] = field(default_factory=dict)
    bitmaps: dict[str, Bitmap] = field(default_factory=dict)
    information: dict[str, InformationWord] = field(default_factory=dict)
    exits: dict[str, Exit] = field(default_factory=dict)
    reserved_exits: dict[int, Span] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    msr_classes: dict[str, str] = field(default_factory=dict)
    msrs: dict[str, Msr] = field(default_factory=dict)
    feature_bits: dict[str, tuple[int, int, str, int]] = field(default_factory=dict)
    leaves: list[CpuidLeaf] = field(default_factory=list)
    features: dict[str, Feature] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    errnos: dict[str, Errno] = field(default_factory=dict)
    forwards: dict[str, Errno] = field(default_factory=dict)
    entry_checks: dict[str, EntryGroup] = field(default_factory=dict)
    entry_rules: dict[str, EntryRule] = field(default_factory=dict)
