"""What the processor has: the checks that a VM entry makes."""

from __future__ import annotations

from lark import v_args
from lark.tree import Meta

from codegen import syntax
from codegen.build_syntax.parts import Children, keeps, part, pick, pick_all
from codegen.build_syntax.tables import TableBuilder
from codegen.syntax import Name


class EntryCheckBuilder(TableBuilder):
    """A method, or a line, for each rule of these facts."""

    def checks(self, children: Children) -> syntax.Checks:
        """A name, how it fails, and the rules."""
        return syntax.Checks(children[0], children[1], tuple(children[2:]))

    def fails_error(self, children: Children) -> syntax.Fails:
        """`fails error NUMBER`."""
        return syntax.Fails(children[0], None)

    def fails_exit(self, children: Children) -> syntax.Fails:
        """`fails exit NAME`."""
        return syntax.Fails(None, children[0])

    def check_rule(self, children: Children) -> syntax.Rule:
        """What must hold, and when."""
        return syntax.Rule(pick(children, syntax.Doc), pick(children, Name), part(children, "when"), children[-1])

    rule_when = keeps("when")

    @v_args(meta=True)
    def each(self, meta: Meta, children: Children) -> syntax.Each:
        """A word, what it stands for, and rules."""
        word, *values = pick_all(children, Name)
        return syntax.Each(word, tuple(values), pick_all(children, syntax.Rule), self.span_over(meta))

    def omitted(self, children: Children) -> syntax.Omitted:
        """A check that is no rule."""
        return syntax.Omitted(pick(children, syntax.Doc), children[-2], children[-1])
