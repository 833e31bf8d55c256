"""The first page: the README's words, and the whole in figures."""

from __future__ import annotations

from codegen.book.costs import say_origin
from codegen.book.documents import split_title, turn_links
from codegen.book.markup import tag, text
from codegen.book.page import Page
from codegen.book.subject import Subject


def make_front(subject: Subject, book: set[str]) -> Page:
    title, body = split_title(subject.documents.get("README.md", "# Luvalley"), "Luvalley")
    intro, _, rest = turn_links(body, "README.md", subject, book).partition("\n```")
    return Page(
        "index", title, "Guide", (intro, make_cards(subject), make_figures(subject), f"```{rest}" if rest else "")
    )


def make_cards(subject: Subject) -> str:
    """Figures of the model, each a way in."""
    facts = subject.facts
    handled = sum(row.status == "handled" for one in subject.ledgers[:1] for row in one.rows)
    numbers = len(subject.ledgers[0].rows) if subject.ledgers else 0
    domain = subject.domains[0] if subject.domains else None
    cards = [
        ("ledger", numbers, "exit reasons", f"{handled} handled in {domain.name}" if domain else ""),
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
    """What runs recorded."""
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
