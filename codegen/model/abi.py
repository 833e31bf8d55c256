"""What the hypervisor shares with programs of dom0, and the options of the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.model.facts import Doc
from codegen.model.types import Scalar
from codegen.source import Span


@dataclass(frozen=True)
class RecordField:
    """A field of a record; `count`: of an array, else 0; `overlay`: over bytes that others have too."""

    name: str
    offset: int
    type: Scalar | Record
    count: int
    overlay: bool
    doc: Doc
    span: Span

    @property
    def size(self) -> int:
        """Return its bytes."""
        return size_of(self.type) * (self.count or 1)

    @property
    def end(self) -> int:
        """Return the offset after it."""
        return self.offset + self.size


@dataclass(frozen=True)
class Record:
    """A structure in memory that both sides use, its fields in order of offset."""

    name: str
    size: int
    fields: tuple[RecordField, ...]
    doc: Doc
    span: Span

    @property
    def alignment(self) -> int:
        """Return the alignment of its widest field."""
        return max((alignment_of(one.type) for one in self.fields), default=1)


def size_of(type: Scalar | Record) -> int:
    """Return a type's bytes."""
    return type.size if isinstance(type, Record) else type.bits // 8


def alignment_of(type: Scalar | Record) -> int:
    """Return what a type's offset is a multiple of."""
    return type.alignment if isinstance(type, Record) else type.bits // 8


@dataclass(frozen=True)
class Number:
    """A number with a name; `size`: the bytes that it stands for, or 0."""

    number: int
    name: str
    size: int
    text: str


@dataclass(frozen=True)
class Each:
    """Numbers that each of several has: the first one's are `first`, the next one's follow after as many numbers."""

    name: str
    first: int
    members: tuple[Number, ...]

    @property
    def stride(self) -> int:
        """Return how many numbers each has."""
        return len(self.members)


@dataclass(frozen=True)
class Numbers:
    """Numbers of one kind."""

    name: str
    numbers: tuple[Number, ...]
    each: Each | None
    doc: Doc
    span: Span


@dataclass(frozen=True)
class Flag:
    """Bits with a name."""

    name: str
    low: int
    high: int
    text: str

    @property
    def mask(self) -> int:
        """Return these bits as ones."""
        return (2 << self.high) - (1 << self.low)


@dataclass(frozen=True)
class Flags:
    """Bits of one word; `has_all`: they also have a name together."""

    name: str
    flags: tuple[Flag, ...]
    has_all: bool
    doc: Doc
    span: Span

    @property
    def mask(self) -> int:
        """Return all bits that have a name."""
        return sum(one.mask for one in self.flags)


@dataclass(frozen=True)
class Limit:
    """The highest number of something."""

    name: str
    number: int
    text: str
    span: Span


@dataclass(frozen=True)
class Caller:
    """Who may make hypercalls; `way`: vmcall or port; `handles`: what it can be checked against, "" for nothing."""

    name: str
    bit: int
    way: str
    handles: tuple[str, ...]
    text: str
    span: Span


@dataclass(frozen=True)
class Option:
    """An option of the command line; `kind`: flag, drive or sizes; `limit`: how many values at most, or 0."""

    name: str
    syntax: str
    prefix: str
    kind: str
    limit: int
    doc: Doc
    span: Span


@dataclass(frozen=True)
class Abi:
    """The whole interface besides the hypercalls themselves; `magic`: the upper half of RAX of a hypercall."""

    records: dict[str, Record] = field(default_factory=dict)
    numbers: dict[str, Numbers] = field(default_factory=dict)
    flags: dict[str, Flags] = field(default_factory=dict)
    limits: dict[str, Limit] = field(default_factory=dict)
    magic: int = 0
    callers: dict[str, Caller] = field(default_factory=dict)
    options: dict[str, Option] = field(default_factory=dict)
