"""Text to syntax, by Lark."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from codegen import errors, syntax
from codegen.build_syntax import SyntaxBuilder
from codegen.diagnostics import Reporter
from codegen.source import SourceFile, Span
from codegen.terminals import say_expected

GRAMMAR = Path(__file__).with_name("luv.lark")


@cache
def make_parser() -> Lark:
    grammar = GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def parse_file(source: SourceFile, reporter: Reporter) -> syntax.File | None:
    """The file's declarations, or None after reporting what is not understood."""
    try:
        tree = make_parser().parse(source.text)
    except UnexpectedInput as problem:
        report_unexpected(problem, source, reporter)
        return None
    items = SyntaxBuilder(source.path).transform(tree)
    return syntax.File(source.path, items)  # type: ignore[arg-type]


def report_unexpected(problem: UnexpectedInput, source: SourceFile, reporter: Reporter) -> None:
    if isinstance(problem, UnexpectedToken) and problem.token.type != "$END":
        token = problem.token
        text = str(token).split("\n")[0]
        span = Span(source.path, token.line or 1, token.column or 1, len(text))
        errors.syntax(reporter, span, f"`{text}`", say_expected(problem.accepts or problem.expected))
    elif isinstance(problem, UnexpectedCharacters):
        span = Span(source.path, problem.line, problem.column, 1)
        errors.syntax(reporter, span, f"`{problem.char}`", say_expected(problem.allowed or set()))
    else:
        report_end(problem, source, reporter)


def report_end(problem: UnexpectedInput, source: SourceFile, reporter: Reporter) -> None:
    """The file ends inside a declaration: point behind its last character."""
    lines = source.text.rstrip().split("\n")
    span = Span(source.path, len(lines), len(lines[-1]) + 1, 1)
    if isinstance(problem, UnexpectedToken):
        expected = problem.accepts or problem.expected
    elif isinstance(problem, UnexpectedEOF):
        expected = set(problem.expected)
    else:
        expected = set()
    errors.syntax(reporter, span, "the end of the file", say_expected(expected))
