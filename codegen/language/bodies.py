"""Statements of typed bodies: nodes, builder, printer."""

from __future__ import annotations

from dataclasses import dataclass

from lark import v_args
from lark.tree import Meta

from codegen.language.expressions import Expr, say_expression
from codegen.language.parts import Children, Part, keeps, makes_list, makes_spanned, part
from codegen.language.words import Builder, Lines, Text, braces
from codegen.source import Name, Span


@dataclass(frozen=True)
class Let:
    """`let name : type = value;`; `type` is a number's or a layout, or None."""

    name: Name
    type: Name | None
    value: Expr
    span: Span


@dataclass(frozen=True)
class Assign:
    """`target = value;`."""

    target: Expr
    value: Expr
    span: Span


@dataclass(frozen=True)
class If:
    """`if condition { } else { }`."""

    condition: Expr
    then: Block
    otherwise: Block | None
    span: Span


@dataclass(frozen=True)
class CallStatement:
    """`call();`."""

    call: Expr
    span: Span


@dataclass(frozen=True)
class Return:
    """`return value;` of a hypercall."""

    value: Expr
    span: Span


@dataclass(frozen=True)
class Fail:
    """`fail ERRNO;` of a hypercall."""

    errno: Name
    span: Span


@dataclass(frozen=True)
class Log:
    """`log "text", values;`."""

    text: Text
    values: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Outcome:
    """`kind`: advance, advance_by, resume, forward, inject, reset or stop."""

    kind: str
    span: Span
    value: Expr | None = None
    vector: Name | None = None
    text: Text | None = None
    forward: Name | None = None


Statement = Let | Assign | If | CallStatement | Return | Fail | Log | Outcome


@dataclass(frozen=True)
class Block:
    """Statements between braces."""

    statements: tuple[Statement, ...]
    span: Span


class BodyBuilder(Builder):
    """Build statements."""

    block = makes_list(Block)
    let_type = keeps("type")
    assign = makes_spanned(Assign)
    call_statement = makes_spanned(CallStatement)
    return_ = makes_spanned(Return)
    fail = makes_spanned(Fail)

    @v_args(meta=True)
    def let(self, meta: Meta, children: Children) -> Let:
        """Build a name, perhaps its type, and a value."""
        return Let(children[0], part(children, "type"), children[-1], self.span_over(meta))

    @v_args(meta=True)
    def if_(self, meta: Meta, children: Children) -> If:
        """Build a condition, a block, and perhaps another."""
        return If(children[0], children[1], part(children, "else"), self.span_over(meta))

    def else_(self, children: Children) -> Part:
        """Build a block; `else if` is a block of one statement."""
        only = children[0]
        return Part("else", only if isinstance(only, Block) else Block((only,), only.span))

    @v_args(meta=True)
    def log(self, meta: Meta, children: Children) -> Log:
        """Build a text and numbers after it."""
        return Log(children[0], tuple(children[1:]), self.span_over(meta))

    @v_args(meta=True)
    def advance(self, meta: Meta, children: Children) -> Outcome:
        """Build `advance;`."""
        return Outcome("advance", self.span_over(meta))

    @v_args(meta=True)
    def advance_by(self, meta: Meta, children: Children) -> Outcome:
        """Build `advance by LENGTH;`."""
        return Outcome("advance_by", self.span_over(meta), value=children[0])

    @v_args(meta=True)
    def resume(self, meta: Meta, children: Children) -> Outcome:
        """Build `resume;`."""
        return Outcome("resume", self.span_over(meta))

    @v_args(meta=True)
    def forward(self, meta: Meta, children: Children) -> Outcome:
        """Build `forward REASON;`."""
        return Outcome("forward", self.span_over(meta), forward=children[0])

    @v_args(meta=True)
    def inject(self, meta: Meta, children: Children) -> Outcome:
        """Build `inject VECTOR;`, or with an error code."""
        code = children[1] if len(children) > 1 else None
        return Outcome("inject", self.span_over(meta), value=code, vector=children[0])

    @v_args(meta=True)
    def reset(self, meta: Meta, children: Children) -> Outcome:
        """Build `reset "why";`."""
        return Outcome("reset", self.span_over(meta), text=children[0])

    @v_args(meta=True)
    def stop(self, meta: Meta, children: Children) -> Outcome:
        """Build `stop "why";`."""
        return Outcome("stop", self.span_over(meta), text=children[0])


# Rules whose names are Python's keywords.
setattr(BodyBuilder, "if", BodyBuilder.if_)
setattr(BodyBuilder, "else", BodyBuilder.else_)
setattr(BodyBuilder, "return", BodyBuilder.return_)


def say_block(head: str, block: Block, tail: str = "") -> Lines:
    """Print `head { statements }`: one plain statement stays on the line."""
    statements = block.statements
    if len(statements) == 1 and not isinstance(statements[0], If):
        return [f"{head} {{ {say_statement(statements[0])[0]} }}{tail}"]
    return braces(head, [line for one in statements for line in say_statement(one)], tail)


def say_statement(node: Statement) -> Lines:
    """Print the lines of one statement."""
    match node:
        case Let(name, type, value):
            return [f"let {name.text}{f' : {type.text}' if type else ''} = {say_expression(value)};"]
        case Assign(target, value):
            return [f"{say_expression(target)} = {say_expression(value)};"]
        case If():
            return say_if(node)
        case CallStatement(call):
            return [f"{say_expression(call)};"]
        case Return(value):
            return [f"return {say_expression(value)};"]
        case Fail(errno):
            return [f"fail {errno.text};"]
        case Log(text, values):
            return [f'log "{text.value}"{"".join(f", {say_expression(one)}" for one in values)};']
        case Outcome():
            return [f"{say_outcome(node)};"]


def say_if(node: If) -> Lines:
    """Print `if`, and `else` on the line of the closing brace."""
    lines = say_block(f"if {say_expression(node.condition)}", node.then)
    if node.otherwise is None:
        return lines
    other = node.otherwise.statements
    only = other[0] if len(other) == 1 else None
    rest = say_if(only) if isinstance(only, If) else say_block("", node.otherwise)
    return [*lines[:-1], f"{lines[-1]} else {rest[0].lstrip()}", *rest[1:]]


def say_outcome(node: Outcome) -> str:
    """Print how a path ends."""
    match node.kind:
        case "advance_by" if node.value:
            return f"advance by {say_expression(node.value)}"
        case "inject" if node.vector:
            return f"inject {node.vector.text}" + (f"({say_expression(node.value)})" if node.value else "")
        case "forward" if node.forward:
            return f"forward {node.forward.text}"
        case "reset" | "stop" if node.text:
            return f'{node.kind} "{node.text.value}"'
    return node.kind
