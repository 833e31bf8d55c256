"""Exits and the events that they become: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lark import Token

from codegen.language.expressions import Expr, say_expression
from codegen.language.parts import Children, Part, keeps, keeps_all, makes, makes_list, part, parts, pick, pick_all
from codegen.language.words import Builder, Doc, Lines, Number, Text, braces, say_doc
from codegen.source import Name, Span


@dataclass(frozen=True)
class PayloadField:
    """A value that an event carries."""

    name: Name
    value: Expr


@dataclass(frozen=True)
class Alternative:
    """The event that an exit becomes, where the condition holds."""

    event: Name
    payload: tuple[PayloadField, ...]
    where: Expr | None


@dataclass(frozen=True)
class Exit:
    """One basic exit reason; `condition` is "always", "never" or an expression; no name: reserved.

    `layouts`: words of information, and how this exit fills them.
    """

    doc: Doc | None
    number: Number
    name: Name | None
    condition: str | Expr
    length: str | Number
    layouts: tuple[tuple[Name, Name], ...]
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class InformationWord:
    """A name for a field that says more about an exit, and its title."""

    name: Name
    field: Name
    title: Text


@dataclass(frozen=True)
class Information:
    """The words of information that exits may fill."""

    words: tuple[InformationWord, ...]
    span: Span


@dataclass(frozen=True)
class Exits:
    """The basic exit reasons."""

    exits: tuple[Exit, ...]
    span: Span


def word_or_node(children: Children) -> Any:
    """Return a keyword as its text, or the node that stands instead of one."""
    return str(children[0]) if isinstance(children[0], Token) else children[0]


class ExitBuilder(Builder):
    """Build exits."""

    exits = makes_list(Exits)

    def exit_reserved(self, children: Children) -> Exit:
        """Build a number that no exit has."""
        return Exit(None, children[0], None, "never", "none", (), ())

    def exit(self, children: Children) -> Exit:
        """Build a basic exit reason and the events that it becomes."""
        return Exit(
            pick(children, Doc), pick(children, Number), pick(children, Name), part(children, "condition"),
            part(children, "length"), parts(children, "layout"),
            pick_all(children, Alternative),
        )

    def condition(self, children: Children) -> Part:
        """Build `always`, `never`, or an expression."""
        return Part("condition", word_or_node(children))

    def length(self, children: Children) -> Part:
        """Build `field`, `none`, `decoder`, or a number of bytes."""
        return Part("length", word_or_node(children))

    def exit_layout(self, children: Children) -> Part:
        """Build a word of information and its layout."""
        return Part("layout", (children[0], children[1]))

    information = makes_list(Information)
    information_word = makes(InformationWord)

    def alternative(self, children: Children) -> Alternative:
        """Build an event, its payload, and its condition."""
        return Alternative(children[0], part(children, "payload") or (), part(children, "where"))

    payload = keeps_all("payload")
    payload_field = makes(PayloadField)
    where = keeps("where")


def say_information(node: Information) -> Lines:
    """Print the words of information."""
    lines = [f'{one.name.text} = {one.field.text} "{one.title.value}";' for one in node.words]
    return braces("information", lines)


def say_exits(node: Exits) -> Lines:
    """Print the basic exit reasons."""
    return braces("exits", [line for exit in node.exits for line in say_exit(exit)])


def say_exit(node: Exit) -> Lines:
    """Print an exit, each event on a separate line."""
    if node.name is None:
        return [f"{node.number.text} reserved;"]
    condition = node.condition if isinstance(node.condition, str) else f"when {say_expression(node.condition)}"
    length = node.length if isinstance(node.length, str) else node.length.text
    head = f"{node.number.text} {node.name.text} {condition} length {length}"
    head += "".join(f" {word.text} {layout.text}" for word, layout in node.layouts)
    lines = [head, *(line for alternative in node.alternatives for line in say_alternative(alternative))]
    return [*say_doc(node.doc), *lines[:-1], f"{lines[-1]};"]


def say_alternative(node: Alternative) -> Lines:
    """Print `=> event NAME { payload } where CONDITION`."""
    where = f" where {say_expression(node.where)}" if node.where else ""
    payload = [f"{one.name.text} = {say_expression(one.value)};" for one in node.payload]
    head = f"    => event {node.event.text}"
    return [f"{head} {{", *(f"        {line}" for line in payload), f"    }}{where}"] if payload else [head + where]
