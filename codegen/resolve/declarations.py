"""What every declaration is held to: a name and a number that are free, a documentation that cites known sections."""

from __future__ import annotations

import re
from typing import Any

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.language import syntax
from codegen.language.words import MANUALS
from codegen.model.facts import Doc, Facts
from codegen.source import Span

C_WORDS = {
    "NULL", "asm", "auto", "bool", "break", "case", "char", "const", "continue", "cpu", "default", "do",
    "double", "else", "enum", "extern", "false", "float", "for", "goto", "if", "inline", "int", "long",
    "register", "restrict", "return", "short", "signed", "size_t", "sizeof", "static", "struct", "switch",
    "true", "typedef", "typeof", "u16", "u32", "u64", "u8", "union", "unsigned", "void", "volatile", "while",
}  # fmt: skip
CITATION = re.compile(rf"\s*(?:{'|'.join(MANUALS)}):.*$")
ENTRIES = ("fields", "bits", "exits", "msrs", "vectors", "ports", "registers", "clauses", "rules", "items",
           "options")
Item = tuple[Any, Doc]


def declare(table: dict[str, Any], name: syntax.Name, kind: str, value: Any, reporter: Reporter) -> None:
    """Enter a name, or report where it was taken."""
    if name.text in table:
        errors.duplicate_name(reporter, name, kind, table[name.text].span)
    else:
        table[name.text] = value


def check_number(taken: dict[int, Span], number: int, span: Span, what: str, reporter: Reporter) -> None:
    """Enter a number, or report where it was taken."""
    if number in taken:
        errors.duplicate_number(reporter, span, f"{what} is taken", taken[number])
    taken.setdefault(number, span)


def check_reserved(name: syntax.Name, kind: str, reporter: Reporter) -> None:
    """Report a name that is a word of C: generated C has it too."""
    if name.text in C_WORDS:
        errors.reserved_name(reporter, name, kind)


def make_doc(doc: syntax.Doc | None) -> Doc:
    """Return the text without its citations, fit for a comment of C."""
    if doc is None:
        return Doc()
    text = " ".join(CITATION.sub("", line) for line in doc.lines).strip().replace("*/", "* /")
    return Doc(text, tuple(section.text for section in doc.sections))


def check_doc(doc: syntax.Doc | None, what: str, span: Span, reporter: Reporter) -> Doc:
    """Return a declaration's documentation, which is required."""
    if doc is None:
        errors.missing_doc(reporter, span, what)
    return make_doc(doc)


def check_citations(doc: syntax.Doc | None, edition: str, sections: dict[str, str], reporter: Reporter) -> None:
    """Report cited sections that are not in the table."""
    for section in doc.sections if doc else ():
        if section.text not in sections:
            errors.unknown_section(reporter, section, edition, sections)


def check_docs(items: list[syntax.Item], facts: Facts, reporter: Reporter) -> None:
    """Report declarations without documentation, and citations that are not in the manual's table."""
    for item in items:
        name, span = describe(item.declaration)
        check_doc(item.doc, name, span, reporter)
        check_citations(item.doc, facts.edition, facts.sections, reporter)
        for doc in find_docs(item.declaration):
            check_citations(doc, facts.edition, facts.sections, reporter)


def describe(node: Any) -> tuple[str, Any]:
    """Return what a declaration is called in messages, and where it is."""
    kind = type(node).__name__.lower()
    if hasattr(node, "name"):
        return f"{kind} `{node.name.text}`", node.name.span
    return f"`{kind}`", node.span


def find_docs(node: Any) -> list[syntax.Doc]:
    """Return the docs of a declaration's entries."""
    entries = [entry for name in ENTRIES for entry in getattr(node, name, None) or ()]
    found = [entry.doc for entry in entries if getattr(entry, "doc", None)]
    return found + [doc for entry in entries for doc in find_docs(entry)]


def of_kind(items: list[syntax.Item], kind: type) -> list[Item]:
    """Return the declarations of one kind, with their documentation."""
    return [(item.declaration, make_doc(item.doc)) for item in items if isinstance(item.declaration, kind)]
