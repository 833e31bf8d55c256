"""Vectors, ports, error numbers and reasons for exits to a VMM: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.language.expressions import say_range
from codegen.language.parts import (
    Children,
    makes,
    makes_list,
    part,
    pick,
    pick_all,
)
from codegen.language.words import Builder, Doc, Lines, Number, Text, braces, say_doc
from codegen.source import Name, Span


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
    """A number with a name and a meaning: an error of hypercalls, or a reason for exits to the VMM."""

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
    """Reasons for exits to the VMM."""

    forwards: tuple[Errno, ...]
    span: Span


class TableBuilder(Builder):
    """Build these tables."""

    vectors = makes_list(Vectors)

    def vector(self, children: Children) -> Vector:
        """Build number, name and traits."""
        names = pick_all(children, Name)
        return Vector(pick(children, Doc), pick(children, Number), names[0], names[1:])

    ports = makes_list(Ports)

    def port(self, children: Children) -> Port:
        """Build one port or a range."""
        first = pick(children, Number)
        return Port(pick(children, Doc), first, part(children, "upto") or first, pick(children, Name))

    errnos = makes_list(Errnos)
    errno = makes(Errno)
    forwards = makes_list(Forwards)


def say_vectors(node: Vectors) -> Lines:
    """Print a table of vectors."""
    lines: Lines = []
    for one in node.vectors:
        traits = " ".join(trait.text for trait in one.traits)
        lines += [*say_doc(one.doc), f"{one.number.text} {one.name.text} {traits};"]
    return braces("vectors", lines)


def say_ports(node: Ports) -> Lines:
    """Print a table of ports."""
    lines: Lines = []
    for one in node.ports:
        lines += [*say_doc(one.doc), f"{say_range(one.first, one.last)} {one.name.text};"]
    return braces("ports", lines)


def say_errnos(node: Errnos) -> Lines:
    """Print a table of error numbers."""
    return braces("errnos", [say_errno(one) for one in node.errnos])


def say_forwards(node: Forwards) -> Lines:
    """Print a table of reasons for exits to the VMM."""
    return braces("forwards", [say_errno(one) for one in node.forwards])


def say_errno(node: Errno) -> str:
    """Print a number, its name and its meaning."""
    return f'{node.number.text} {node.name.text} "{node.text.value}";'
