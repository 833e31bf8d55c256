"""What the processor has: guest state, MSRs, CPUID, vectors, ports."""

from __future__ import annotations

from lark import Token, v_args
from lark.tree import Meta

from codegen import syntax
from codegen.build_syntax.facts import FactBuilder
from codegen.build_syntax.parts import (
    Children,
    Part,
    keeps,
    makes,
    makes_list,
    makes_named_list,
    part,
    parts,
    pick,
    pick_all,
)
from codegen.syntax import Name, Number

EVERY_SUBLEAF = (0, 0xFFFFFFFF)


class TableBuilder(FactBuilder):
    """A method, or a line, for each rule of these tables."""

    state = makes_named_list(syntax.State)

    def state_field(self, children: Children) -> syntax.StateField:
        """A neutral name and where its value lives."""
        field, index = part(children, "field") or (None, None)
        return syntax.StateField(
            pick(children, syntax.Doc), pick(children, Name), part(children, "type"),
            part(children, "register"), field, index, part(children, "layout"),
        )

    state_type = keeps("type")
    state_register = keeps("register")
    state_index = keeps("index")

    def state_vmcs(self, children: Children) -> Part:
        """`= field`, and the register number that it also has."""
        return Part("field", (children[0], part(children, "index")))

    @v_args(meta=True)
    def msrs(self, meta: Meta, children: Children) -> syntax.Msrs:
        """Classes, and MSRs of them."""
        classes = pick_all(children, syntax.MsrClass)
        return syntax.Msrs(classes, pick_all(children, syntax.Msr), self.span_over(meta))

    msr_class = makes(syntax.MsrClass)

    def msr(self, children: Children) -> syntax.Msr:
        """An MSR or a bank of them."""
        first = pick(children, Number)
        names = pick_all(children, Name)
        return syntax.Msr(
            pick(children, syntax.Doc), first, part(children, "upto") or first, names[0], names[1],
            part(children, "guarded"), part(children, "switched"),
        )

    guarded = keeps("guarded")

    def switched(self, children: Children) -> Part:
        """The VMCS fields that hold it, and the controls that do the work."""
        names = pick_all(children, Name)
        host = names[1] if len(names) > 1 else None
        return Part("switched", syntax.Switched(names[0], host, parts(children, "switch")))

    def switch_part(self, children: Children) -> Part:
        """`save`, `load` or `host`, and its control."""
        return Part("switch", (str(children[0]), children[1]))

    reference = makes_list(syntax.Reference)

    @v_args(meta=True)
    def cpuid(self, meta: Meta, children: Children) -> syntax.Cpuid:
        """Leaves, subleaves and registers."""
        first = children[0]
        return syntax.Cpuid(
            first, part(children, "upto") or first, part(children, "subleaf"),
            pick_all(children, syntax.CpuidRegister), self.span_over(meta),
        )

    def subleaf(self, children: Children) -> Part:
        """`.*`, `.n` or `.n..m`."""
        if isinstance(children[0], Token):
            return Part("subleaf", EVERY_SUBLEAF)
        last = part(children, "upto") or children[0]
        return Part("subleaf", (children[0].value, last.value))

    def cpuid_register(self, children: Children) -> syntax.CpuidRegister:
        """A register as one value, or as features."""
        return syntax.CpuidRegister(children[0], part(children, "bits"))

    vectors = makes_list(syntax.Vectors)

    def vector(self, children: Children) -> syntax.Vector:
        """Number, name and traits."""
        names = pick_all(children, Name)
        return syntax.Vector(pick(children, syntax.Doc), pick(children, Number), names[0], names[1:])

    ports = makes_list(syntax.Ports)

    def port(self, children: Children) -> syntax.Port:
        """One port or a range."""
        first = pick(children, Number)
        return syntax.Port(pick(children, syntax.Doc), first, part(children, "upto") or first, pick(children, Name))

    errnos = makes_list(syntax.Errnos)
    errno = makes(syntax.Errno)
    forwards = makes_list(syntax.Forwards)
