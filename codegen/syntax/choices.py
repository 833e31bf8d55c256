"""What Luvalley does with the processor: constants, externs, regions, hypercalls."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.syntax.bodies import Block
from codegen.syntax.expressions import Expr
from codegen.syntax.words import Name, Number


@dataclass(frozen=True)
class Const:
    """A named number."""

    name: Name
    type: Name
    value: Expr


@dataclass(frozen=True)
class Parameter:
    """A name and its type."""

    name: Name
    type: Name


@dataclass(frozen=True)
class Struct:
    """A struct that externs return."""

    name: Name
    fields: tuple[Parameter, ...]


@dataclass(frozen=True)
class Extern:
    """A C function that bodies may call."""

    name: Name
    parameters: tuple[Parameter, ...]
    returns: Name | None
    cost: Number | None


@dataclass(frozen=True)
class Region:
    """`kind`: "runtime" (placed at boot), "all", or "at" with expressions for base and size."""

    name: Name
    kind: str
    base: Expr | None
    size: Expr | None


@dataclass(frozen=True)
class Hypercall:
    """A call from the guest: number, signature, callers, errors, body."""

    number: Number
    name: Name
    parameters: tuple[Parameter, ...]
    returns: Name | None
    callers: tuple[Name, ...]
    errors: tuple[Name, ...]
    body: Block
