"""Lark's terminal names in words, for "expected ..." in messages."""

from __future__ import annotations

from collections.abc import Iterable

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
    "LENGTH_KIND": "`field`, `none`, `decoder`",
    "SWITCH_HOW": "`save`, `load`, `host`",
    "CPUID_HOW": "`pass`, `hide`, `show`",
    "DIRECTION": "`read`, `write`",
    "SIMPLE_ACTION": "`pass`, `try`, `hypercalls`",
    "EXCEPTION_HOW": "`pass`, `trap`",
    "REQUIRE": "`require`, `prefer`",
    "$END": "the end of the file",
}
OPERATORS = {"COMPARE", "BITOR", "AMP", "SHIFT", "SUM", "PRODUCT", "AND", "OR", "LSQB", "DOT", "LPAR"}
MOST = 8


def say_expected(terminals: Iterable[str]) -> str:
    """The terminals as a list in words; operators are left out where something else is possible."""
    names = set(terminals)
    plain = names - OPERATORS or names
    words = sorted({word_for(name) for name in plain})
    if len(words) > MOST:
        words = [*words[:MOST], "..."]
    return " or ".join(words) if len(words) < 3 else ", ".join(words)


def word_for(terminal: str) -> str:
    """One terminal in words; a keyword is its own."""
    return WORDS.get(terminal, f"`{terminal.lower()}`")
