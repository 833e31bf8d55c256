"""Statements of typed bodies."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.source import Span
from codegen.syntax.expressions import Expr
from codegen.syntax.words import Name, Text


@dataclass(frozen=True)
class Let:
    """`let name = value;`."""

    name: Name
    value: Expr
    span: Span


@dataclass(frozen=True)
class Assign:
    """`target = value;`."""

    target: Expr
    value: Expr
    span: Span


@dataclass(frozen=True)
class If:
    """`if condition { } else { }`."""

    condition: Expr
    then: Block
    otherwise: Block | None
    span: Span


@dataclass(frozen=True)
class CallStatement:
    """`call();`."""

    call: Expr
    span: Span


@dataclass(frozen=True)
class Return:
    """`return value;` of a hypercall."""

    value: Expr
    span: Span


@dataclass(frozen=True)
class Fail:
    """`fail ERRNO;` of a hypercall."""

    errno: Name
    span: Span


@dataclass(frozen=True)
class Log:
    """`log "text", values;`."""

    text: Text
    values: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Outcome:
    """`kind`: advance, advance_by, resume, forward, inject, reset or stop."""

    kind: str
    span: Span
    value: Expr | None = None
    vector: Name | None = None
    text: Text | None = None
    forward: Name | None = None


Statement = Let | Assign | If | CallStatement | Return | Fail | Log | Outcome


@dataclass(frozen=True)
class Block:
    """Statements between braces."""

    statements: tuple[Statement, ...]
    span: Span
