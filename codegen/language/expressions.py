"""Expressions: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from lark import v_args
from lark.tree import Meta

from codegen.language.parts import Children, keeps, part
from codegen.language.words import Builder, Number
from codegen.source import Name, Span


@dataclass(frozen=True)
class NumberExpr:
    """`0x1F`."""

    number: Number
    span: Span


@dataclass(frozen=True)
class NameExpr:
    """`name`."""

    name: Name
    span: Span


@dataclass(frozen=True)
class MsrExpr:
    """`msr NAME`."""

    name: Name
    span: Span


@dataclass(frozen=True)
class Member:
    """`base.name`."""

    base: Expr
    name: Name
    span: Span


@dataclass(frozen=True)
class BitSelect:
    """`base[low..high]`."""

    base: Expr
    low: Number
    high: Number
    span: Span


@dataclass(frozen=True)
class Call:
    """`callee(arguments)`."""

    callee: Expr
    arguments: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Unary:
    """`-x`, `~x`, `not x`."""

    operator: str
    operand: Expr
    span: Span


@dataclass(frozen=True)
class Binary:
    """`left operator right`."""

    operator: str
    left: Expr
    right: Expr
    span: Span


Expr = NumberExpr | NameExpr | MsrExpr | Member | BitSelect | Call | Unary | Binary


class ExpressionBuilder(Builder):
    """Build expressions."""

    def number(self, children: Children) -> Expr:
        """Build a number as an expression."""
        return NumberExpr(children[0], children[0].span)

    def name(self, children: Children) -> Expr:
        """Build a name as an expression."""
        return NameExpr(children[0], children[0].span)

    @v_args(meta=True)
    def msr_reference(self, meta: Meta, children: Children) -> Expr:
        """Build `msr NAME`."""
        return MsrExpr(children[0], self.span_over(meta))

    @v_args(meta=True)
    def msr_table(self, meta: Meta, children: Children) -> Expr:
        """Build `msr.NAME`: the table, not an MSR."""
        span = self.span_over(meta)
        base = NameExpr(Name("msr", span), span)
        return Member(base, children[0], span)

    @v_args(meta=True)
    def vmcs_root(self, meta: Meta, children: Children) -> Expr:
        """Build `vmcs` in a body: also a keyword, since a declaration may begin with it where a block has ended."""
        span = self.span_over(meta)
        return NameExpr(Name("vmcs", span), span)

    @v_args(meta=True)
    def member(self, meta: Meta, children: Children) -> Expr:
        """Build `base.name`."""
        return Member(children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def bit_select(self, meta: Meta, children: Children) -> Expr:
        """Build `base[low..high]`."""
        high = part(children, "upto") or children[1]
        return BitSelect(children[0], children[1], high, self.span_over(meta))

    @v_args(meta=True)
    def call(self, meta: Meta, children: Children) -> Expr:
        """Build `callee(arguments)`."""
        return Call(children[0], tuple(children[1:]), self.span_over(meta))

    @v_args(meta=True)
    def unary(self, meta: Meta, children: Children) -> Expr:
        """Build `-x` and `~x`."""
        return Unary(str(children[0]), children[1], self.span_over(meta))

    @v_args(meta=True)
    def comparison(self, meta: Meta, children: Children) -> Expr:
        """Build two sides and the operator between them."""
        return Binary(str(children[1]), children[0], children[2], self.span_over(meta))

    bitor = bitand = shift = sum = product = comparison

    @v_args(meta=True)
    def or_(self, meta: Meta, children: Children) -> Expr:
        """Build `a or b`."""
        return Binary("or", children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def and_(self, meta: Meta, children: Children) -> Expr:
        """Build `a and b`."""
        return Binary("and", children[0], children[1], self.span_over(meta))

    @v_args(meta=True)
    def not_(self, meta: Meta, children: Children) -> Expr:
        """Build `not a`."""
        return Unary("not", children[0], self.span_over(meta))

    upto = keeps("upto")
    needs = keeps("needs")
    mirrors = keeps("mirrors")
    layout_use = keeps("layout")


# Rules whose names are Python's keywords.
setattr(ExpressionBuilder, "or", ExpressionBuilder.or_)
setattr(ExpressionBuilder, "and", ExpressionBuilder.and_)
setattr(ExpressionBuilder, "not", ExpressionBuilder.not_)

OR, AND, NOT, COMPARISON, BITOR, BITAND, SHIFT, SUM, PRODUCT, UNARY, POSTFIX = range(11)
LEVELS = {
    "or": OR, "and": AND,
    "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "|": BITOR, "^": BITOR, "&": BITAND, "<<": SHIFT, ">>": SHIFT, "+": SUM, "-": SUM,
    "*": PRODUCT, "/": PRODUCT, "%": PRODUCT,
}  # fmt: skip


def say_range(low: Number, high: Number) -> str:
    """Print `low`, or `low..high`."""
    return low.text if low == high else f"{low.text}..{high.text}"


def say_expression(expr: Expr, outer: int = OR) -> str:
    """Print an expression that stands where `outer` binds: in parentheses if it binds less."""
    text = say_bare(expr)
    return f"({text})" if level_of(expr) < outer else text


def level_of(expr: Expr) -> int:
    """Return how strongly the outermost operator binds."""
    match expr:
        case Binary(operator):
            return LEVELS[operator]
        case Unary(operator):
            return NOT if operator == "not" else UNARY
    return POSTFIX


def say_bare(expr: Expr) -> str:
    """Print an expression without parentheses around it."""
    match expr:
        case NumberExpr(number):
            return number.text
        case NameExpr(name):
            return name.text
        case MsrExpr(name):
            return f"msr {name.text}"
        case Member(base, name):
            return f"{say_expression(base, POSTFIX)}.{name.text}"
        case BitSelect(base, low, high):
            return f"{say_expression(base, POSTFIX)}[{say_range(low, high)}]"
        case Call(callee, arguments):
            return f"{say_expression(callee, POSTFIX)}({', '.join(say_expression(one) for one in arguments)})"
        case Unary("not", operand):
            return f"not {say_expression(operand, NOT)}"
        case Unary(operator, operand):
            return f"{operator}{say_expression(operand, UNARY)}"
        case Binary():
            return say_binary(expr)


def say_binary(expr: Binary) -> str:
    """Print two sides: operators lean left; comparisons do not chain."""
    level = LEVELS[expr.operator]
    left = say_expression(expr.left, level + 1 if level == COMPARISON else level)
    return f"{left} {expr.operator} {say_expression(expr.right, level + 1)}"
