"""Domains and their clauses: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from lark import v_args
from lark.tree import Meta

from codegen.language.bodies import Block, say_block
from codegen.language.expressions import Expr, say_expression
from codegen.language.parts import (
    Children,
    Part,
    is_word,
    keeps,
    makes,
    makes_list,
    makes_named_list,
    part,
    parts,
    pick,
    pick_all,
)
from codegen.language.policies import DomainCpuid, DomainIo, DomainMsr, say_access_rule, say_domain_cpuid
from codegen.language.state import say_reset_values
from codegen.language.words import Builder, Doc, Lines, Number, braces, say_doc, say_names
from codegen.source import Name, Span


@dataclass(frozen=True)
class Native:
    """Events that must not cause a VM exit."""

    events: tuple[Name, ...]


@dataclass(frozen=True)
class Trap:
    """Events that must cause a VM exit."""

    events: tuple[Name, ...]


@dataclass(frozen=True)
class Setting:
    """A control, and on, off, prefer or switched."""

    control: Name
    value: Name


@dataclass(frozen=True)
class Set:
    """Settings of one control word."""

    word: Name
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Require:
    """Capabilities that must be there; optional ones are used where they are."""

    optional: bool
    table: Name
    bits: tuple[Name, ...]


@dataclass(frozen=True)
class OwnBit:
    """A bit that the hypervisor owns, and whether it keeps it on or off; None: on."""

    name: Name
    held: Name | None


@dataclass(frozen=True)
class Own:
    """Bits of a control register that the hypervisor owns."""

    register: Name
    bits: tuple[OwnBit, ...]


@dataclass(frozen=True)
class ForBackend:
    """What exists for one processor vendor alone."""

    backend: Name
    clauses: tuple[Set | Require | Own, ...]


@dataclass(frozen=True)
class ExceptionRule:
    """`vector` is None for the default; `how`: pass, trap or switched."""

    vector: Name | None
    how: str


@dataclass(frozen=True)
class DomainExceptions:
    """Which exceptions cause VM exits."""

    rules: tuple[ExceptionRule, ...]
    span: Span


@dataclass(frozen=True)
class SwitchRule:
    """MSRs, and `how`: "" where the facts know, list for the MSR lists, swap for the runtime."""

    msrs: tuple[Name, ...]
    how: str


@dataclass(frozen=True)
class DomainSwitch:
    """MSRs of which guest and host have separate values."""

    rules: tuple[SwitchRule, ...]
    span: Span


@dataclass(frozen=True)
class DomainReset:
    """Guest state after INIT: tables of facts, and values that replace or extend theirs."""

    sources: tuple[Name, ...]
    values: tuple[tuple[Name, Expr], ...]
    span: Span


@dataclass(frozen=True)
class MemoryRule:
    """`kind`: map, hide, watch or alias."""

    kind: str
    region: Name
    rights: Name | None
    types: Name | None
    fill: Name | None
    onto: Expr | None
    span: Span


@dataclass(frozen=True)
class DomainMemory:
    """What the guest finds at its physical addresses; the first rule decides."""

    rules: tuple[MemoryRule, ...]
    span: Span


@dataclass(frozen=True)
class Handler:
    """What happens on an event."""

    doc: Doc | None
    event: Name
    binder: Name | None
    budget: Number | None
    body: Block


Clause = (
    Native | Trap | ForBackend | DomainCpuid | DomainMsr | DomainIo | DomainExceptions | DomainSwitch
    | DomainReset | DomainMemory | Handler
)


@dataclass(frozen=True)
class Domain:
    """A guest system and all that was chosen for it; `under`: who runs it, if not the hypervisor itself."""

    name: Name
    under: Name | None
    clauses: tuple[Clause, ...]


class DomainBuilder(Builder):
    """Build domains."""

    under = keeps("under")

    def domain(self, children: Children) -> Domain:
        """Build a name, perhaps who runs it, and clauses."""
        clauses = tuple(one for one in children[1:] if not isinstance(one, Part))
        return Domain(children[0], part(children, "under"), clauses)

    native = makes(Native)
    trap = makes(Trap)
    for_backend = makes_named_list(ForBackend)
    set = makes_named_list(Set)
    setting = makes(Setting)
    own = makes_named_list(Own)

    def own_bit(self, children: Children) -> OwnBit:
        """Build `NAME`, or `NAME = off`."""
        return OwnBit(children[0], children[1] if len(children) > 1 else None)

    def names(self, children: Children) -> tuple[Name, ...]:
        """Build names between commas."""
        return tuple(children)

    def require(self, children: Children) -> Require:
        """Build capabilities that must be there, or are used where they are."""
        return Require(str(children[0]) == "prefer", children[1], tuple(children[2:]))

    domain_exceptions = makes_list(DomainExceptions)
    domain_switch = makes_list(DomainSwitch)

    def switch_rule(self, children: Children) -> SwitchRule:
        """Build `NAME`, or `list NAME`."""
        return SwitchRule((pick(children, Name),), "list" if len(children) > 1 else "")

    def switch_swap(self, children: Children) -> SwitchRule:
        """Build `swap NAMES`."""
        return SwitchRule(children[0], "swap")

    reset_from = keeps("from")
    domain_memory = makes_list(DomainMemory)

    def exception_rule(self, children: Children) -> ExceptionRule:
        """Build a vector or the default, and what happens to it."""
        how = "switched" if is_word(children[-1], "SWITCHED") else str(children[-1])
        return ExceptionRule(pick(children, Name), how)

    @v_args(meta=True)
    def domain_reset(self, meta: Meta, children: Children) -> DomainReset:
        """Build the tables after `from`, and values."""
        sources = tuple(name for names in parts(children, "from") for name in names)
        return DomainReset(sources, pick_all(children, tuple), self.span_over(meta))

    @v_args(meta=True)
    def memory_map(self, meta: Meta, children: Children) -> MemoryRule:
        """Build `map REGION identity RIGHTS, ...`."""
        region, rights, types = children
        return MemoryRule("map", region, rights, types, None, None, self.span_over(meta))

    @v_args(meta=True)
    def memory_hide(self, meta: Meta, children: Children) -> MemoryRule:
        """Build `hide REGION as FILL`."""
        return MemoryRule("hide", children[0], None, None, children[1], None, self.span_over(meta))

    @v_args(meta=True)
    def memory_watch(self, meta: Meta, children: Children) -> MemoryRule:
        """Build `watch REGION`."""
        return MemoryRule("watch", children[0], None, None, None, None, self.span_over(meta))

    @v_args(meta=True)
    def memory_alias(self, meta: Meta, children: Children) -> MemoryRule:
        """Build `alias REGION onto ADDRESS`."""
        return MemoryRule("alias", children[0], None, None, None, children[1], self.span_over(meta))

    binder = keeps("binder")
    budget = keeps("budget")

    def handler(self, children: Children) -> Handler:
        """Build an event, the name of its payload, a budget, and a body."""
        return Handler(
            pick(children, Doc), pick(children, Name), part(children, "binder"), part(children, "budget"),
            pick(children, Block),
        )


def say_domain(node: Domain) -> Lines:
    """Print a domain, clause by clause."""
    head = f"domain {node.name.text}" + (f" under {node.under.text}" if node.under else "")
    return braces(head, [line for clause in node.clauses for line in say_clause(clause)])


def say_clause(node: Clause) -> Lines:
    """Print one clause."""
    match node:
        case Native(events):
            return say_names("native", events)
        case Trap(events):
            return say_names("trap", events)
        case ForBackend(backend, clauses):
            return braces(f"for {backend.text}", [line for one in clauses for line in say_backend(one)])
        case DomainCpuid():
            return say_domain_cpuid(node)
        case DomainMsr(rules):
            return braces("msr", [line for rule in rules for line in say_access_rule(rule)])
        case DomainIo(rules):
            return braces("io", [line for rule in rules for line in say_access_rule(rule)])
        case DomainExceptions(rules):
            return braces("exceptions", [say_exception(rule) for rule in rules])
        case DomainSwitch(rules):
            return braces("switch", [say_switch(rule) for rule in rules])
        case DomainReset(sources, values):
            return braces("reset", [*(say_names("from", sources) if sources else []), *say_reset_values(values)])
        case DomainMemory(rules):
            return braces("memory", [say_memory(rule) for rule in rules])
        case Handler():
            return say_handler(node)


def say_backend(node: Set | Require | Own) -> Lines:
    """Print controls, capabilities and owned bits."""
    match node:
        case Set(word, settings):
            return braces(f"set {word.text}", [f"{one.control.text} = {one.value.text};" for one in settings])
        case Require(optional, table, bits):
            return braces(f"{'prefer' if optional else 'require'} {table.text}", [f"{one.text};" for one in bits])
        case Own(register, bits):
            return braces(f"own {register.text}", [say_own_bit(one) for one in bits])


def say_own_bit(node: OwnBit) -> str:
    """Print a bit, and `off` where it is kept off."""
    return f"{node.name.text} = {node.held.text};" if node.held else f"{node.name.text};"


def say_switch(node: SwitchRule) -> str:
    """Print MSRs, after how they are switched."""
    names = ", ".join(one.text for one in node.msrs)
    return f"{node.how} {names};" if node.how else f"{names};"


def say_exception(node: ExceptionRule) -> str:
    """Print a vector, or the default."""
    if node.how == "switched":
        return "switched;"
    return f"{node.vector.text if node.vector else 'default'} {node.how};"


def say_memory(node: MemoryRule) -> str:
    """Print a rule for a region."""
    region = node.region.text
    if node.rights and node.types:
        return f"map {region} identity {node.rights.text}, type from {node.types.text}, largest pages;"
    if node.fill:
        return f"hide {region} as {node.fill.text};"
    return f"alias {region} onto {say_expression(node.onto)};" if node.onto else f"watch {region};"


def say_handler(node: Handler) -> Lines:
    """Print an event and its body."""
    head = f"on {node.event.text}" + (f"({node.binder.text})" if node.binder else "")
    head += f" budget {node.budget.text}" if node.budget else ""
    return [*say_doc(node.doc), *say_block(head, node.body)]
