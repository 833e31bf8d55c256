"""`///` comments: required on declarations, their citations checked."""

from __future__ import annotations

import re

from codegen import errors, syntax
from codegen.diagnostics import Reporter
from codegen.model.facts import Doc
from codegen.source import Span

CITATION = re.compile(r"\s*SDM:.*$")


def make_doc(doc: syntax.Doc | None) -> Doc:
    """The text without its citations; it will stand in comments of C, and must not end them."""
    if doc is None:
        return Doc()
    text = " ".join(CITATION.sub("", line) for line in doc.lines).strip().replace("*/", "* /")
    return Doc(text, tuple(section.text for section in doc.sections))


def check_doc(doc: syntax.Doc | None, what: str, span: Span, reporter: Reporter) -> Doc:
    """A declaration's documentation, required."""
    if doc is None:
        errors.missing_doc(reporter, span, what)
    return make_doc(doc)


def check_citations(doc: syntax.Doc | None, edition: str, sections: dict[str, str], reporter: Reporter) -> None:
    """Every cited section is in the table."""
    for section in doc.sections if doc else ():
        if section.text not in sections:
            errors.unknown_section(reporter, section, edition, sections)
