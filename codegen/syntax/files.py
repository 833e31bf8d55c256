"""Whole files."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.syntax.choices import Const, Extern, Hypercall, Region, Struct
from codegen.syntax.domains import Domain
from codegen.syntax.entry_checks import Checks
from codegen.syntax.facts import Capabilities, Controls, Exits, Layout, Manual, Vmcs
from codegen.syntax.tables import Cpuid, Errnos, Forwards, Msrs, Ports, State, Vectors
from codegen.syntax.words import Doc

Declaration = (
    Manual | Vmcs | Controls | Capabilities | Layout | Exits | Checks | State | Msrs | Cpuid | Vectors | Ports | Errnos
    | Forwards | Const | Struct | Extern | Region | Hypercall | Domain
)


@dataclass(frozen=True)
class Item:
    """A declaration under its documentation."""

    doc: Doc | None
    declaration: Declaration


@dataclass(frozen=True)
class File:
    """A file's declarations."""

    path: str
    items: tuple[Item, ...]
