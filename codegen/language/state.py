"""Guest state, its values after reset, and the bitmaps that the processor reads: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.language.expressions import Expr, say_expression, say_range
from codegen.language.msrs import Reference
from codegen.language.parts import (
    Children,
    Part,
    keeps,
    makes_named_list,
    part,
    pick,
    pick_all,
)
from codegen.language.words import Builder, Doc, Lines, Number, braces, say_doc
from codegen.source import Name


@dataclass(frozen=True)
class StateField:
    """State under a neutral name: a register, a field, or software; guests read owned bits from `shadow`."""

    doc: Doc | None
    name: Name
    type: Name | None
    register: Number | None
    field: Name | None
    index: Number | None
    shadow: Name | None
    layout: Name | None


@dataclass(frozen=True)
class State:
    """A table of guest state."""

    name: Name
    fields: tuple[StateField, ...]


@dataclass(frozen=True)
class BitmapRange:
    """From a byte on, a bit for each number from first to last, for one direction of accesses or for both.

    `every`: how far apart these bits are, and which of the first byte is the first; None: side by side.
    """

    offset: Number
    direction: Name
    first: Number
    last: Number
    every: tuple[Number, Number | None] | None


@dataclass(frozen=True)
class Bitmap:
    """A bitmap that the processor reads: its bytes, and what its bits are for.

    `used`: the control with which it is read, `otherwise`: the one that causes VM exits by every access without it.
    """

    name: Name
    size: Number
    used: Reference | None
    otherwise: Reference | None
    ranges: tuple[BitmapRange, ...]


@dataclass(frozen=True)
class ResetTable:
    """Guest state after reset: values under a name, for domains to start from."""

    name: Name
    values: tuple[tuple[Name, Expr], ...]


class StateBuilder(Builder):
    """Build these tables."""

    state = makes_named_list(State)

    def state_field(self, children: Children) -> StateField:
        """Build a neutral name and where its value is kept."""
        field, index, shadow = part(children, "field") or (None, None, None)
        return StateField(
            pick(children, Doc), pick(children, Name), part(children, "type"),
            part(children, "register"), field, index, shadow, part(children, "layout"),
        )

    def bitmap(self, children: Children) -> Bitmap:
        """Build a name, a size and ranges."""
        used, otherwise = part(children, "with"), part(children, "else")
        return Bitmap(children[0], children[1], used, otherwise, pick_all(children, BitmapRange))

    bitmap_with = keeps("with")
    bitmap_else = keeps("else")

    def bitmap_range(self, children: Children) -> BitmapRange:
        """Build a byte, a direction and numbers."""
        offset, direction, first = children[:3]
        return BitmapRange(offset, direction, first, part(children, "upto") or first, part(children, "every"))

    def every(self, children: Children) -> Part:
        """Build the distance of bits, and the first one."""
        return Part("every", (children[0], children[1] if len(children) > 1 else None))

    reset_table = makes_named_list(ResetTable)

    def assign_reset(self, children: Children) -> tuple[Name, Expr]:
        """Build a register's value after reset, in a table or in a domain."""
        return (children[0], children[1])

    state_type = keeps("type")
    state_register = keeps("register")
    state_index = keeps("index")
    shadow = keeps("shadow")

    def state_vmcs(self, children: Children) -> Part:
        """Build `= field`, the register number that it also has, and its shadow."""
        return Part("field", (children[0], part(children, "index"), part(children, "shadow")))


def say_state(node: State) -> Lines:
    """Print a table of guest state."""
    return braces(f"state {node.name.text}", [line for field in node.fields for line in say_state_field(field)])


def say_state_field(node: StateField) -> Lines:
    """Print a neutral name and where its value is kept."""
    text = node.name.text + (f" : {node.type.text}" if node.type else "")
    if node.register:
        text += f" register {node.register.text}"
    elif node.field:
        text += f" = {node.field.text}" + (f" index {node.index.text}" if node.index else "")
        text += f" shadow {node.shadow.text}" if node.shadow else ""
    else:
        text += " software"
    return [*say_doc(node.doc), text + (f" layout {node.layout.text};" if node.layout else ";")]


def say_bitmap(node: Bitmap) -> Lines:
    """Print a bitmap's ranges."""
    head = f"bitmap {node.name.text} size {node.size.text}"
    for word, reference in (("with", node.used), ("else", node.otherwise)):
        head += f" {word} {'.'.join(name.text for name in reference.names)}" if reference else ""
    return braces(head, [say_bitmap_range(one) for one in node.ranges])


def say_bitmap_range(node: BitmapRange) -> str:
    """Print from which byte on a bitmap has bits for which numbers."""
    text = f"{node.offset.text} {node.direction.text} {say_range(node.first, node.last)}"
    if node.every:
        distance, start = node.every
        text += f" every {distance.text}" + (f" from {start.text}" if start else "")
    return f"{text};"


def say_reset_table(node: ResetTable) -> Lines:
    """Print values after reset."""
    return braces(f"reset {node.name.text}", say_reset_values(node.values))


def say_reset_values(values: tuple[tuple[Name, Expr], ...]) -> Lines:
    """Print a line for each value."""
    return [f"{name.text} = {say_expression(value)};" for name, value in values]
