"""Statements of typed bodies."""

from __future__ import annotations

from lark import v_args
from lark.tree import Meta

from codegen import syntax
from codegen.build_syntax.entry_checks import EntryCheckBuilder
from codegen.build_syntax.parts import Children, Part, makes_list, makes_spanned, part


class BodyBuilder(EntryCheckBuilder):
    """A method, or a line, for each kind of statement."""

    block = makes_list(syntax.Block)
    let = makes_spanned(syntax.Let)
    assign = makes_spanned(syntax.Assign)
    call_statement = makes_spanned(syntax.CallStatement)
    return_ = makes_spanned(syntax.Return)
    fail = makes_spanned(syntax.Fail)

    @v_args(meta=True)
    def if_(self, meta: Meta, children: Children) -> syntax.If:
        """A condition, a block, and perhaps another."""
        return syntax.If(children[0], children[1], part(children, "else"), self.span_over(meta))

    def else_(self, children: Children) -> Part:
        """A block; `else if` is a block of one statement."""
        only = children[0]
        return Part("else", only if isinstance(only, syntax.Block) else syntax.Block((only,), only.span))

    @v_args(meta=True)
    def log(self, meta: Meta, children: Children) -> syntax.Log:
        """A text and numbers behind it."""
        return syntax.Log(children[0], tuple(children[1:]), self.span_over(meta))

    @v_args(meta=True)
    def advance(self, meta: Meta, children: Children) -> syntax.Outcome:
        """`advance;`."""
        return syntax.Outcome("advance", self.span_over(meta))

    @v_args(meta=True)
    def advance_by(self, meta: Meta, children: Children) -> syntax.Outcome:
        """`advance by LENGTH;`."""
        return syntax.Outcome("advance_by", self.span_over(meta), value=children[0])

    @v_args(meta=True)
    def resume(self, meta: Meta, children: Children) -> syntax.Outcome:
        """`resume;`."""
        return syntax.Outcome("resume", self.span_over(meta))

    @v_args(meta=True)
    def forward(self, meta: Meta, children: Children) -> syntax.Outcome:
        """`forward REASON;`."""
        return syntax.Outcome("forward", self.span_over(meta), forward=children[0])

    @v_args(meta=True)
    def inject(self, meta: Meta, children: Children) -> syntax.Outcome:
        """`inject VECTOR;`, or with an error code."""
        code = children[1] if len(children) > 1 else None
        return syntax.Outcome("inject", self.span_over(meta), value=code, vector=children[0])

    @v_args(meta=True)
    def reset(self, meta: Meta, children: Children) -> syntax.Outcome:
        """`reset "why";`."""
        return syntax.Outcome("reset", self.span_over(meta), text=children[0])

    @v_args(meta=True)
    def stop(self, meta: Meta, children: Children) -> syntax.Outcome:
        """`stop "why";`."""
        return syntax.Outcome("stop", self.span_over(meta), text=children[0])


# Rules whose names are Python's keywords.
setattr(BodyBuilder, "if", BodyBuilder.if_)
setattr(BodyBuilder, "else", BodyBuilder.else_)
setattr(BodyBuilder, "return", BodyBuilder.return_)
