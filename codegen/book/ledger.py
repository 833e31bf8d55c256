"""The exit ledger: for each domain, what every exit reason comes to."""

from __future__ import annotations

from codegen.book.exits import STATUS, link_answer, say_reasons
from codegen.book.markup import badge, code, legend, table, tag
from codegen.book.page import Page
from codegen.book.refs import ref
from codegen.book.subject import Subject
from codegen.insight.ledger import Ledger, Row

MEANINGS = {
    "handled": "it can happen; a handler or a table decides, and ends in one of the outcomes",
    "impossible": "facts and choices exclude it on every processor, or the edition reserves the number",
    "refused": "only a processor that forces a control on could leave so, and the domain is not started there",
    "hole": "it can happen and nothing says what then: such a spec does not compile",
}


def make_ledger(subject: Subject) -> Page:
    key = legend([(STATUS[name], f"<strong>{name}</strong>: {words}") for name, words in MEANINGS.items()])
    parts = [part for one in subject.ledgers for part in make_domain(one, subject)]
    lead = (
        "Every basic exit reason of the manual's edition, in every domain: handled where and ending how, or impossible "
        "and why."
    )
    return Page("ledger", "Exit ledger", "This hypervisor", (key, *parts), lead=lead)


def make_domain(ledger: Ledger, subject: Subject) -> list[str]:
    counts = ", ".join(f"{ledger.count(name)} {name}" for name in MEANINGS if ledger.count(name))
    head = ("", "Exit", "Status", "Because", "Answered by", "Ends", "Times")
    rows = [make_row(row, ledger, subject) for row in ledger.rows]
    return [
        f"## {ledger.domain} {{ #{ledger.domain} }}",
        tag("p", f"{len(ledger.rows)} numbers: {counts}."),
        draw_strip(ledger),
        table(head, rows, "dense"),
    ]


def make_row(row: Row, ledger: Ledger, subject: Subject) -> tuple[str, ...]:
    name = ref("exit", row.name) if row.name else "reserved"
    answers = "<br>".join(link_answer(one, ledger.domain) for one in row.answers)
    ends = "<br>".join(", ".join(map(code, one.outcomes)) for one in row.answers)
    return (
        tag("span", str(row.number), id=f"{ledger.domain}-{row.number}"),
        name,
        badge(row.status, STATUS[row.status]),
        say_reasons(row),
        answers,
        ends,
        subject.count_exits(row.name, ledger.domain),
    )


def draw_strip(ledger: Ledger) -> str:
    """A cell for each number."""
    cells = (
        tag(
            "a",
            str(row.number),
            href=f"#{ledger.domain}-{row.number}",
            class_=STATUS[row.status],
            title=f"{row.number} {row.name or 'reserved'}: {row.status}",
        )
        for row in ledger.rows
    )
    return tag("div", "".join(cells), class_="strip")
