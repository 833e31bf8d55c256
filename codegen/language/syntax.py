"""Whole files, and the nodes of every topic under one name.

What is printed parses to the same syntax again. `//` comments are not syntax.
"""

# ruff: noqa: F403

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.language import (
    abi,
    bodies,
    choices,
    domains,
    exits,
    expressions,
    facts,
    msrs,
    policies,
    state,
    tables,
    words,
)
from codegen.language.abi import *
from codegen.language.bodies import *
from codegen.language.choices import *
from codegen.language.domains import *
from codegen.language.exits import *
from codegen.language.expressions import *
from codegen.language.facts import *
from codegen.language.msrs import *
from codegen.language.parts import Children, pick
from codegen.language.policies import *
from codegen.language.state import *
from codegen.language.tables import *
from codegen.language.words import *
from codegen.source import Name as Name

Declaration = (
    facts.Manual | facts.Processor | facts.Vmcs | facts.Controls | facts.Capabilities | facts.Layout
    | exits.Exits | exits.Information | exits.Checks | state.State | state.ResetTable
    | msrs.Msrs | msrs.SwitchedMsrs | msrs.Cpuid | msrs.FeatureNeeds
    | tables.Vectors | tables.Ports | tables.Errnos | tables.Forwards | state.Bitmap
    | choices.Const | choices.Struct | choices.Extern | choices.Region | choices.Hypercall
    | choices.Define | choices.Host | domains.Domain
    | abi.Record | abi.Numbers | abi.Flags | abi.Limits | abi.Callers | abi.Options
)


@dataclass(frozen=True)
class Item:
    """A declaration under its documentation."""

    doc: words.Doc | None
    declaration: Declaration


@dataclass(frozen=True)
class File:
    """A file's declarations."""

    path: str
    items: tuple[Item, ...]


class SyntaxBuilder(
    expressions.ExpressionBuilder, bodies.BodyBuilder, facts.FactBuilder, exits.ExitBuilder, exits.EntryCheckBuilder,
    state.StateBuilder, msrs.MsrBuilder, tables.TableBuilder, choices.ChoiceBuilder, policies.PolicyBuilder,
    domains.DomainBuilder, abi.AbiBuilder,
):
    """Build a file: for each rule of luv.lark a method, or a line where nothing is to be decided."""

    def item(self, children: Children) -> Item:
        """Build a declaration under its documentation."""
        return Item(pick(children, words.Doc), children[-1])

    def start(self, children: Children) -> tuple[Item, ...]:
        """Build the file's declarations."""
        return tuple(children)


PRINTERS: dict[type, Callable[[Any], words.Lines]] = {
    facts.Manual: facts.say_manual,
    facts.Processor: facts.say_processor,
    facts.Vmcs: facts.say_vmcs,
    facts.Controls: facts.say_controls,
    facts.Capabilities: facts.say_capabilities,
    facts.Layout: facts.say_layout,
    exits.Exits: exits.say_exits,
    exits.Information: exits.say_information,
    exits.Checks: exits.say_checks,
    state.State: state.say_state,
    state.Bitmap: state.say_bitmap,
    state.ResetTable: state.say_reset_table,
    msrs.Msrs: msrs.say_msrs,
    msrs.SwitchedMsrs: msrs.say_switched_msrs,
    msrs.Cpuid: msrs.say_cpuid,
    msrs.FeatureNeeds: msrs.say_feature_needs,
    tables.Vectors: tables.say_vectors,
    tables.Ports: tables.say_ports,
    tables.Errnos: tables.say_errnos,
    tables.Forwards: tables.say_forwards,
    choices.Const: choices.say_const,
    choices.Struct: choices.say_struct,
    choices.Extern: choices.say_extern,
    choices.Region: choices.say_region,
    choices.Hypercall: choices.say_hypercall,
    choices.Define: choices.say_define,
    choices.Host: choices.say_host,
    domains.Domain: domains.say_domain,
    abi.Record: abi.say_record,
    abi.Numbers: abi.say_numbers,
    abi.Flags: abi.say_flags,
    abi.Limits: abi.say_limits,
    abi.Callers: abi.say_callers,
    abi.Options: abi.say_options,
}


def unparse(file: File) -> str:
    """Print a file, an empty line between declarations."""
    items = ["\n".join([*words.say_doc(item.doc), *say_declaration(item.declaration)]) for item in file.items]
    return "\n\n".join(items) + "\n" if items else ""


def say_declaration(node: Declaration) -> words.Lines:
    """Print one declaration."""
    return PRINTERS[type(node)](node)
