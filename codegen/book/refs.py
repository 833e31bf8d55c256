"""Links from page to page and to the spec's lines, and excerpts of the spec.

All pages are files of one folder, so `page.html#anchor` leads there from anywhere.
"""

from __future__ import annotations

import re

from codegen.book.lexer import color_lines, show_spec
from codegen.book.markup import Page, breakable, code, link, tag, text
from codegen.book.subject import Subject
from codegen.language.expressions import say_expression
from codegen.language.words import SECTION
from codegen.model import ir
from codegen.model.facts import Doc
from codegen.resolve.facts import TABLES
from codegen.resolve.lift import lift_condition
from codegen.source import NOWHERE, SourceFile, Span

PAGES = {
    "exit": "exits",
    "event": "events",
    "field": "fields",
    "control": "controls",
    "word": "controls",
    "msr": "msrs",
    "feature": "cpuid",
    "vector": "platform",
    "port": "platform",
    "errno": "hypercalls",
    "hypercall": "hypercalls",
    "extern": "runtime",
    "region": "runtime",
    "constant": "runtime",
    "struct": "runtime",
    "capability": "capabilities",
    "state": "state",
    "layout": "layouts",
    "section": "manual",
    "rule": "entry-checks",
}


def anchor(kind: str, name: str) -> str:
    """Return a declaration's anchor; kinds that share a page and may share names are prefixed with the kind."""
    return f"{kind}-{name}" if kind in ("vector", "port", "errno", "struct", "constant", "region", "word") else name


def target(kind: str, name: str) -> str:
    return f"{PAGES[kind]}.html#{anchor(kind, name)}"


def ref(kind: str, name: str, label: str = "") -> str:
    """Return a link to a declaration's entry, in code; a narrow column may wrap it at underscores and periods."""
    return link(target(kind, name), breakable(code(label or name)))


def page_of_source(path: str) -> str:
    """Return the page that shows a file of the spec."""
    return "source-" + path.removeprefix("spec/").removesuffix(".luv").replace("/", "-")


def place(span: Span) -> str:
    """Return `file:line` as a link to that line; a narrow column may wrap it at underscores."""
    if span == NOWHERE:
        return ""
    label = f"{span.path.rpartition('/')[2]}:{span.line}".replace("_", "_<wbr>")
    return tag("a", label, href=f"{page_of_source(span.path)}.html#L{span.line}", class_="place", title=span.path)


def cite(sections: tuple[str, ...], subject: Subject, brief: bool = False) -> str:
    """Return sections of the manual, with their titles."""
    return ", ".join(cite_one(one, subject, brief) for one in sections)


def cite_one(number: str, subject: Subject, brief: bool) -> str:
    title = subject.facts.sections.get(number, "")
    label = f"§{number}" if brief or not title else f"§{number} {text(title)}"
    return tag("a", label, href=f"manual.html#s{number}", title=title, class_="cite")


def say_doc(doc: Doc, subject: Subject, brief: bool = False) -> str:
    """Return a declaration's comment and its citations."""
    cited = cite(doc.sections, subject, brief)
    return " ".join(part for part in (text(doc.summary), tag("span", cited, class_="cites") if cited else "") if part)


NAMES = re.compile(r"msr (\w+)|(\w+\.\w+)")


def say_condition(condition: ir.Condition) -> str:
    """Return a condition in the spec's words, each name a link."""
    return NAMES.sub(link_name, say_expression(lift_condition(condition)))


def link_name(found: re.Match[str]) -> str:
    """Return a link to an MSR or a control; a table in code."""
    msr, path = found.groups()
    if msr:
        return f"msr {ref('msr', msr)}"
    return code(path) if path in TABLES or path.endswith(".owned") else ref("control", path)


# ---- the spec's files, line by line, and excerpts of them


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
    """Return the declaration that begins at a place, to the brace or semicolon that ends it, highlighted."""
    source = subject.find_source(span.path)
    if source is None:
        return ""
    lines = source.lines[find_start(source, span.line - 1) : find_end(source, span) + 1]
    indent = min(len(one) - len(one.lstrip()) for one in lines if one.strip())
    return show_spec("\n".join(one[indent:] for one in lines) + "\n")


def find_start(source: SourceFile, at: int) -> int:
    """Return the first line of the comment above a line."""
    while at and source.lines[at - 1].lstrip().startswith("///"):
        at -= 1
    return at


def find_end(source: SourceFile, span: Span) -> int:
    """Return the line where the braces that open after a place are balanced again."""
    depth = 0
    for number in range(span.line - 1, len(source.lines)):
        line = source.lines[number][span.column - 1 if number == span.line - 1 else 0 :]
        depth += line.count("{") - line.count("}")
        if depth <= 0:
            return number
    return span.line - 1


CITATION = re.compile(r"SDM:\s*(.+)$")


def find_sections(doc: Doc, span: Span, subject: Subject) -> tuple[str, ...]:
    """Return what a declaration cites, or else what its table cites."""
    source = subject.find_source(span.path)
    if doc.sections or source is None:
        return doc.sections
    top = next((at for at in range(span.line - 1, -1, -1) if source.lines[at][:1].isalpha()), 0)
    comment = source.lines[find_start(source, top) : top]
    found = [number for line in comment for cited in CITATION.findall(line) for number in SECTION.findall(cited)]
    return tuple(one for one in dict.fromkeys(found) if one in subject.facts.sections)
