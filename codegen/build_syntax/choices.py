"""What Luvalley does with the processor: declarations, domains and their tables."""

from __future__ import annotations

from typing import Any

from lark import Token, v_args
from lark.tree import Meta

from codegen import syntax
from codegen.build_syntax.bodies import BodyBuilder
from codegen.build_syntax.parts import (
    Children,
    Part,
    is_word,
    keeps,
    makes,
    makes_list,
    makes_named_list,
    part,
    pick,
    pick_all,
    pick_word,
)
from codegen.syntax import Name, Text


class SyntaxBuilder(BodyBuilder):
    """The last of the builders: a whole file."""

    const = makes(syntax.Const)
    struct = makes_named_list(syntax.Struct)
    parameter = makes(syntax.Parameter)
    returns = keeps("returns")
    extern_cost = keeps("cost")

    def parameter_line(self, children: Children) -> syntax.Parameter:
        """A struct's field: a parameter and a semicolon."""
        parameter: syntax.Parameter = children[0]
        return parameter

    def extern(self, children: Children) -> syntax.Extern:
        """A function of the runtime."""
        parameters = pick_all(children, syntax.Parameter)
        return syntax.Extern(children[0], parameters, part(children, "returns"), part(children, "cost"))

    def region(self, children: Children) -> syntax.Region:
        """`runtime`, `all`, or `at BASE size SIZE`."""
        base, size = part(children, "at") or (None, None)
        kind = "at" if base is not None else str(children[1])
        return syntax.Region(children[0], kind, base, size)

    def region_at(self, children: Children) -> Part:
        """Base and size."""
        return Part("at", (children[0], children[1]))

    def hypercall(self, children: Children) -> syntax.Hypercall:
        """A number, a signature, who may call, what may go wrong, and a body."""
        return syntax.Hypercall(
            children[0], children[1], pick_all(children, syntax.Parameter), part(children, "returns"),
            pick(children, tuple), part(children, "errors") or (), pick(children, syntax.Block),
        )

    failures = keeps("errors")

    under = keeps("under")

    def domain(self, children: Children) -> syntax.Domain:
        """A name, perhaps who runs it, and clauses."""
        clauses = tuple(one for one in children[1:] if not isinstance(one, Part))
        return syntax.Domain(children[0], part(children, "under"), clauses)

    native = makes(syntax.Native)
    trap = makes(syntax.Trap)
    for_backend = makes_named_list(syntax.ForBackend)
    set = makes_named_list(syntax.Set)
    setting = makes(syntax.Setting)
    own = makes_named_list(syntax.Own)

    def own_bit(self, children: Children) -> syntax.OwnBit:
        """`NAME`, or `NAME = off`."""
        return syntax.OwnBit(children[0], children[1] if len(children) > 1 else None)

    def names(self, children: Children) -> tuple[Name, ...]:
        """Names between commas."""
        return tuple(children)

    def require(self, children: Children) -> syntax.Require:
        """Capabilities that must be there, or are used where they are."""
        return syntax.Require(str(children[0]) == "prefer", children[1], tuple(children[2:]))

    @v_args(meta=True)
    def domain_cpuid(self, meta: Meta, children: Children) -> syntax.DomainCpuid:
        """What the guest sees of CPUID."""
        rules = pick_all(children, syntax.CpuidRule)
        return syntax.DomainCpuid(rules, pick_all(children, syntax.CpuidLeaf), self.span_over(meta))

    def cpuid_rule(self, children: Children) -> Any:
        """`pass`, `hide`, `show` with names; or a leaf of our own."""
        if isinstance(children[0], syntax.CpuidLeaf):
            return children[0]
        return syntax.CpuidRule(str(children[0]), children[1])

    def cpuid_leaf(self, children: Children) -> syntax.CpuidLeaf:
        """A leaf's registers, or the name in them."""
        registers = tuple(one for one in children[1:] if isinstance(one, tuple))
        return syntax.CpuidLeaf(children[0], registers, pick(children, Text))

    def leaf_item(self, children: Children) -> Any:
        """`eax = ...;` or `name "...";`."""
        return children[0] if isinstance(children[0], Text) else (children[0], children[1])

    domain_msr = makes_list(syntax.DomainMsr)
    domain_io = makes_list(syntax.DomainIo)

    def access_rule(self, children: Children) -> syntax.AccessRule:
        """Which registers or ports, and what happens to each direction."""
        accesses = pick_all(children, syntax.Access)
        return syntax.AccessRule(pick(children, syntax.Doc), pick(children, syntax.Selector), accesses)

    def select(self, kind: str, meta: Meta, children: Children) -> syntax.Selector:
        """A selector of that kind."""
        return syntax.Selector(kind, tuple(children), self.span_over(meta))

    @v_args(meta=True)
    def selector(self, meta: Meta, children: Children) -> syntax.Selector:
        """`default` or `guarded`."""
        return self.select(str(children[0]), meta, [])

    @v_args(meta=True)
    def selector_class(self, meta: Meta, children: Children) -> syntax.Selector:
        """`class NAME`."""
        return self.select("class", meta, children)

    @v_args(meta=True)
    def selector_name(self, meta: Meta, children: Children) -> syntax.Selector:
        """`NAME`."""
        return self.select("name", meta, children)

    @v_args(meta=True)
    def selector_range(self, meta: Meta, children: Children) -> syntax.Selector:
        """`NAME .. NAME`."""
        return self.select("range", meta, children)

    def access(self, children: Children) -> syntax.Access:
        """A direction, or both, and an action."""
        return syntax.Access(pick_word(children, "DIRECTION") or "", pick(children, syntax.Action))

    @v_args(meta=True)
    def action(self, meta: Meta, children: Children) -> syntax.Action:
        """`pass`, `try`, `hypercalls`, or a value."""
        span = self.span_over(meta)
        if not isinstance(children[0], Token):
            return syntax.Action("value", span, value=children[0])
        return syntax.Action(str(children[0]), span)

    @v_args(meta=True)
    def action_inject(self, meta: Meta, children: Children) -> syntax.Action:
        """`inject VECTOR`."""
        return syntax.Action("inject", self.span_over(meta), vector=children[0])

    @v_args(meta=True)
    def action_forward(self, meta: Meta, children: Children) -> syntax.Action:
        """`forward REASON`."""
        return syntax.Action("forward", self.span_over(meta), forward=children[0])

    @v_args(meta=True)
    def action_do(self, meta: Meta, children: Children) -> syntax.Action:
        """`do { ... }`."""
        return syntax.Action("do", self.span_over(meta), body=children[0])

    domain_exceptions = makes_list(syntax.DomainExceptions)
    domain_switch = makes_list(syntax.DomainSwitch)

    def switch_rule(self, children: Children) -> syntax.SwitchRule:
        """`NAME`, or `list NAME`."""
        return syntax.SwitchRule((pick(children, Name),), "list" if len(children) > 1 else "")

    def switch_swap(self, children: Children) -> syntax.SwitchRule:
        """`swap NAMES`."""
        return syntax.SwitchRule(children[0], "swap")

    domain_reset = makes_list(syntax.DomainReset)
    domain_memory = makes_list(syntax.DomainMemory)

    def exception_rule(self, children: Children) -> syntax.ExceptionRule:
        """A vector or the default, and what happens to it."""
        how = "switched" if is_word(children[-1], "SWITCHED") else str(children[-1])
        return syntax.ExceptionRule(pick(children, Name), how)

    def assign_reset(self, children: Children) -> tuple[Name, syntax.Expr]:
        """A register's value after reset."""
        return (children[0], children[1])

    @v_args(meta=True)
    def memory_map(self, meta: Meta, children: Children) -> syntax.MemoryRule:
        """`map REGION identity RIGHTS, ...`."""
        region, rights, types = children
        return syntax.MemoryRule("map", region, rights, types, None, None, self.span_over(meta))

    @v_args(meta=True)
    def memory_hide(self, meta: Meta, children: Children) -> syntax.MemoryRule:
        """`hide REGION as FILL`."""
        return syntax.MemoryRule("hide", children[0], None, None, children[1], None, self.span_over(meta))

    @v_args(meta=True)
    def memory_watch(self, meta: Meta, children: Children) -> syntax.MemoryRule:
        """`watch REGION`."""
        return syntax.MemoryRule("watch", children[0], None, None, None, None, self.span_over(meta))

    @v_args(meta=True)
    def memory_alias(self, meta: Meta, children: Children) -> syntax.MemoryRule:
        """`alias REGION onto ADDRESS`."""
        return syntax.MemoryRule("alias", children[0], None, None, None, children[1], self.span_over(meta))

    binder = keeps("binder")
    budget = keeps("budget")

    def handler(self, children: Children) -> syntax.Handler:
        """An event, the name of its payload, a budget, and a body."""
        return syntax.Handler(
            pick(children, syntax.Doc), pick(children, Name), part(children, "binder"), part(children, "budget"),
            pick(children, syntax.Block),
        )

    def item(self, children: Children) -> syntax.Item:
        """A declaration under its documentation."""
        return syntax.Item(pick(children, syntax.Doc), children[-1])

    def start(self, children: Children) -> tuple[syntax.Item, ...]:
        """The file's declarations."""
        return tuple(children)
