"""How lines are laid out: four spaces a level, braces as in C, 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from codegen import syntax

WIDTH = 120
Lines = list[str]


def indent(lines: Iterable[str]) -> Lines:
    """A level deeper."""
    return [f"    {line}" if line else line for line in lines]


def braces(head: str, inner: Lines, tail: str = "") -> Lines:
    """`head { inner }`: on one line where there is nothing inside."""
    return [f"{head} {{", *indent(inner), f"}}{tail}"] if inner else [f"{head} {{ }}{tail}"]


def say_names(head: str, names: Iterable[syntax.Name]) -> Lines:
    """`head a, b, c;`, wrapped under the first name."""
    text = f"{head} {', '.join(name.text for name in names)};"
    return textwrap.wrap(text, WIDTH - 8, subsequent_indent=" " * (len(head) + 1), break_long_words=False)


def say_doc(doc: syntax.Doc | None) -> Lines:
    """The `///` lines above a declaration."""
    return [f"/// {line}".rstrip() for line in doc.lines] if doc else []


def say_parameters(parameters: Iterable[syntax.Parameter]) -> str:
    """`a : u32, b : u64`."""
    return ", ".join(f"{one.name.text} : {one.type.text}" for one in parameters)
