"""Names, numbers, texts and documentation, each with its span."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.source import Span


@dataclass(frozen=True)
class Name:
    """A name and where it stands."""

    text: str
    span: Span


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
