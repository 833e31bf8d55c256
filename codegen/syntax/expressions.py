"""Expressions."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.source import Span
from codegen.syntax.words import Name, Number


@dataclass(frozen=True)
class NumberExpr:
    """`0x1F`."""

    number: Number
    span: Span


@dataclass(frozen=True)
class NameExpr:
    """`name`."""

    name: Name
    span: Span


@dataclass(frozen=True)
class MsrExpr:
    """`msr NAME`."""

    name: Name
    span: Span


@dataclass(frozen=True)
class Member:
    """`base.name`."""

    base: Expr
    name: Name
    span: Span


@dataclass(frozen=True)
class BitSelect:
    """`base[low..high]`."""

    base: Expr
    low: Number
    high: Number
    span: Span


@dataclass(frozen=True)
class Call:
    """`callee(arguments)`."""

    callee: Expr
    arguments: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Unary:
    """`-x`, `~x`, `not x`."""

    operator: str
    operand: Expr
    span: Span


@dataclass(frozen=True)
class Binary:
    """`left operator right`."""

    operator: str
    left: Expr
    right: Expr
    span: Span


Expr = NumberExpr | NameExpr | MsrExpr | Member | BitSelect | Call | Unary | Binary
