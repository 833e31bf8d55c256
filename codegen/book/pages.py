"""All pages of the book, in order: from a subject to Markdown, without touching a file."""

from __future__ import annotations

from codegen.book.behaviour import make_behaviour
from codegen.book.bitmaps import make_bitmaps
from codegen.book.capabilities import make_capabilities
from codegen.book.controls import make_controls
from codegen.book.cpuid import make_cpuid
from codegen.book.documents import make_documents
from codegen.book.domain import make_domain
from codegen.book.entry_checks import make_entry_checks
from codegen.book.events import make_events
from codegen.book.exits import make_exits
from codegen.book.fields import make_fields
from codegen.book.front import make_front
from codegen.book.hypercalls import make_hypercalls
from codegen.book.ledger import make_ledger
from codegen.book.memory import make_memory
from codegen.book.msrs import make_msrs
from codegen.book.page import Page
from codegen.book.platform import make_platform
from codegen.book.runtime import make_runtime
from codegen.book.sources import make_sources
from codegen.book.state import make_layouts, make_manual, make_state
from codegen.book.subject import Subject

REFERENCE = (
    make_exits,
    make_events,
    make_controls,
    make_fields,
    make_msrs,
    make_cpuid,
    make_capabilities,
    make_state,
    make_platform,
    make_hypercalls,
    make_runtime,
    make_layouts,
    make_manual,
)


def make_pages(subject: Subject) -> list[Page]:
    """The front page, what people wrote, what the model says, and the spec itself."""
    made = [
        make_ledger(subject),
        *(
            page
            for domain in subject.domains
            for page in (
                make_domain(domain, subject),
                make_behaviour(domain, subject),
                make_bitmaps(domain, subject),
                *([make_memory(domain, subject)] if domain in subject.hosts else []),
            )
        ),
    ]
    made += [make(subject) for make in REFERENCE] + make_entry_checks(subject)
    sources = sorted(make_sources(subject), key=lambda page: page.part)
    names = {page.name for page in [*made, *sources]}
    return [make_front(subject, names), *make_documents(subject, names), *made, *sources]


def make_navigation(pages: list[Page]) -> list[dict[str, object]]:
    """MkDocs's tree of parts, each in the place of its first page."""
    tree: list[dict[str, object]] = []
    for page in pages:
        inside = tree
        for part in page.part.split("/"):
            inside = open_part(inside, part)
        inside.append({page.title: f"{page.name}.md"})
    return tree


def open_part(tree: list[dict[str, object]], part: str) -> list[dict[str, object]]:
    """What a part holds so far; a new one where there is none."""
    for one in tree:
        if isinstance(found := one.get(part), list):
            return found
    inside: list[dict[str, object]] = []
    tree.append({part: inside})
    return inside
