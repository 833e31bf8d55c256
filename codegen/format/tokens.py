"""Text to tokens and lines of tokens, comments included."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

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
        """Its tokens without comments."""
        return [one for one in self.tokens if not one.is_comment]

    def starts(self, text: str) -> bool:
        return bool(self.tokens) and self.tokens[0].text == text


def split_lines(text: str) -> list[Line]:
    """Lines that have something on them."""
    lines: list[Line] = []
    blank = False
    for raw in text.split("\n"):
        tokens = [make_token(found) for found in TOKEN.finditer(raw) if found.lastgroup != "space"]
        if tokens:
            lines.append(Line(tokens, blank))
        blank = not tokens
    return lines


def make_token(found: re.Match[str]) -> Token:
    """A token; a comment's text gets its one space."""
    kind, text = found.lastgroup or "", found.group().rstrip()
    if kind not in COMMENTS:
        return Token(kind, text)
    slashes = "///" if kind == "doc" else "//"
    words = text.removeprefix(slashes)
    gap = "" if not words or words[0].isspace() else " "
    return Token(kind, f"{slashes}{gap}{words}")
