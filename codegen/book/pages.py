"""All pages of the book, in order: handwritten ones, those made from the model, and the spec itself."""

from __future__ import annotations

import posixpath
import re

from codegen.book.bitmaps import make_bitmaps
from codegen.book.controls import make_capabilities, make_controls, make_domain
from codegen.book.cpuid import make_cpuid
from codegen.book.exits import make_coverage_page, make_events, make_exits
from codegen.book.handlers import make_behaviour, say_origin
from codegen.book.hypercalls import make_hypercalls, make_interface, make_options, make_runtime
from codegen.book.markup import Page, tag, text
from codegen.book.memory import make_memory
from codegen.book.msrs import make_msrs, make_platform
from codegen.book.refs import make_sources, page_of_source
from codegen.book.state import make_entry_checks, make_fields, make_layouts, make_manual, make_state
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
    make_interface,
    make_options,
    make_runtime,
    make_layouts,
    make_manual,
)


def make_pages(subject: Subject) -> list[Page]:
    """Return the front page, the handwritten pages, those made from the model, and the spec itself."""
    made = [
        make_coverage_page(subject),
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
    """Return MkDocs's tree of parts, each at the position of its first page."""
    tree: list[dict[str, object]] = []
    for page in pages:
        inside = tree
        for part in page.part.split("/"):
            inside = open_part(inside, part)
        inside.append({page.title: f"{page.name}.md"})
    return tree


def open_part(tree: list[dict[str, object]], part: str) -> list[dict[str, object]]:
    """Return the pages of a part; add the part if it is new."""
    for one in tree:
        if isinstance(found := one.get(part), list):
            return found
    inside: list[dict[str, object]] = []
    tree.append({part: inside})
    return inside


# ---- handwritten pages: the README and docs/, their links turned to pages of the book


IMAGE = re.compile(r"!\[([^\]\n]*)\]\(([^)\s]+\.svg)\)")
LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
WORDS = re.compile(r"^```(\w+) \w+$", re.MULTILINE)  # `luv body`: the second word is for the tests of the examples
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
FIRST = ("glossary", "architecture", "domus", "language", "adding-an-exit", "errors", "audit")


def make_documents(subject: Subject, book: set[str]) -> list[Page]:
    """Return a page for each file of docs/, in reading order; `book` names the pages made from the model."""
    paths = [path for path in subject.documents if path.startswith("docs/") and path.endswith(".md")]
    names = sorted((stem_of(path) for path in paths), key=lambda name: (*FIRST, name).index(name))
    return [make_document(f"docs/{name}.md", subject, book) for name in names]


def stem_of(path: str) -> str:
    return posixpath.basename(path).removesuffix(".md")


def name_of(path: str, book: set[str]) -> str:
    """Return the page of a document; it does not replace another of its name, as that of a domain."""
    stem = stem_of(path)
    return f"guide-{stem}" if stem in {*book, "index"} else stem


def make_document(path: str, subject: Subject, book: set[str]) -> Page:
    title, body = split_title(subject.documents[path], stem_of(path))
    words = turn_links(put_images(body, path, subject), path, subject, book)
    return Page(name_of(path, book), title, "Guide", (words,))


def split_title(words: str, otherwise: str) -> tuple[str, str]:
    """Return a document's first heading, and the rest."""
    first, _, rest = words.lstrip().partition("\n")
    return (first[2:].strip(), rest.strip()) if first.startswith("# ") else (otherwise, words.strip())


def put_images(words: str, path: str, subject: Subject) -> str:
    """Put drawings into the page itself, in the place of the links to them."""
    folder = posixpath.dirname(path)

    def put(found: re.Match[str]) -> str:
        drawing = subject.documents.get(posixpath.join(folder, found[2]), "")
        return tag("figure", drawing, class_="wide") if drawing else found[1]

    return IMAGE.sub(put, words)


def turn_links(words: str, path: str, subject: Subject, book: set[str]) -> str:
    """Turn every link outside of code blocks; name code blocks by their language alone."""
    parts = [turn_part(part, path, subject, book) for part in FENCE.split(words)]
    return "".join(parts)


def turn_part(part: str, path: str, subject: Subject, book: set[str]) -> str:
    """Turn a code block, or the text between two of them."""
    if part.startswith("```"):
        return WORDS.sub(r"```\1", part)
    return LINK.sub(lambda found: turn_link(found[1], found[2], path, subject, book), part)


def turn_link(label: str, target: str, path: str, subject: Subject, book: set[str]) -> str:
    """Turn a link to a page of the book; a link to anything else becomes plain words."""
    file, mark, place = target.partition("#")
    if not file or "://" in target or target.startswith("mailto:"):
        return f"[{label}]({target})"
    name = find_page(posixpath.normpath(posixpath.join(posixpath.dirname(path), file)), file, subject, book)
    words = find_title(path, file, subject) if label == file else label
    return f"[{words}]({name}.md{mark}{place})" if name else label


def find_title(path: str, file: str, subject: Subject) -> str:
    """Return the title of a document that is linked by its file's name."""
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    return split_title(subject.documents.get(found, ""), file)[0]


def find_page(path: str, file: str, subject: Subject, book: set[str]) -> str:
    """Return the page that shows a file of the repository, or a page by its own name; nothing if there is none."""
    if path == "README.md":
        return "index"
    if path in subject.documents:
        return name_of(path, book)
    if path in subject.paths:
        return page_of_source(path)
    bare = file.removesuffix(".html").removesuffix(".md")
    return bare if bare in book else ""


# ---- the first page: the README's words, and the model in figures


def make_front(subject: Subject, book: set[str]) -> Page:
    title, body = split_title(subject.documents.get("README.md", "# Luvalley"), "Luvalley")
    intro, _, rest = turn_links(body, "README.md", subject, book).partition("\n```")
    return Page(
        "index", title, "Guide", (intro, make_cards(subject), make_figures(subject), f"```{rest}" if rest else "")
    )


def make_cards(subject: Subject) -> str:
    """Return figures of the model, each a link to its page."""
    facts = subject.facts
    handled = sum(row.status == "handled" for one in subject.coverages[:1] for row in one.rows)
    numbers = len(subject.coverages[0].rows) if subject.coverages else 0
    domain = subject.domains[0] if subject.domains else None
    cards = [
        ("coverage", numbers, "exit reasons", f"{handled} handled in {domain.name}" if domain else ""),
        ("msrs", len(facts.msrs), "MSRs", f"{sum(bool(one.guarded) for one in facts.msrs.values())} guarded"),
        (
            "cpuid",
            len(facts.features),
            "CPUID features",
            f"{len(domain.cpuid.shown)} shown to {domain.name}" if domain else "",
        ),
        ("fields", len(facts.vmcs), "VMCS fields", "by area"),
        ("controls", len(facts.controls), "controls", f"in {len(facts.words)} words"),
        ("hypercalls", len(subject.model.hypercalls), "hypercalls", "by VMCALL"),
    ]
    return tag("div", "".join(make_card(*card) for card in cards), class_="cards")


def make_card(page: str, number: int, words: str, more: str) -> str:
    return tag("a", tag("b", str(number)) + tag("span", words) + tag("small", more), href=f"{page}.html")


def make_figures(subject: Subject) -> str:
    """Return the table of recorded figures."""
    figures = subject.records.figures
    if not figures:
        return ""
    rows = "".join(
        tag(
            "tr",
            tag("td", text(one.name))
            + tag("td", tag("strong", f"{one.value:g}") + f" {one.unit}")
            + tag("td", f"at most {one.aim:g} {one.unit}"),
        )
        for one in figures
    )
    head = "<thead><tr><th>Figure</th><th>Measured</th><th>Aim</th></tr></thead>"
    return tag(
        "div", tag("table", f"{head}<tbody>{rows}</tbody>", class_="facts figures") + say_origin(subject), class_="wide"
    )
