"""Text to syntax, by Lark."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from codegen import errors, syntax
from codegen.build_syntax import SyntaxBuilder
from codegen.diagnostics import Reporter
from codegen.source import NOT_TEXT, SourceFile, Span
from codegen.terminals import say_expected

GRAMMAR = Path(__file__).with_name("luv.lark")
DEEPEST = 100


@cache
def make_parser() -> Lark:
    """The parser, made once: that takes longer than a file."""
    grammar = GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def parse_file(source: SourceFile, reporter: Reporter) -> syntax.File | None:
    """The file's declarations, or None after reporting what is not understood."""
    if NOT_TEXT in source.text:
        report_not_text(source, reporter)
        return None
    try:
        tree = make_parser().parse(source.text)
    except UnexpectedInput as problem:
        report_unexpected(problem, source, reporter)
        return None
    deep = find_too_deep(tree)
    if deep is not None:
        span = Span(source.path, deep.meta.line, deep.meta.column, 1)
        errors.syntax(reporter, span, f"an expression or block nested more than {DEEPEST} deep", "a shorter one")
        return None
    items: tuple[syntax.Item, ...] = SyntaxBuilder(source.path).transform(tree)
    return syntax.File(source.path, items)


def report_not_text(source: SourceFile, reporter: Reporter) -> None:
    """Point at the first byte that is not UTF-8."""
    number, line = next((number, line) for number, line in enumerate(source.lines, 1) if NOT_TEXT in line)
    span = Span(source.path, number, line.index(NOT_TEXT) + 1, 1)
    errors.syntax(reporter, span, "a byte that is not UTF-8", "text")


def find_too_deep(tree: Tree[Token]) -> Tree[Token] | None:
    """The first subtree deeper than every later stage, which recurses, is ready for."""
    level = [tree]
    for _ in range(DEEPEST):
        level = [child for one in level for child in one.children if isinstance(child, Tree)]
    return level[0] if level else None


def report_unexpected(problem: UnexpectedInput, source: SourceFile, reporter: Reporter) -> None:
    """Say what stands there, and what could."""
    if isinstance(problem, UnexpectedToken) and problem.token.type != "$END":
        token = problem.token
        text = str(token).split("\n")[0]
        span = Span(source.path, token.line or 1, token.column or 1, len(text))
        errors.syntax(reporter, span, f"`{text}`", say_expected(problem.accepts or problem.expected))
    elif isinstance(problem, UnexpectedCharacters):
        span = Span(source.path, problem.line, problem.column, 1)
        errors.syntax(reporter, span, say_character(problem.char), say_expected(problem.allowed or set()))
    else:
        report_end(problem, source, reporter)


def say_character(character: str) -> str:
    """A character that begins nothing, so that it can be seen."""
    if character == '"':
        return "a text without a closing quote on its line"
    return f"`{character}`" if character.isprintable() else f"character U+{ord(character):04X}"


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
