"""The keywords of the language, read off the grammar's terminals."""

from __future__ import annotations

import re
from functools import cache

from lark.lexer import PatternStr, TerminalDef

from codegen.language.parser import make_parser

WORD = re.compile(r"[a-z][a-z0-9_]*")
CHOICE = re.compile(r"\(([a-z0-9_|]+)\)(?:\\b)?")


@cache
def list_terminals() -> dict[str, tuple[str, ...]]:
    """Return the keywords that each terminal of the grammar stands for: most for one, some for a choice."""
    return {one.name: words for one in make_parser().terminals if (words := find_words(one))}


def find_words(terminal: TerminalDef) -> tuple[str, ...]:
    """Return the keywords of a terminal; nothing for names, numbers, texts and signs."""
    value = terminal.pattern.value
    if isinstance(terminal.pattern, PatternStr):
        return (value,) if WORD.fullmatch(value) else ()
    found = CHOICE.fullmatch(value)
    return tuple(found[1].split("|")) if found else ()


@cache
def list_keywords() -> tuple[str, ...]:
    """Return all keywords, in order of the alphabet."""
    return tuple(sorted({word for words in list_terminals().values() for word in words}))
