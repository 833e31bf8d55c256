"""The spec's files, line by line, so that every declaration's place is a link; and excerpts of them."""

from __future__ import annotations

import re

from codegen.book.lexer import color_lines, show_spec
from codegen.book.markup import tag
from codegen.book.page import Page
from codegen.book.refs import page_of_source
from codegen.book.subject import Subject
from codegen.model.facts import Doc
from codegen.source import SourceFile, Span


def make_sources(subject: Subject) -> list[Page]:
    return [make_source(one) for one in subject.sources]


def make_source(source: SourceFile) -> Page:
    part = "The spec/Facts" if "/facts/" in source.path else "The spec/Choices"
    rows = (
        f'<span class="line" id="L{number}"><a class="number" href="#L{number}">{number}</a>{text}</span>'
        for number, text in enumerate(color_lines(source.text.rstrip("\n")), 1)
    )
    listing = tag("div", tag("pre", tag("code", "\n".join(rows).rstrip())), class_="highlight listing")
    title = source.path.removeprefix("spec/")
    return Page(page_of_source(source.path), title, part, (listing,), found=False)


def excerpt(subject: Subject, span: Span) -> str:
    """The declaration that begins at a place, to the brace or semicolon that ends it, coloured."""
    source = subject.find_source(span.path)
    if source is None:
        return ""
    lines = source.lines[find_start(source, span.line - 1) : find_end(source, span) + 1]
    indent = min(len(one) - len(one.lstrip()) for one in lines if one.strip())
    return show_spec("\n".join(one[indent:] for one in lines) + "\n")


def find_start(source: SourceFile, at: int) -> int:
    """The first line of the comment above."""
    while at and source.lines[at - 1].lstrip().startswith("///"):
        at -= 1
    return at


def find_end(source: SourceFile, span: Span) -> int:
    """The line where the braces that open from a place on are balanced again."""
    depth = 0
    for number in range(span.line - 1, len(source.lines)):
        line = source.lines[number][span.column - 1 if number == span.line - 1 else 0 :]
        depth += line.count("{") - line.count("}")
        if depth <= 0:
            return number
    return span.line - 1


CITATION = re.compile(r"SDM:\s*(.+)$")
SECTION = re.compile(r"[0-9A-Z]+(?:\.\d+)*")


def find_sections(doc: Doc, span: Span, subject: Subject) -> tuple[str, ...]:
    """What a declaration cites, or else what the table cites that it stands in."""
    source = subject.find_source(span.path)
    if doc.sections or source is None:
        return doc.sections
    top = next((at for at in range(span.line - 1, -1, -1) if source.lines[at][:1].isalpha()), 0)
    comment = source.lines[find_start(source, top) : top]
    found = [number for line in comment for cited in CITATION.findall(line) for number in SECTION.findall(cited)]
    return tuple(one for one in dict.fromkeys(found) if one in subject.facts.sections)
