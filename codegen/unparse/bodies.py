"""Statements to text."""

from __future__ import annotations

from codegen import syntax
from codegen.unparse.expressions import say_expression
from codegen.unparse.layout import Lines, braces


def say_block(head: str, block: syntax.Block, tail: str = "") -> Lines:
    """`head { statements }`: one plain statement stays on the line."""
    statements = block.statements
    if len(statements) == 1 and not isinstance(statements[0], syntax.If):
        return [f"{head} {{ {say_statement(statements[0])[0]} }}{tail}"]
    return braces(head, [line for one in statements for line in say_statement(one)], tail)


def say_statement(node: syntax.Statement) -> Lines:
    """The lines of one statement."""
    match node:
        case syntax.Let(name, value):
            return [f"let {name.text} = {say_expression(value)};"]
        case syntax.Assign(target, value):
            return [f"{say_expression(target)} = {say_expression(value)};"]
        case syntax.If():
            return say_if(node)
        case syntax.CallStatement(call):
            return [f"{say_expression(call)};"]
        case syntax.Return(value):
            return [f"return {say_expression(value)};"]
        case syntax.Fail(errno):
            return [f"fail {errno.text};"]
        case syntax.Log(text, values):
            return [f'log "{text.value}"{"".join(f", {say_expression(one)}" for one in values)};']
        case syntax.Outcome():
            return [f"{say_outcome(node)};"]


def say_if(node: syntax.If) -> Lines:
    """`if`, and `else` on the line of the closing brace."""
    lines = say_block(f"if {say_expression(node.condition)}", node.then)
    if node.otherwise is None:
        return lines
    other = node.otherwise.statements
    only = other[0] if len(other) == 1 else None
    rest = say_if(only) if isinstance(only, syntax.If) else say_block("", node.otherwise)
    return [*lines[:-1], f"{lines[-1]} else {rest[0].lstrip()}", *rest[1:]]


def say_outcome(node: syntax.Outcome) -> str:
    """How a path ends."""
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


