"""What a domain sees of CPUID, MSRs and ports: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lark import Token, v_args
from lark.tree import Meta

from codegen.language.bodies import Block, say_block
from codegen.language.expressions import Expr, say_expression
from codegen.language.parts import Children, makes_list, pick, pick_all, pick_word
from codegen.language.words import Builder, Doc, Lines, Number, Text, braces, say_doc, say_names
from codegen.source import Name, Span


@dataclass(frozen=True)
class CpuidRule:
    """`how`: pass, hide or show."""

    how: str
    names: tuple[Name, ...]


@dataclass(frozen=True)
class CpuidLeaf:
    """A leaf that the hypervisor adds."""

    leaf: Number
    registers: tuple[tuple[Name, Expr], ...]
    text: Text | None


@dataclass(frozen=True)
class DomainCpuid:
    """What the guest sees of CPUID."""

    rules: tuple[CpuidRule, ...]
    leaves: tuple[CpuidLeaf, ...]
    span: Span


@dataclass(frozen=True)
class Selector:
    """`kind`: default, guarded, class, name or range; `names` what it names."""

    kind: str
    names: tuple[Name, ...]
    span: Span


@dataclass(frozen=True)
class Action:
    """`kind`: pass, try, hypercalls, value, inject, forward or do."""

    kind: str
    span: Span
    value: Expr | None = None
    vector: Name | None = None
    body: Block | None = None
    forward: Name | None = None


@dataclass(frozen=True)
class Access:
    """`direction`: read, write, or "" for both."""

    direction: str
    action: Action


@dataclass(frozen=True)
class AccessRule:
    """What happens to accesses of MSRs or ports."""

    doc: Doc | None
    selector: Selector
    accesses: tuple[Access, ...]


@dataclass(frozen=True)
class DomainMsr:
    """A domain's MSR policy."""

    rules: tuple[AccessRule, ...]
    span: Span


@dataclass(frozen=True)
class DomainIo:
    """A domain's I/O policy."""

    rules: tuple[AccessRule, ...]
    span: Span


class PolicyBuilder(Builder):
    """Build a domain's policies."""

    @v_args(meta=True)
    def domain_cpuid(self, meta: Meta, children: Children) -> DomainCpuid:
        """Build `cpuid { ... }`: rules and leaves."""
        rules = pick_all(children, CpuidRule)
        return DomainCpuid(rules, pick_all(children, CpuidLeaf), self.span_over(meta))

    def cpuid_rule(self, children: Children) -> Any:
        """Build `pass`, `hide`, `show` with names; or a leaf that the hypervisor adds."""
        if isinstance(children[0], CpuidLeaf):
            return children[0]
        return CpuidRule(str(children[0]), children[1])

    def cpuid_leaf(self, children: Children) -> CpuidLeaf:
        """Build a leaf's registers, or the name in them."""
        registers = tuple(one for one in children[1:] if isinstance(one, tuple))
        return CpuidLeaf(children[0], registers, pick(children, Text))

    def leaf_item(self, children: Children) -> Any:
        """Build `eax = ...;` or `name "...";`."""
        return children[0] if isinstance(children[0], Text) else (children[0], children[1])

    domain_msr = makes_list(DomainMsr)
    domain_io = makes_list(DomainIo)

    def access_rule(self, children: Children) -> AccessRule:
        """Build a selector of registers or ports, and an action for each direction."""
        accesses = pick_all(children, Access)
        return AccessRule(pick(children, Doc), pick(children, Selector), accesses)

    def select(self, kind: str, meta: Meta, children: Children) -> Selector:
        """Build a selector of that kind."""
        return Selector(kind, tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def selector(self, meta: Meta, children: Children) -> Selector:
        """Build `default` or `guarded`."""
        return self.select(str(children[0]), meta, [])

    @v_args(meta=True)
    def selector_class(self, meta: Meta, children: Children) -> Selector:
        """Build `class NAME`."""
        return self.select("class", meta, children)

    @v_args(meta=True)
    def selector_name(self, meta: Meta, children: Children) -> Selector:
        """Build `NAME`."""
        return self.select("name", meta, children)

    @v_args(meta=True)
    def selector_range(self, meta: Meta, children: Children) -> Selector:
        """Build `NAME .. NAME`."""
        return self.select("range", meta, children)

    def access(self, children: Children) -> Access:
        """Build a direction, or both, and an action."""
        return Access(pick_word(children, "DIRECTION") or "", pick(children, Action))

    @v_args(meta=True)
    def action(self, meta: Meta, children: Children) -> Action:
        """Build `pass`, `try`, `hypercalls`, or a value."""
        span = self.span_over(meta)
        if not isinstance(children[0], Token):
            return Action("value", span, value=children[0])
        return Action(str(children[0]), span)

    @v_args(meta=True)
    def action_inject(self, meta: Meta, children: Children) -> Action:
        """Build `inject VECTOR`."""
        return Action("inject", self.span_over(meta), vector=children[0])

    @v_args(meta=True)
    def action_forward(self, meta: Meta, children: Children) -> Action:
        """Build `forward REASON`."""
        return Action("forward", self.span_over(meta), forward=children[0])

    @v_args(meta=True)
    def action_do(self, meta: Meta, children: Children) -> Action:
        """Build `do { ... }`."""
        return Action("do", self.span_over(meta), body=children[0])


def say_domain_cpuid(node: DomainCpuid) -> Lines:
    """Print rules, then leaves."""
    rules = [line for rule in node.rules for line in say_names(rule.how, rule.names)]
    return braces("cpuid", [*rules, *(line for leaf in node.leaves for line in say_leaf(leaf))])


def say_leaf(node: CpuidLeaf) -> Lines:
    """Print a leaf that the hypervisor adds."""
    items = [f"{name.text} = {say_expression(value)};" for name, value in node.registers]
    items += [f'name "{node.text.value}";'] if node.text else []
    return braces(f"leaf {node.leaf.text}", items)


def say_selector(node: Selector) -> str:
    """Print the selector of registers or ports."""
    names = [name.text for name in node.names]
    match node.kind:
        case "class":
            return f"class {names[0]}"
        case "range":
            return f"{names[0]} .. {names[1]}"
    return names[0] if names else node.kind


def say_access_rule(node: AccessRule) -> Lines:
    """Print a rule; a body takes several lines."""
    lines = [say_selector(node.selector)]
    for index, access in enumerate(node.accesses):
        more = say_access(access)
        joint = " " if index == 0 else ", "
        lines = [*lines[:-1], f"{lines[-1]}{joint}{more[0]}", *more[1:]]
    return [*say_doc(node.doc), *lines[:-1], f"{lines[-1]};"]


def say_access(node: Access) -> Lines:
    """Print a direction and its action."""
    lines = say_action(node.action)
    return [f"{node.direction} {lines[0]}", *lines[1:]] if node.direction else lines


def say_action(node: Action) -> Lines:
    """Print the action for an access."""
    if node.body:
        return say_block("do", node.body)
    if node.vector:
        return [f"inject {node.vector.text}"]
    if node.forward:
        return [f"forward {node.forward.text}"]
    return [say_expression(node.value) if node.value else node.kind]
