"""Text to syntax, by Lark; what is not understood is reported in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.language import foreign, syntax
from codegen.language.syntax import SyntaxBuilder
from codegen.source import NOT_TEXT, SourceFile, Span

WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a text in quotes",
    "DOC": "a `///` comment",
    "SECTION": "a section number",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "SEMICOLON": "`;`",
    "COLON": "`:`",
    "COMMA": "`,`",
    "DOT": "`.`",
    "EQUAL": "`=`",
    "__ANON_0": "`..`",
    "__ANON_1": "`=>`",
    "__ANON_2": "`->`",
    "__ANON_3": "`name`",
    "ALLOWED1": "`allowed1`",
    "DEFAULT1": "`default1`",
    "AMP": "`&`",
    "STAR": "`*`",
    "COMPARE": "a comparison",
    "BITOR": "`|`",
    "SHIFT": "a shift",
    "SUM": "`+`",
    "PRODUCT": "`*`",
    "UNARY": "`~`",
    "MINUS": "`-`",
    "LENGTH_KIND": "`field`, `none`, `decoder`",
    "SWITCH_HOW": "`save`, `load`, `host`",
    "CPUID_HOW": "`pass`, `hide`, `show`",
    "HOST_HOW": "`includes`, `excludes`",
    "DIRECTION": "`read`, `write`",
    "SIMPLE_ACTION": "`pass`, `try`, `hypercalls`",
    "EXCEPTION_HOW": "`pass`, `trap`",
    "REQUIRE": "`require`, `prefer`",
    "$END": "the end of the file",
}
OPERATORS = {"COMPARE", "BITOR", "AMP", "SHIFT", "SUM", "PRODUCT", "AND", "OR", "LSQB", "DOT", "LPAR"}
MAX_EXPECTED = 8
GRAMMAR = Path(__file__).with_name("luv.lark")
MAX_DEPTH = 100
WORD = re.compile(r"[A-Za-z0-9_.]+")


def say_expected(terminals: Iterable[str]) -> str:
    """Return the terminals as a list in words; operators are left out where something else is possible."""
    names = set(terminals)
    plain = names - OPERATORS or names
    words = sorted({word_for(name) for name in plain})
    if len(words) > MAX_EXPECTED:
        words = [*words[:MAX_EXPECTED], "..."]
    return " or ".join(words) if len(words) < 3 else ", ".join(words)


def word_for(terminal: str) -> str:
    """Return one terminal in words; a keyword stands for itself."""
    return WORDS.get(terminal, f"`{terminal.lower()}`")


@cache
def make_parser() -> Lark:
    """Return the parser, made once: that takes longer than parsing a file."""
    grammar = GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def parse_file(source: SourceFile, reporter: Reporter) -> syntax.File | None:
    """Return the file's declarations, or None after reporting what is not understood."""
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
        errors.syntax(reporter, span, f"an expression or block nested more than {MAX_DEPTH} deep", "a shorter one")
        return None
    items: tuple[syntax.Item, ...] = SyntaxBuilder(source.path).transform(tree)
    return syntax.File(source.path, items)


def report_not_text(source: SourceFile, reporter: Reporter) -> None:
    """Point at the first byte that is not UTF-8."""
    number, line = next((number, line) for number, line in enumerate(source.lines, 1) if NOT_TEXT in line)
    span = Span(source.path, number, line.index(NOT_TEXT) + 1, 1)
    errors.syntax(reporter, span, "a byte that is not UTF-8", "text")


def find_too_deep(tree: Tree[Token]) -> Tree[Token] | None:
    """Return the first subtree that is deeper than later stages, which recurse, can follow."""
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for one in level for child in one.children if isinstance(child, Tree)]
    return level[0] if level else None


def report_unexpected(problem: UnexpectedInput, source: SourceFile, reporter: Reporter) -> None:
    """Say what stands there, and what could."""
    if report_foreign(problem, source, reporter):
        return
    if isinstance(problem, UnexpectedToken) and problem.token.type != "$END":
        token = problem.token
        text = find_word(token, source) if token.type == "SECTION" else str(token).split("\n")[0]
        span = Span(source.path, token.line or 1, token.column or 1, len(text))
        expected = problem.accepts or problem.expected
        errors.syntax(reporter, span, f"`{text}`", say_expected(expected), foreign.find_fact(problem, expected))
    elif isinstance(problem, UnexpectedCharacters):
        span = Span(source.path, problem.line, problem.column, 1)
        found, wanted = say_character(problem.char, source.lines[problem.line - 1][problem.column :])
        errors.syntax(reporter, span, found, wanted)
    else:
        report_end(problem, source, reporter)


def report_foreign(problem: UnexpectedInput, source: SourceFile, reporter: Reporter) -> bool:
    """Report a word or a sign that another language has, with what this one has instead; return false if it is none."""
    line, column = getattr(problem, "line", None) or 0, getattr(problem, "column", None) or 0
    if word := foreign.find_word(problem):
        token, help = word
        span = Span(source.path, token.line or 1, token.column or 1, len(token))
    elif 0 < line <= len(source.lines) and (sign := foreign.find_sign(source, line, column)):
        start, text, help = sign
        span = Span(source.path, line, start, len(text))
    else:
        return False
    found = source.lines[span.line - 1][span.column - 1 :][: span.length]
    errors.syntax(reporter, span, f"`{found}`", "", help)
    return True


def find_word(token: Token, source: SourceFile) -> str:
    """Return the letters and digits that the token runs into, as in `12abc`."""
    match = WORD.match(source.lines[(token.line or 1) - 1], (token.column or 1) - 1)
    return match[0] if match else str(token)


def say_character(character: str, rest: str) -> tuple[str, str]:
    """Return a character that begins no token, made visible, and what could stand there."""
    if character == '"' and '"' in rest:
        return "a text with a backslash", "a text without one: there are no escapes"
    if character == '"':
        return "a text without a closing quote on its line", "a text in quotes"
    shown = f"`{character}`" if character.isprintable() else f"character U+{ord(character):04X}"
    return shown, "something else: no word begins with it"


def report_end(problem: UnexpectedInput, source: SourceFile, reporter: Reporter) -> None:
    """Report a file that ends inside a declaration, after its last character."""
    lines = source.text.rstrip().split("\n")
    span = Span(source.path, len(lines), len(lines[-1]) + 1, 1)
    if isinstance(problem, UnexpectedToken):
        expected = problem.accepts or problem.expected
    elif isinstance(problem, UnexpectedEOF):
        expected = set(problem.expected)
    else:
        expected = set()
    errors.syntax(reporter, span, "the end of the file", say_expected(expected))
