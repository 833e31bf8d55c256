"""What may stand at the cursor: the text before it is parsed, a name is put there, and the rest is closed.

Lark says which keywords the grammar allows there. The walkers of names say which names would mean something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lark import Token
from lark.exceptions import LarkError, UnexpectedInput
from lark.parsers.lalr_interactive_parser import InteractiveParser

from codegen.editor.definitions import list_definitions
from codegen.editor.expressions import PLACEHOLDER, Sought
from codegen.editor.keywords import list_terminals
from codegen.editor.names import LANGUAGE, Index, Key
from codegen.editor.uses import Walker
from codegen.language.parser import find_too_deep, make_parser
from codegen.language.syntax import Item, SyntaxBuilder

PARTIAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
CITED = re.compile(r"///.*SDM:[^;]*?([0-9A-Z.]*)$")
ROOTED = re.compile(r"\b([a-z][a-z0-9_]*)\.$")
MARGIN = re.compile(r"^(?:///|[a-z])", re.MULTILINE)
# What closes a text soonest: tokens in the order in which they are tried, and what they look like.
CLOSING = {
    "SEMICOLON": ";", "RBRACE": "}", "RPAR": ")", "RSQB": "]", "LBRACE": "{", "EQUAL": "=", "NUMBER": "0", "NAME": "a",
    "STRING": '""', "COLON": ":", "COMMA": ",",
}  # fmt: skip
OPERATORS = ("AND", "OR", "NOT", "MSR", "VMCS")  # these only make an expression longer
MAX_CLOSING = 60


@dataclass(frozen=True)
class Candidate:
    """A word that may stand at the cursor. `key` is empty for a keyword."""

    text: str
    kind: str
    key: Key = ()


def complete(text: str, index: Index) -> list[Candidate]:
    """Return what may follow a text, which ends at the cursor; the editor narrows it by what is typed of a word."""
    line = text.rpartition("\n")[2]
    if "//" in line:
        return list_group(("section",), index) if CITED.search(line) else []
    if line.count('"') % 2:
        return []
    before = PARTIAL.sub("", text)
    for start in list_starts(before):
        parser = parse_part(before[start:])
        if parser is not None:
            found = [*name_candidates(parser, index), *list_allowed(parser)]
            return list({one.text: one for one in reversed(found)}.values())[::-1]
    return list(guess(before, index))


def list_group(group: Key, index: Index) -> list[Candidate]:
    """Return the names of a group."""
    return [Candidate(one.name, one.key[0], one.key) for one in index.list_members(group)]


def list_starts(text: str) -> Iterator[int]:
    """Yield where to begin to parse: at the declaration that the cursor is in, then at the file's first line.

    Declarations begin at the margin. Errors in others then do not matter, and there is less to parse.
    """
    lines = [found.start() for found in MARGIN.finditer(text)]
    starts = [at for at in lines if not text.startswith("///", at)]
    yield from dict.fromkeys([*starts[-1:], *starts[-2:-1], 0])


def parse_part(text: str) -> InteractiveParser | None:
    """Return the parser after a text, or None where that is not the beginning of anything."""
    parser = make_parser().parse_interactive(text)
    try:
        parser.exhaust_lexer()
    except UnexpectedInput:
        return None
    return parser


def list_accepted(parser: InteractiveParser) -> set[str]:
    """Return the terminals that the grammar allows next."""
    found: set[str] = parser.accepts()  # type: ignore[no-untyped-call]
    return found


def list_allowed(parser: InteractiveParser) -> list[Candidate]:
    """Return the keywords that the grammar allows next."""
    known = list_terminals()
    words = {word for terminal in list_accepted(parser) for word in known.get(terminal, ())}
    return [Candidate(word, "keyword") for word in sorted(words)]


def name_candidates(parser: InteractiveParser, index: Index) -> list[Candidate]:
    """Return the names that would mean something next."""
    if "NAME" not in list_accepted(parser):
        return []
    copy: InteractiveParser = parser.copy()  # type: ignore[no-untyped-call]
    copy.feed_token(make_token("NAME", PLACEHOLDER))
    items = close(copy)
    sought = find_sought(items, index.copy_definitions()) if items else None
    return list(list_sought(sought, index)) if sought else []


def make_token(kind: str, text: str) -> Token:
    """Return a token for the parser; its place does not matter, but trees want one."""
    return Token(kind, text, 0, 1, 1, 1, 1 + len(text), len(text))


def close(parser: InteractiveParser) -> tuple[Item, ...]:
    """Return the declarations that a text has, once what is open in it is closed; nothing where that fails."""
    try:
        for _ in range(MAX_CLOSING):
            allowed = list_accepted(parser)
            if "$END" in allowed:
                tree = parser.feed_eof()  # type: ignore[no-untyped-call]
                return () if find_too_deep(tree) else tuple(SyntaxBuilder("").transform(tree))
            kind = choose_closing(allowed)
            if kind is None:
                return ()
            text = CLOSING.get(kind) or list_terminals()[kind][0]
            parser.feed_token(make_token(kind, text))
    except (LarkError, AttributeError, TypeError, ValueError, IndexError):  # half a rule is no node
        return ()
    return ()


def choose_closing(allowed: set[str]) -> str | None:
    """Return the token that closes soonest: a sign, or else the keyword that a rule demands."""
    signs = (kind for kind in CLOSING if kind in allowed)
    words = (kind for kind in sorted(allowed) if kind in list_terminals() and kind not in OPERATORS)
    return next(signs, None) or next(words, None)


def find_sought(items: tuple[Item, ...], index: Index) -> Sought | None:
    """Return what the place of the placeholder wants."""
    for item in items:
        for one in list_definitions(item):
            index.add_definition(one)
    walker = Walker(index)
    for item in items:
        walker.walk_item(item)
    return walker.sought


def list_sought(sought: Sought, index: Index) -> Iterator[Candidate]:
    """Yield locals first, then names, then words of the language."""
    seen = {PLACEHOLDER}
    for text in sought.locals:
        if text not in seen:
            seen.add(text)
            yield Candidate(text, "local")
    for group in sought.groups:
        for one in list_group(group, index):
            if one.text not in seen:
                seen.add(one.text)
                yield one
    yield from (Candidate(word, LANGUAGE) for word in sought.words if word not in seen)


def guess(text: str, index: Index) -> Iterator[Candidate]:
    """Yield what may follow a root where the text before it has an error."""
    found = ROOTED.search(text)
    if found is None:
        return
    root = found[1]
    roots: dict[str, Key] = {"guest": ("state",), "vmcs": ("field",), "cpuid": ("feature",)}
    for group in (roots.get(root), ("control", root), ("bit", root), ("capability", root)):
        yield from list_group(group, index) if group else ()
