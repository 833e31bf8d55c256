"""Tokens of a line, comments included, and what stands between two of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

TOKEN = re.compile(
    r"""
      (?P<doc>///[^\n]*)
    | (?P<comment>//[^\n]*)
    | (?P<string>"[^"\n]*")
    | (?P<number>0x[0-9A-Fa-f_]+ | [0-9][0-9_]*[KMG](?![A-Za-z0-9_]) | [0-9][0-9_]*(?:\.[0-9]+)*)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>\.\. | => | -> | == | != | <= | >= | << | >> | \S)
    | (?P<newline>\n)
    | (?P<space>[^\S\n]+)
    """,
    re.VERBOSE,
)
COMMENTS = ("doc", "comment")
TIGHT_BEFORE = (";", ",", ")", "]", ".", "[")
TIGHT_AFTER = ("(", "[", ".")
# Before a parenthesis that is no call's.
WORDS = ("if", "else", "and", "or", "not", "when", "where", "needs", "return", "by", "mirrors", "log", "msr")
OPERATORS = ("=", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>")
OPENERS = ("(", "[", ",", ":", "~")
PARTS_OF_EXITS = ("length", "qualification", "information")


@dataclass(frozen=True)
class Token:
    """`kind`: doc, comment, string, number, word or sign."""

    kind: str
    text: str

    @property
    def is_comment(self) -> bool:
        return self.kind in COMMENTS


@dataclass
class Line:
    """Tokens that stand on one line; `blank`: an empty line comes before it."""

    tokens: list[Token] = field(default_factory=list)
    blank: bool = False

    @property
    def code(self) -> list[Token]:
        """Return the tokens without comments."""
        return [one for one in self.tokens if not one.is_comment]

    def starts(self, text: str) -> bool:
        return bool(self.tokens) and self.tokens[0].text == text


def split_lines(text: str) -> list[Line]:
    """Return lines that have something on them."""
    lines: list[Line] = []
    blank = False
    for raw in text.split("\n"):
        tokens = [make_token(found) for found in TOKEN.finditer(raw) if found.lastgroup != "space"]
        if tokens:
            lines.append(Line(tokens, blank))
        blank = not tokens
    return lines


def make_token(found: re.Match[str]) -> Token:
    """Return a token; a comment's text gets its one space."""
    kind, text = found.lastgroup or "", found.group().rstrip()
    if kind not in COMMENTS:
        return Token(kind, text)
    slashes = "///" if kind == "doc" else "//"
    words = text.removeprefix(slashes)
    gap = "" if not words or words[0].isspace() else " "
    return Token(kind, f"{slashes}{gap}{words}")


def join_tokens(tokens: Sequence[Token], table: str, first: str) -> str:
    """Return a line's text. `table`: the declaration that it is in; `first`: the statement's first word."""
    text = tokens[0].text
    for index, (left, right) in enumerate(pairwise(tokens)):
        before = tokens[index - 1] if index else None
        text += gap(before, left, right, table, first) + right.text
    return text


def gap(before: Token | None, left: Token, right: Token, table: str, first: str) -> str:
    """Return two spaces before a comment and between the parts of an exit, else one or none."""
    if right.is_comment:
        return "  "
    if left.kind == "string" or right.kind == "string":
        return "" if right.text in (";", ",", ")") or left.text == "(" else " "
    if ".." in (left.text, right.text):
        return " " if "word" in (left.kind, right.kind) and table == "domain" else ""
    if right.text in TIGHT_BEFORE or left.text in TIGHT_AFTER or is_unary(before, left):
        return ""
    if right.text == "(":
        return "" if left.kind == "word" and left.text not in WORDS else " "
    if right.text == ":" and first == "rule":
        return ""
    return "  " if table == "exits" and right.text in PARTS_OF_EXITS else " "


def is_unary(before: Token | None, sign: Token) -> bool:
    """Return whether `-` or `~` stands before its operand."""
    if sign.text not in ("-", "~"):
        return False
    return before is None or before.text in (*OPERATORS, *OPENERS, *WORDS)
