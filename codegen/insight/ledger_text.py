"""The ledger as text, within 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codegen.insight.arms import Arm
from codegen.insight.ledger import Ledger, Row
from codegen.insight.reasons import Reason
from codegen.insight.records import Record
from codegen.insight.words import say_list, say_place

WIDTH = 118
LEGEND = """\
  handled     it can happen: event, where it is handled, how that can end
  impossible  facts and choices exclude it on every processor, or the manual reserves the number
  refused     only a processor that forces a control on could leave so, and the domain is not started there
  hole        it can happen and nothing says what then, or the facts do not know the number
"""


@dataclass(frozen=True)
class Page:
    """What the text is made of."""

    edition: str
    ledgers: tuple[Ledger, ...]
    arms: tuple[Arm, ...]
    records: tuple[Record, ...]
    errors: int


def write_ledger(page: Page) -> str:
    """All domains, one after the other, and what runs add."""
    parts = [write_errors(page), *(write_domain(ledger, page) for ledger in page.ledgers), LEGEND, write_runs(page)]
    return "\n".join(part for part in parts if part).rstrip()


def write_errors(page: Page) -> str:
    if not page.errors:
        return ""
    count = f"{page.errors} error{'s' if page.errors != 1 else ''}"
    return f"The spec has {count}: this is the ledger of the part that resolves. `!` marks what has errors itself.\n"


def write_domain(ledger: Ledger, page: Page) -> str:
    """The sum in one line, and a line or more for each number."""
    counts = ", ".join(f"{ledger.count(status)} {status}" for status in ("handled", "impossible", "refused"))
    holes = f"{len(ledger.holes)} hole{'s' if len(ledger.holes) != 1 else ''}"
    edition = f" (SDM, edition {page.edition})" if page.edition else ""
    head = f"{ledger.domain}: {len(ledger.rows)} exit reasons{edition}: {counts}, {holes}\n"
    lines = [line for row in ledger.rows for line in write_row(row, ledger.domain, page.records)]
    return "\n".join([head, *lines, ""])


def write_row(row: Row, domain: str, records: Sequence[Record]) -> list[str]:
    """The number, and beside it what it comes to."""
    taken = say_taken(row.number, domain, records) if records else ""
    head = f"{row.number:>3} {row.name or '-':<24} {row.status:<10} {taken}"
    what = write_answers(row) if row.answers else [say_reasons(row.reasons)]
    return write_beside(head, what)


def write_beside(head: str, texts: Iterable[str]) -> list[str]:
    """Texts in a column behind `head`, wrapped."""
    room = WIDTH - len(head)
    lines = [line for text in texts for line in textwrap.wrap(text, room, subsequent_indent="  ") or [""]]
    margin = " " * len(head)
    return [f"{head if index == 0 else margin}{line}".rstrip() for index, line in enumerate(lines or [""])]


def write_answers(row: Row) -> list[str]:
    """One text for each answer: events that one handler takes stand together."""
    return [
        f"{'! ' if one.broken else ''}{one.event}: {say_place(one.span)} {one.by}: {say_list(one.outcomes)}"
        if one.handled
        else f"{one.event}: nothing handles it ({say_reasons(row.reasons)})"
        for one in dict.fromkeys(row.answers)
    ]


def say_reasons(reasons: Iterable[Reason]) -> str:
    """The chain, each choice with its place; what is a fact or was left unsaid has no place worth the room."""
    return "; ".join(f"{one.text} ({say_place(one.span)})" if one.is_choice else one.text for one in reasons)


def say_taken(number: int, domain: str, records: Sequence[Record]) -> str:
    """How often the runs took an exit, by all of them; `.` for never."""
    total = sum(record.exit_total(domain, number) for record in records)
    return f"{total or '.':>9} "


# ---- runs


def write_runs(page: Page) -> str:
    """Which runs there were, how often each took each exit and arm, and the arms that none took."""
    if not page.records:
        return ""
    runs = [f"  [{index}] {record.by} ({record.path})" for index, record in enumerate(page.records, 1)]
    shares = [line for ledger in page.ledgers for line in write_shares(ledger, page.records)]
    exits = ["", "Exits taken, by run:", *shares]
    return "\n".join(["Runs:", *runs, *exits, "", *write_arms(page)])


def write_shares(ledger: Ledger, records: Sequence[Record]) -> list[str]:
    """A line for each exit that was taken: the sum, and each run's part of it by CPU."""
    lines = []
    for row in ledger.rows:
        counts_of = [record.exits.get(ledger.domain, {}).get(row.number, ()) for record in records]
        taken = list(enumerate(counts_of, 1))
        parts = ", ".join(f"[{index}] {' + '.join(map(str, counts))}" for index, counts in taken if sum(counts))
        if parts:
            total = sum(sum(counts) for _, counts in taken)
            lines += write_beside(f"  {total:>9}  {ledger.domain} {row.name or row.number}: ", [parts])
    return lines


def write_arms(page: Page) -> list[str]:
    """How often each arm was taken, then those that never were."""
    counting = [record for record in page.records if record.arms is not None]
    if not counting:
        return ["Arms: none of these runs counted them; `build.py run --instrument --record FILE` does."]
    taken = [(arm, count_arm(arm, page.records)) for arm in page.arms]
    never = [arm for arm, counts in taken if not counts]
    lines = [f"Arms: {len(page.arms)}, {len(page.arms) - len(never)} taken, {len(never)} never."]
    for arm, counts in taken:
        if counts:
            parts = ", ".join(f"[{index}] {count}" for index, count in counts.items())
            lines += write_beside(f"  {sum(counts.values()):>9}  ", [f"{arm.key} ({say_place(arm.span)}): {parts}"])
    return [*lines, "", "Never taken:", *(f"  {arm.key} ({say_place(arm.span)})" for arm in never)]


def count_arm(arm: Arm, records: Sequence[Record]) -> dict[int, int]:
    """Runs that took the arm, by their place in the list, and how often."""
    counts = {index: (record.arms or {}).get(arm.key, 0) for index, record in enumerate(records, 1)}
    return {index: count for index, count in counts.items() if count}
