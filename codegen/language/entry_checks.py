"""The checks that a VM entry makes: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from lark import v_args
from lark.tree import Meta

from codegen.language.expressions import Expr, say_expression
from codegen.language.parts import Children, keeps, part, pick, pick_all
from codegen.language.words import Builder, Doc, Lines, Number, Text, braces, say_doc
from codegen.source import Name, Span


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
