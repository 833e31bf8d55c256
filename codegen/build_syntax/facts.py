"""What the processor has: the VMCS, control words, layouts and exits."""

from __future__ import annotations

from typing import Any

from lark import Token, v_args
from lark.tree import Meta

from codegen import syntax
from codegen.build_syntax.expressions import ExpressionBuilder
from codegen.build_syntax.parts import (
    Children,
    Part,
    keeps,
    keeps_all,
    makes,
    makes_list,
    part,
    parts,
    pick,
    pick_all,
    pick_word,
)
from codegen.syntax import Name, Number


def word_or_node(children: Children) -> Any:
    """A keyword as its text, or the node that stands instead of one."""
    return str(children[0]) if isinstance(children[0], Token) else children[0]


class FactBuilder(ExpressionBuilder):
    """A method, or a line, for each rule of these facts."""

    section = makes(syntax.Section)

    @v_args(meta=True)
    def manual(self, meta: Meta, children: Children) -> syntax.Manual:
        """Title, edition and sections."""
        title, edition = children[:2]
        return syntax.Manual(title, edition, tuple(children[2:]), self.span_over(meta))

    def vmcs(self, children: Children) -> syntax.Vmcs:
        """Area, group and fields."""
        return syntax.Vmcs(children[0], children[1], tuple(children[2:]))

    def vmcs_field(self, children: Children) -> syntax.VmcsField:
        """Encoding, name, type, and what may follow them."""
        names = pick_all(children, Name)
        return syntax.VmcsField(
            pick(children, syntax.Doc), pick(children, Number), names[0], names[1],
            part(children, "layout"), part(children, "needs"), part(children, "bits") or (),
        )

    bits = keeps_all("bits")

    def bit(self, children: Children) -> syntax.Bit:
        """One bit, or a range, and what it needs or follows."""
        low = pick(children, Number)
        return syntax.Bit(
            pick(children, syntax.Doc), low, part(children, "upto") or low, pick(children, Name),
            part(children, "needs"), part(children, "mirrors"), part(children, "enumerators") or (),
        )

    enumerators = keeps_all("enumerators")
    enumerator = makes(syntax.Enumerator)

    def controls(self, children: Children) -> syntax.Controls:
        """A control word, its field and capability MSRs."""
        names = pick_all(children, Name)
        ranges = tuple(one for group in parts(children, "default1") for one in group)
        return syntax.Controls(
            names[0], names[1], names[2], part(children, "true"), pick_word(children, "ALLOWED1") is not None,
            part(children, "needs"), ranges, pick_all(children, syntax.Bit),
        )

    true_msr = keeps("true")
    default1 = keeps_all("default1")

    def bit_range(self, children: Children) -> syntax.BitRange:
        """`low` or `low..high`."""
        return syntax.BitRange(children[0], part(children, "upto") or children[0])

    def capabilities(self, children: Children) -> syntax.Capabilities:
        """The bits of a capability MSR."""
        return syntax.Capabilities(children[0], children[1], part(children, "bits"))

    def layout(self, children: Children) -> syntax.Layout:
        """Bits under a name."""
        return syntax.Layout(children[0], part(children, "bits"))

    exits = makes_list(syntax.Exits)

    def exit_reserved(self, children: Children) -> syntax.Exit:
        """A number that no exit has."""
        return syntax.Exit(None, children[0], None, "never", "none", None, None, ())

    def exit(self, children: Children) -> syntax.Exit:
        """A basic exit reason and the events that it becomes."""
        return syntax.Exit(
            pick(children, syntax.Doc), pick(children, Number), pick(children, Name), part(children, "condition"),
            part(children, "length"), part(children, "qualification"), part(children, "information"),
            pick_all(children, syntax.Arm),
        )

    def condition(self, children: Children) -> Part:
        """`always`, `never`, or an expression."""
        return Part("condition", word_or_node(children))

    def length(self, children: Children) -> Part:
        """`field`, `none`, `decoder`, or a number of bytes."""
        return Part("length", word_or_node(children))

    def exit_layout(self, children: Children) -> Part:
        """The layout of the qualification or of the instruction information."""
        return Part(str(children[0]), children[1])

    def arm(self, children: Children) -> syntax.Arm:
        """An event, its payload, and when it is the one."""
        return syntax.Arm(children[0], part(children, "payload") or (), part(children, "where"))

    payload = keeps_all("payload")
    payload_field = makes(syntax.PayloadField)
    where = keeps("where")
