"""What the processor has: the checks that a VM entry makes."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.source import Span
from codegen.syntax.expressions import Expr
from codegen.syntax.words import Doc, Name, Number, Text


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
