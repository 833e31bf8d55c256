"""Exits, the events that they become, and the checks of entries: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lark import Token, v_args
from lark.tree import Meta

from codegen.language.expressions import Expr, say_expression, say_range
from codegen.language.parts import (
    Children,
    Part,
    keeps,
    keeps_all,
    makes,
    makes_list,
    part,
    parts,
    pick,
    pick_all,
    pick_word,
)
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
    """An exit reason, or a range of them; `condition` is "always", "never" or an expression; no name: reserved.

    `negative`: the number stands below zero. `length`: a word, a number, or a field and what holds without it.
    `layouts`: words of information, and how this exit fills them.
    """

    doc: Doc | None
    number: Number
    last: Number
    negative: bool
    name: Name | None
    condition: str | Expr
    length: str | Number | tuple[Name, Number]
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
        """Build a number, or a range, that no exit has."""
        number = children[0]
        return Exit(None, number, part(children, "upto") or number, False, None, "never", "none", (), ())

    def exit(self, children: Children) -> Exit:
        """Build a basic exit reason and the events that it becomes."""
        number, negative = pick(children, Number), pick_word(children, "MINUS") is not None
        return Exit(
            pick(children, Doc), number, part(children, "upto") or number, negative, pick(children, Name),
            part(children, "condition"), part(children, "length"), parts(children, "layout"),
            pick_all(children, Alternative),
        )

    def condition(self, children: Children) -> Part:
        """Build `always`, `never`, or an expression."""
        return Part("condition", word_or_node(children))

    def length(self, children: Children) -> Part:
        """Build `field`, `none`, `decoder`, or a number of bytes."""
        return Part("length", word_or_node(children))

    def length_or(self, children: Children) -> tuple[Name, Number]:
        """Build a field, and the length where the processor lacks it."""
        return (children[0], children[1])

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
        return [f"{say_range(node.number, node.last)} reserved;"]
    condition = node.condition if isinstance(node.condition, str) else f"when {say_expression(node.condition)}"
    number = ("-" if node.negative else "") + say_range(node.number, node.last)
    head = f"{number} {node.name.text} {condition} length {say_length(node.length)}"
    head += "".join(f" {word.text} {layout.text}" for word, layout in node.layouts)
    lines = [head, *(line for alternative in node.alternatives for line in say_alternative(alternative))]
    return [*say_doc(node.doc), *lines[:-1], f"{lines[-1]};"]


def say_length(length: str | Number | tuple[Name, Number]) -> str:
    """Print where the length of an instruction comes from."""
    if isinstance(length, tuple):
        return f"{length[0].text} or {length[1].text}"
    return length if isinstance(length, str) else length.text


def say_alternative(node: Alternative) -> Lines:
    """Print `=> event NAME { payload } where CONDITION`."""
    where = f" where {say_expression(node.where)}" if node.where else ""
    payload = [f"{one.name.text} = {say_expression(one.value)};" for one in node.payload]
    head = f"    => event {node.event.text}"
    return [f"{head} {{", *(f"        {line}" for line in payload), f"    }}{where}"] if payload else [head + where]


# ---- entry checks


@dataclass(frozen=True)
class Rule:
    """`holds` must be true where `when` is."""

    doc: Doc | None
    name: Name
    when: Expr | None
    holds: Expr


@dataclass(frozen=True)
class Each:
    """Rules for each value of a word that stands in their names, between underscores."""

    word: Name
    values: tuple[Name, ...]
    rules: tuple[Rule, ...]
    span: Span


@dataclass(frozen=True)
class Omitted:
    """A check of the manual that is no rule here, and why."""

    doc: Doc | None
    name: Name
    reason: Text


@dataclass(frozen=True)
class Fails:
    """What an entry that breaks the rules ends with: a VM-instruction error, or an exit."""

    error: Number | None
    exit: Name | None


@dataclass(frozen=True)
class Checks:
    """A group of rules."""

    name: Name
    fails: Fails
    items: tuple[Rule | Each | Omitted, ...]


class EntryCheckBuilder(Builder):
    """Build entry checks."""

    def checks(self, children: Children) -> Checks:
        """Build a name, how it fails, and the rules."""
        return Checks(children[0], children[1], tuple(children[2:]))

    def fails_error(self, children: Children) -> Fails:
        """Build `fails error NUMBER`."""
        return Fails(children[0], None)

    def fails_exit(self, children: Children) -> Fails:
        """Build `fails exit NAME`."""
        return Fails(None, children[0])

    def check_rule(self, children: Children) -> Rule:
        """Build a rule: what must hold, and when."""
        return Rule(pick(children, Doc), pick(children, Name), part(children, "when"), children[-1])

    rule_when = keeps("when")

    @v_args(meta=True)
    def each(self, meta: Meta, children: Children) -> Each:
        """Build `each`: a word, its values, and rules."""
        word, *values = pick_all(children, Name)
        return Each(word, tuple(values), pick_all(children, Rule), self.span_over(meta))

    def omitted(self, children: Children) -> Omitted:
        """Build a check that is no rule."""
        return Omitted(pick(children, Doc), children[-2], children[-1])


def say_checks(node: Checks) -> Lines:
    """Print a group of rules."""
    fails = f"exit {node.fails.exit.text}" if node.fails.exit else f"error {say_number(node.fails)}"
    return braces(f"checks {node.name.text} fails {fails}", [line for one in node.items for line in say_item(one)])


def say_number(fails: Fails) -> str:
    """Print the VM-instruction error's number."""
    return fails.error.text if fails.error else ""


def say_item(node: Rule | Each | Omitted) -> Lines:
    """Print a rule, several rules, or a check that is omitted."""
    match node:
        case Rule():
            return say_rule(node)
        case Each(word, values, rules):
            names = ", ".join(one.text for one in values)
            return braces(f"each {word.text} in {names}", [line for one in rules for line in say_rule(one)])
        case Omitted(doc, name, reason):
            return [*say_doc(doc), f'omitted {name.text} "{reason.value}";']


def say_rule(node: Rule) -> Lines:
    """Print a rule, what must hold on a second line."""
    when = f" when {say_expression(node.when)}" if node.when else ""
    return [*say_doc(node.doc), f"rule {node.name.text}{when}:", f"    {say_expression(node.holds)};"]
