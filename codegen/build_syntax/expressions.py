"""Tokens and expressions."""

from __future__ import annotations

import re
from typing import Any

from lark import Token, Transformer, v_args
from lark.tree import Meta

from codegen import syntax
from codegen.build_syntax.parts import Children, keeps, part
from codegen.source import Span
from codegen.syntax import Name, Number, Text

SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
CITATION = re.compile(r"SDM:\s*((?:[0-9A-Z]+(?:\.[0-9]+)*)(?:\s*,\s*[0-9A-Z]+(?:\.[0-9]+)*)*)")
SECTION = re.compile(r"[0-9A-Z]+(?:\.[0-9]+)*")


class ExpressionBuilder(Transformer[Token, Any]):
    """A method for each terminal and each rule of an expression."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def span_of(self, token: Token) -> Span:
        """Where a token stands."""
        return Span(self.path, token.line or 0, token.column or 0, len(token))

    def span_over(self, meta: Meta) -> Span:
        """From the first to the last character, cut at the end of the first line."""
        same_line = meta.line == meta.end_line
        length = meta.end_column - meta.column if same_line else 1 << 16
        return Span(self.path, meta.line, meta.column, length)

    def NAME(self, token: Token) -> Name:
        """A name, whatever it will mean."""
        return Name(str(token), self.span_of(token))

    SECTION = NAME

    def NUMBER(self, token: Token) -> Number:
        """`0x1F`, `1_000` or `4K`."""
        digits = str(token).replace("_", "")
        scale = 1 if digits.startswith("0x") else SUFFIXES.get(digits[-1], 1)
        base = 16 if digits.startswith("0x") else 10
        return Number(int(digits[: -1 if scale > 1 else None], base) * scale, self.span_of(token), str(token))

    def STRING(self, token: Token) -> Text:
        """A text without its quotes."""
        return Text(str(token)[1:-1], self.span_of(token))

    def DOC(self, token: Token) -> syntax.Doc:
        """The lines behind `///`, and what they cite."""
        lines = tuple(line.strip().removeprefix("///").strip() for line in str(token).split("\n"))
        return syntax.Doc(lines, tuple(self.find_citations(token)), self.span_of(token))

    def find_citations(self, token: Token) -> list[Name]:
        """The sections behind `SDM:`, each with its own span."""
        found = []
        for index, line in enumerate(str(token).split("\n")):
            start = token.column or 1 if index == 0 else 1
            for match in CITATION.finditer(line):
                for section in SECTION.finditer(line, match.start(1), match.end(1)):
                    span = Span(self.path, (token.line or 0) + index, start + section.start(), len(section[0]))
                    found.append(Name(section[0], span))
        return found

    def number(self, children: Children) -> syntax.Expr:
        """A number as an expression."""
        return syntax.NumberExpr(children[0], children[0].span)

    def name(self, children: Children) -> syntax.Expr:
        """A name as an expression."""
        return syntax.NameExpr(children[0], children[0].span)

    @v_args(meta=True)
    def msr_reference(self, meta: Meta, children: Children) -> syntax.Expr:
        """`msr NAME`."""
        return syntax.MsrExpr(children[0], self.span_over(meta))

    @v_args(meta=True)
    def msr_table(self, meta: Meta, children: Children) -> syntax.Expr:
        """`msr.NAME`: the table, not an MSR."""
        span = self.span_over(meta)
        base = syntax.NameExpr(Name("msr", span), span)
        return syntax.Member(base, children[0], span)

    @v_args(meta=True)
    def vmcs_root(self, meta: Meta, children: Children) -> syntax.Expr:
        """`vmcs` in a body: also a keyword, for a declaration may begin with it where a block has ended."""
        span = self.span_over(meta)
        return syntax.NameExpr(Name("vmcs", span), span)

    @v_args(meta=True)
    def member(self, meta: Meta, children: Children) -> syntax.Expr:
        """`base.name`."""
        return syntax.Member(children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def bit_select(self, meta: Meta, children: Children) -> syntax.Expr:
        """`base[low..high]`."""
        high = part(children, "upto") or children[1]
        return syntax.BitSelect(children[0], children[1], high, self.span_over(meta))

    @v_args(meta=True)
    def call(self, meta: Meta, children: Children) -> syntax.Expr:
        """`callee(arguments)`."""
        return syntax.Call(children[0], tuple(children[1:]), self.span_over(meta))

    @v_args(meta=True)
    def unary(self, meta: Meta, children: Children) -> syntax.Expr:
        """`-x` and `~x`."""
        return syntax.Unary(str(children[0]), children[1], self.span_over(meta))

    @v_args(meta=True)
    def comparison(self, meta: Meta, children: Children) -> syntax.Expr:
        """Two sides and the operator between them."""
        return syntax.Binary(str(children[1]), children[0], children[2], self.span_over(meta))

    bitor = bitand = shift = sum = product = comparison

    @v_args(meta=True)
    def or_(self, meta: Meta, children: Children) -> syntax.Expr:
        """`a or b`."""
        return syntax.Binary("or", children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def and_(self, meta: Meta, children: Children) -> syntax.Expr:
        """`a and b`."""
        return syntax.Binary("and", children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def not_(self, meta: Meta, children: Children) -> syntax.Expr:
        """`not a`."""
        return syntax.Unary("not", children[0], self.span_over(meta))

    upto = keeps("upto")
    needs = keeps("needs")
    mirrors = keeps("mirrors")
    layout_use = keeps("layout")


# Rules whose names are Python's keywords.
setattr(ExpressionBuilder, "or", ExpressionBuilder.or_)
setattr(ExpressionBuilder, "and", ExpressionBuilder.and_)
setattr(ExpressionBuilder, "not", ExpressionBuilder.not_)
