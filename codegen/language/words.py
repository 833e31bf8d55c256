"""Build and print what every topic uses: names, numbers, texts, documentation, and lines in braces."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lark import Token, Transformer
from lark.tree import Meta

from codegen.source import Name, Span

SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
MANUALS = ("SDM", "APM")
CITED = r"[0-9A-Z]+(?:\.[0-9]+)*(?:\s*\(Volume \d\))?"  # without a volume it is the SDM's third
CITATION = re.compile(rf"({'|'.join(MANUALS)}):\s*({CITED}(?:\s*,\s*{CITED})*)")
SECTION = re.compile(r"(?<!Volume )\b[0-9A-Z]+(?:\.[0-9]+)*\b")
WIDTH = 120
Lines = list[str]


@dataclass(frozen=True)
class Number:
    """A number, and how it was written."""

    value: int
    span: Span
    text: str = ""


@dataclass(frozen=True)
class Text:
    """A text between quotes."""

    value: str
    span: Span


@dataclass(frozen=True)
class Doc:
    """The lines of a `///` comment, and the sections that it cites."""

    lines: tuple[str, ...]
    sections: tuple[Name, ...]
    span: Span


class Builder(Transformer[Token, Any]):
    """Build the terminals, each with its span; the builder of every topic inherits it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def span_of(self, token: Token) -> Span:
        """Return where a token stands."""
        return Span(self.path, token.line or 0, token.column or 0, len(token))

    def span_over(self, meta: Meta) -> Span:
        """Return the span from the first to the last character, cut at the end of the first line."""
        same_line = meta.line == meta.end_line
        length = meta.end_column - meta.column if same_line else 1 << 16
        return Span(self.path, meta.line, meta.column, length)

    def NAME(self, token: Token) -> Name:
        """Build a name, whatever it will mean."""
        return Name(str(token), self.span_of(token))

    SECTION = NAME

    def NUMBER(self, token: Token) -> Number:
        """Build `0x1F`, `1_000` or `4K`."""
        digits = str(token).replace("_", "")
        scale = 1 if digits.startswith("0x") else SUFFIXES.get(digits[-1], 1)
        base = 16 if digits.startswith("0x") else 10
        return Number(int(digits[: -1 if scale > 1 else None], base) * scale, self.span_of(token), str(token))

    def STRING(self, token: Token) -> Text:
        """Build a text without its quotes."""
        return Text(str(token)[1:-1], self.span_of(token))

    def DOC(self, token: Token) -> Doc:
        """Build the lines after `///`, and what they cite."""
        lines = tuple(line.strip().removeprefix("///").strip() for line in str(token).split("\n"))
        return Doc(lines, tuple(self.find_citations(token)), self.span_of(token))

    def find_citations(self, token: Token) -> list[Name]:
        """Return the sections after `SDM:` or `APM:`, each with its span."""
        found = []
        for index, line in enumerate(str(token).split("\n")):
            start = token.column or 1 if index == 0 else 1
            for match in CITATION.finditer(line):
                for section in SECTION.finditer(line, match.start(2), match.end(2)):
                    span = Span(self.path, (token.line or 0) + index, start + section.start(), len(section[0]))
                    found.append(Name(cite(match[1], section[0]), span))
        return found


def cite(manual: str, section: str) -> str:
    """Return a section as it is looked up: with its manual, where that is not Intel's."""
    return section if manual == MANUALS[0] else f"{manual} {section}"


def indent(lines: Iterable[str]) -> Lines:
    """Indent lines by one level."""
    return [f"    {line}" if line else line for line in lines]


def braces(head: str, inner: Lines, tail: str = "") -> Lines:
    """Print `head { inner }`: on one line where there is nothing inside."""
    return [f"{head} {{", *indent(inner), f"}}{tail}"] if inner else [f"{head} {{ }}{tail}"]


def say_names(head: str, names: Iterable[Name]) -> Lines:
    """Print `head a, b, c;`, wrapped under the first name."""
    text = f"{head} {', '.join(name.text for name in names)};"
    return textwrap.wrap(text, WIDTH - 8, subsequent_indent=" " * (len(head) + 1), break_long_words=False)


def say_doc(doc: Doc | None) -> Lines:
    """Print the `///` lines above a declaration."""
    return [f"/// {line}".rstrip() for line in doc.lines] if doc else []
