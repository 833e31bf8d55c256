"""The audit of a spec, as text within 120 columns and as data: exit coverage, branches, and records of runs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.query.branches import Branch, list_branches
from codegen.query.coverage import STATUSES, Answer, Coverage, Reason, Row, make_coverages
from codegen.query.reading import Reading
from codegen.query.records import Record, read_records
from codegen.query.words import say_list, say_place

# ---- text


WIDTH = 118
LEGEND = """\
  handled     it can happen: event, where it is handled, how that can end
  impossible  facts and choices exclude it on every processor, or the manual reserves the number
  refused     only a processor that forces a control on could leave so, and the domain is not started there
  hole        it can happen and nothing says what then, or the facts do not know the number
"""


@dataclass(frozen=True)
class Audit:
    """What the text is made of."""

    edition: str
    coverages: tuple[Coverage, ...]
    branches: tuple[Branch, ...]
    records: tuple[Record, ...]
    errors: int


def write_audit(audit: Audit) -> str:
    """All domains, one after the other, and what runs add."""
    domains = [write_domain(coverage, audit) for coverage in audit.coverages]
    parts = [write_errors(audit), *domains, LEGEND, write_runs(audit)]
    return "\n".join(part for part in parts if part).rstrip()


def write_errors(audit: Audit) -> str:
    if not audit.errors:
        return ""
    count = f"{audit.errors} error{'s' if audit.errors != 1 else ''}"
    return f"The spec has {count}: this is the ledger of the part that resolves. `!` marks what has errors itself.\n"


def write_domain(coverage: Coverage, audit: Audit) -> str:
    """The sum in one line, and a line or more for each number."""
    counts = ", ".join(f"{coverage.count(status)} {status}" for status in ("handled", "impossible", "refused"))
    holes = f"{len(coverage.holes)} hole{'s' if len(coverage.holes) != 1 else ''}"
    edition = f" (SDM, edition {audit.edition})" if audit.edition else ""
    head = f"{coverage.domain}: {len(coverage.rows)} exit reasons{edition}: {counts}, {holes}\n"
    lines = [line for row in coverage.rows for line in write_row(row, coverage.domain, audit.records)]
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


def write_runs(audit: Audit) -> str:
    """Which runs there were, how often each took each exit and arm, and the arms that none took."""
    if not audit.records:
        return ""
    runs = [f"  [{index}] {record.by} ({record.path})" for index, record in enumerate(audit.records, 1)]
    shares = [line for coverage in audit.coverages for line in write_shares(coverage, audit.records)]
    exits = ["", "Exits taken, by run:", *shares]
    return "\n".join(["Runs:", *runs, *exits, "", *write_branches(audit)])


def write_shares(coverage: Coverage, records: Sequence[Record]) -> list[str]:
    """A line for each exit that was taken: the sum, and each run's part of it by CPU."""
    lines = []
    for row in coverage.rows:
        counts_of = [record.exits.get(coverage.domain, {}).get(row.number, ()) for record in records]
        taken = list(enumerate(counts_of, 1))
        parts = ", ".join(f"[{index}] {' + '.join(map(str, counts))}" for index, counts in taken if sum(counts))
        if parts:
            total = sum(sum(counts) for _, counts in taken)
            lines += write_beside(f"  {total:>9}  {coverage.domain} {row.name or row.number}: ", [parts])
    return lines


def write_branches(audit: Audit) -> list[str]:
    """How often each arm was taken, then those that never were."""
    counting = [record for record in audit.records if record.branches is not None]
    if not counting:
        return ["Arms: none of these runs counted them; `build.py run --instrument --record FILE` does."]
    taken = [(branch, count_taken(branch, audit.records)) for branch in audit.branches]
    never = [branch for branch, counts in taken if not counts]
    lines = [f"Arms: {len(audit.branches)}, {len(audit.branches) - len(never)} taken, {len(never)} never."]
    for branch, counts in taken:
        if counts:
            parts = ", ".join(f"[{index}] {count}" for index, count in counts.items())
            text = f"{branch.key} ({say_place(branch.span)}): {parts}"
            lines += write_beside(f"  {sum(counts.values()):>9}  ", [text])
    return [*lines, "", "Never taken:", *(f"  {branch.key} ({say_place(branch.span)})" for branch in never)]


def count_taken(branch: Branch, records: Sequence[Record]) -> dict[int, int]:
    """Runs that took the arm, by their place in the list, and how often."""
    counts = {index: (record.branches or {}).get(branch.key, 0) for index, record in enumerate(records, 1)}
    return {index: count for index, count in counts.items() if count}


# ---- data: docs/audit.md describes the schema


SCHEMA = 1


def describe_audit(audit: Audit, digest: str) -> dict[str, Any]:
    """Everything that the text shows."""
    return {
        "schema": SCHEMA,
        "spec": digest,
        "edition": audit.edition,
        "errors": audit.errors,
        "runs": [{"by": one.by, "path": one.path, "arms": one.branches is not None} for one in audit.records],
        "domains": [describe_coverage(one, audit.records) for one in audit.coverages],
        "arms": [describe_branch(branch, audit.records) for branch in audit.branches],
    }


def describe_coverage(coverage: Coverage, records: Sequence[Record]) -> dict[str, Any]:
    return {
        "name": coverage.domain,
        "counts": {status: coverage.count(status) for status in STATUSES},
        "exits": [describe_row(row, coverage.domain, records) for row in coverage.rows],
    }


def describe_row(row: Row, domain: str, records: Sequence[Record]) -> dict[str, Any]:
    return {
        "number": row.number,
        "name": row.name,
        "status": row.status,
        "condition": row.condition,
        "place": say_place(row.span),
        "reasons": describe_reasons(row.reasons),
        "answers": [describe_answer(one) for one in row.answers],
        "taken": [list(record.exits.get(domain, {}).get(row.number, ())) for record in records],
    }


def describe_reasons(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    return [{"text": one.text, "place": say_place(one.span)} for one in reasons]


def describe_answer(answer: Answer) -> dict[str, Any]:
    return {
        "event": answer.event,
        "by": answer.by,
        "place": say_place(answer.span),
        "outcomes": list(answer.outcomes),
        "handled": answer.handled,
        "broken": answer.broken,
    }


def describe_branch(branch: Branch, records: Sequence[Record]) -> dict[str, Any]:
    counts = [None if one.branches is None else one.branches.get(branch.key, 0) for one in records]
    return {"key": branch.key, "place": say_place(branch.span), "taken": counts}


# ---- the page


def make_audit(reading: Reading, runs: Sequence[Path] = ()) -> Audit:
    """The coverages of a spec, and what runs of it recorded."""
    branches = list_branches(reading.model)
    records = read_records(runs, reading.digest, branches)
    errors = len(reading.error.diagnostics) if reading.error else 0
    return Audit(reading.model.facts.edition, make_coverages(reading), branches, records, errors)
