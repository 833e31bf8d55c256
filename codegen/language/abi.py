"""What the hypervisor shares with programs of dom0, and the command line's options: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from lark import v_args
from lark.tree import Meta

from codegen.language.expressions import say_range
from codegen.language.parts import Children, Part, keeps, makes, part, pick, pick_all, pick_word
from codegen.language.words import Builder, Doc, Lines, Number, Text, braces, say_doc
from codegen.source import Name, Span


@dataclass(frozen=True)
class RecordField:
    """Fields of one type that follow each other from an offset on; `overlay`: over bytes that others have too."""

    doc: Doc | None
    overlay: bool
    offset: Number
    names: tuple[Name, ...]
    type: Name
    count: Number | None


@dataclass(frozen=True)
class Record:
    """A structure in memory that both sides use."""

    name: Name
    size: Number
    fields: tuple[RecordField, ...]


@dataclass(frozen=True)
class Numbered:
    """A number, its name, what it means, and the bytes that it stands for."""

    number: Number
    name: Name
    size: Number | None
    text: Text


@dataclass(frozen=True)
class MemberText:
    """One of the numbers that each of several has."""

    name: Name
    text: Text


@dataclass(frozen=True)
class NumberedEach:
    """As many numbers as there are members, for each of several, from a first number on."""

    number: Number
    name: Name
    members: tuple[MemberText, ...]


@dataclass(frozen=True)
class Numbers:
    """Numbers with names: what an argument selects, or what a field holds."""

    name: Name
    numbers: tuple[Numbered | NumberedEach, ...]


@dataclass(frozen=True)
class Flag:
    """A bit or a range of bits, and what it means."""

    low: Number
    high: Number
    name: Name
    text: Text


@dataclass(frozen=True)
class Flags:
    """Bits with names; `all`: and a name for all of them."""

    name: Name
    all: bool
    flags: tuple[Flag, ...]


@dataclass(frozen=True)
class Limit:
    """The highest number of something."""

    number: Number
    name: Name
    text: Text


@dataclass(frozen=True)
class Limits:
    """A table of limits."""

    limits: tuple[Limit, ...]
    span: Span


@dataclass(frozen=True)
class Caller:
    """Who may call: the way it calls, and the handles that it can be checked against."""

    name: Name
    way: Name
    handles: tuple[Name, ...]
    text: Text


@dataclass(frozen=True)
class Callers:
    """All callers, and the number that marks a hypercall."""

    magic: Number
    callers: tuple[Caller, ...]
    span: Span


@dataclass(frozen=True)
class Option:
    """An option of the command line: its field, how it is written, and how its value is read."""

    doc: Doc | None
    name: Name
    syntax: Text
    kind: Name
    limit: Number | None


@dataclass(frozen=True)
class Options:
    """All options."""

    options: tuple[Option, ...]
    span: Span


class AbiBuilder(Builder):
    """Build these declarations."""

    def record(self, children: Children) -> Record:
        """Build a name, a size and fields."""
        return Record(children[0], children[1], tuple(children[2:]))

    def record_field(self, children: Children) -> RecordField:
        """Build an offset, names, and their type."""
        overlay = pick_word(children, "OVERLAY") is not None
        return RecordField(
            pick(children, Doc), overlay, pick(children, Number), pick(children, tuple), pick(children, Name),
            part(children, "count"),
        )

    record_count = keeps("count")

    def numbers(self, children: Children) -> Numbers:
        """Build a name and its numbers."""
        return Numbers(children[0], tuple(children[1:]))

    def numbered(self, children: Children) -> Numbered:
        """Build a number, a name, a size and a text."""
        return Numbered(children[0], children[1], part(children, "size"), children[-1])

    numbered_size = keeps("size")
    member_text = makes(MemberText)

    def numbered_each(self, children: Children) -> NumberedEach:
        """Build a first number, a name and members."""
        return NumberedEach(children[0], children[1], tuple(children[2:]))

    def flags(self, children: Children) -> Flags:
        """Build a name and its bits."""
        return Flags(children[0], pick_word(children, "ALL") is not None, pick_all(children, Flag))

    def flag(self, children: Children) -> Flag:
        """Build a bit or a range."""
        low = children[0]
        return Flag(low, part(children, "upto") or low, pick(children, Name), children[-1])

    limit = makes(Limit)

    @v_args(meta=True)
    def limits(self, meta: Meta, children: Children) -> Limits:
        """Build a table of limits."""
        return Limits(tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def callers(self, meta: Meta, children: Children) -> Callers:
        """Build the magic number and the callers."""
        return Callers(children[0], tuple(children[1:]), self.span_over(meta))

    def caller(self, children: Children) -> Caller:
        """Build a name, a way, handles and a text."""
        return Caller(*children)

    @v_args(meta=True)
    def options(self, meta: Meta, children: Children) -> Options:
        """Build all options."""
        return Options(tuple(children), self.span_over(meta))

    def option(self, children: Children) -> Option:
        """Build a field, how it is written, and a kind."""
        names = pick_all(children, Name)
        return Option(pick(children, Doc), names[0], pick(children, Text), names[1], part(children, "limit"))

    def option_limit(self, children: Children) -> Part:
        """Build the highest number of values."""
        return Part("limit", children[0])


def say_record(node: Record) -> Lines:
    """Print a structure."""
    lines = [line for field in node.fields for line in say_record_field(field)]
    return braces(f"record {node.name.text} size {node.size.text}", lines)


def say_record_field(node: RecordField) -> Lines:
    """Print an offset, names and their type."""
    names = ", ".join(one.text for one in node.names)
    count = f"[{node.count.text}]" if node.count else ""
    line = f"{'overlay ' if node.overlay else ''}{node.offset.text} {names} : {node.type.text}{count};"
    return [*say_doc(node.doc), line]


def say_numbers(node: Numbers) -> Lines:
    """Print numbers with names."""
    return braces(f"numbers {node.name.text}", [line for one in node.numbers for line in say_numbered(one)])


def say_numbered(node: Numbered | NumberedEach) -> Lines:
    """Print one number, or those that each of several has."""
    if isinstance(node, NumberedEach):
        members = [f'{one.name.text} "{one.text.value}";' for one in node.members]
        return braces(f"{node.number.text} each {node.name.text}", members)
    size = f" size {node.size.text}" if node.size else ""
    return [f'{node.number.text} {node.name.text}{size} "{node.text.value}";']


def say_flags(node: Flags) -> Lines:
    """Print bits with names."""
    lines = [f'{say_range(one.low, one.high)} {one.name.text} "{one.text.value}";' for one in node.flags]
    return braces(f"flags {node.name.text}{' all' if node.all else ''}", lines)


def say_limits(node: Limits) -> Lines:
    """Print a table of limits."""
    return braces("limits", [f'{one.number.text} {one.name.text} "{one.text.value}";' for one in node.limits])


def say_callers(node: Callers) -> Lines:
    """Print the callers."""
    return braces(f"callers magic {node.magic.text}", [say_caller(one) for one in node.callers])


def say_caller(node: Caller) -> str:
    """Print a caller."""
    handles = ", ".join(one.text for one in node.handles)
    return f'{node.name.text} by {node.way.text} for {handles} "{node.text.value}";'


def say_options(node: Options) -> Lines:
    """Print the options."""
    return braces("options", [line for one in node.options for line in say_option(one)])


def say_option(node: Option) -> Lines:
    """Print an option."""
    limit = f" {node.limit.text}" if node.limit else ""
    return [*say_doc(node.doc), f'{node.name.text} "{node.syntax.value}" {node.kind.text}{limit};']
