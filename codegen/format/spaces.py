"""What stands between two tokens of a line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from codegen.format.tokens import Token

TIGHT_BEFORE = (";", ",", ")", "]", ".", "[")
TIGHT_AFTER = ("(", "[", ".")
# Before a parenthesis that is no call's.
WORDS = ("if", "else", "and", "or", "not", "when", "where", "needs", "return", "by", "mirrors", "log", "msr")
OPERATORS = ("=", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>")
OPENERS = ("(", "[", ",", ":", "~")
PARTS_OF_EXITS = ("length", "qualification", "information")


def join_tokens(tokens: Sequence[Token], table: str, first: str) -> str:
    """A line's text. `table`: the declaration that it is in; `first`: the statement's first word."""
    text = tokens[0].text
    for index, (left, right) in enumerate(pairwise(tokens)):
        before = tokens[index - 1] if index else None
        text += gap(before, left, right, table, first) + right.text
    return text


def gap(before: Token | None, left: Token, right: Token, table: str, first: str) -> str:
    """Two spaces before a comment and between the parts of an exit, else one or none."""
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
    """`-` and `~` in front of their operand."""
    if sign.text not in ("-", "~"):
        return False
    return before is None or before.text in (*OPERATORS, *OPENERS, *WORDS)
