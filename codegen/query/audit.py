"""The audit of a spec, as text within 120 columns and as data: exit coverage, branches, and records of runs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.query.branches import Branch, list_branches
from codegen.query.coverage import STATUSES, Answer, Coverage, Reason, Row, make_coverages
from codegen.query.reading import Reading, Record, read_records
from codegen.query.words import say_list, say_place

# ---- text


WIDTH = 118
LEGEND = """\
  handled     the exit can occur: its event, the place and name of the handler, and every outcome of the handler
  impossible  facts and choices exclude it on every processor, or the SDM reserves the number
  refused     it can occur only on a processor that requires a control to be 1; no domain runs on such a processor
  hole        it can occur and nothing handles it, or the facts have no exit with this number
"""


@dataclass(frozen=True)
class Audit:
    """What the audit reports."""

    edition: str
    coverages: tuple[Coverage, ...]
    branches: tuple[Branch, ...]
    records: tuple[Record, ...]
    errors: int


def write_audit(audit: Audit) -> str:
    """Return all domains, one after the other, and what runs add."""
    domains = [write_domain(coverage, audit) for coverage in audit.coverages]
    parts = [write_errors(audit), *domains, LEGEND, write_runs(audit)]
    return "\n".join(part for part in parts if part).rstrip()


def write_errors(audit: Audit) -> str:
    if not audit.errors:
        return ""
    count = f"{audit.errors} error{'s' if audit.errors != 1 else ''}"
    return f"The spec has {count}: this covers the part that resolves. `!` marks handlers that contain errors.\n"


def write_domain(coverage: Coverage, audit: Audit) -> str:
    """Return the sum in one line, and a line or more for each exit reason."""
    counts = ", ".join(f"{coverage.count(status)} {status}" for status in ("handled", "impossible", "refused"))
    holes = f"{len(coverage.holes)} hole{'s' if len(coverage.holes) != 1 else ''}"
    edition = f" (SDM, edition {audit.edition})" if audit.edition else ""
    head = f"{coverage.domain}: {len(coverage.rows)} exit reasons{edition}: {counts}, {holes}\n"
    lines = [line for row in coverage.rows for line in write_row(row, coverage.domain, audit.records)]
    return "\n".join([head, *lines, ""])


def write_row(row: Row, domain: str, records: Sequence[Record]) -> list[str]:
    """Return an exit reason, and beside it how it is handled or why it cannot occur."""
    taken = say_taken(row.number, domain, records) if records else ""
    head = f"{row.number:>3} {row.name or '-':<24} {row.status:<10} {taken}"
    what = write_answers(row) if row.answers else [say_reasons(row.reasons)]
    return write_beside(head, what)


def write_beside(head: str, texts: Iterable[str]) -> list[str]:
    """Return texts in a column beside `head`, wrapped."""
    room = WIDTH - len(head)
    lines = [line for text in texts for line in textwrap.wrap(text, room, subsequent_indent="  ") or [""]]
    margin = " " * len(head)
    return [f"{head if index == 0 else margin}{line}".rstrip() for index, line in enumerate(lines or [""])]


def write_answers(row: Row) -> list[str]:
    """Return one text for each event."""
    return [
        f"{'! ' if one.broken else ''}{one.event}: {say_place(one.span)} {one.by}: {say_list(one.outcomes)}"
        if one.handled
        else f"{one.event}: nothing handles it ({say_reasons(row.reasons)})"
        for one in dict.fromkeys(row.answers)
    ]


def say_reasons(reasons: Iterable[Reason]) -> str:
    """Return the chain, each choice with its place; a fact or an absent choice is not placed, to save room."""
    return "; ".join(f"{one.text} ({say_place(one.span)})" if one.is_choice else one.text for one in reasons)


def say_taken(number: int, domain: str, records: Sequence[Record]) -> str:
    """Return how often all runs together took an exit; `.` for never."""
    total = sum(record.exit_total(domain, number) for record in records)
    return f"{total or '.':>9} "


# ---- runs


def write_runs(audit: Audit) -> str:
    """Return the runs, how often each took each exit and branch, and the branches that none took."""
    if not audit.records:
        return ""
    runs = [f"  [{index}] {record.by} ({record.path})" for index, record in enumerate(audit.records, 1)]
    shares = [line for coverage in audit.coverages for line in write_shares(coverage, audit.records)]
    exits = ["", "Exits taken, by run:", *shares]
    return "\n".join(["Runs:", *runs, *exits, "", *write_branches(audit)])


def write_shares(coverage: Coverage, records: Sequence[Record]) -> list[str]:
    """Return a line for each exit that was taken: the sum, and each run's part of it by CPU."""
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
    """Return how often each branch was taken, then those that never were."""
    counting = [record for record in audit.records if record.branches is not None]
    if not counting:
        return ["Branches: none of these runs counted them; `build.py run --instrument --record FILE` does."]
    taken = [(branch, count_taken(branch, audit.records)) for branch in audit.branches]
    never = [branch for branch, counts in taken if not counts]
    lines = [f"Branches: {len(audit.branches)}, {len(audit.branches) - len(never)} taken, {len(never)} never."]
    for branch, counts in taken:
        if counts:
            parts = ", ".join(f"[{index}] {count}" for index, count in counts.items())
            text = f"{branch.key} ({say_place(branch.span)}): {parts}"
            lines += write_beside(f"  {sum(counts.values()):>9}  ", [text])
    return [*lines, "", "Branches never taken:", *(f"  {branch.key} ({say_place(branch.span)})" for branch in never)]


def count_taken(branch: Branch, records: Sequence[Record]) -> dict[int, int]:
    """Return the runs that took the branch, by their place in the list, and how often."""
    counts = {index: (record.branches or {}).get(branch.key, 0) for index, record in enumerate(records, 1)}
    return {index: count for index, count in counts.items() if count}


# ---- data: docs/audit.md describes the schema


SCHEMA = 2


def describe_audit(audit: Audit, digest: str) -> dict[str, Any]:
    """Return everything that the text shows."""
    return {
        "schema": SCHEMA,
        "spec": digest,
        "edition": audit.edition,
        "errors": audit.errors,
        "runs": [{"by": one.by, "path": one.path, "branches": one.branches is not None} for one in audit.records],
        "domains": [describe_coverage(one, audit.records) for one in audit.coverages],
        "branches": [describe_branch(branch, audit.records) for branch in audit.branches],
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
    """Read the exit coverage and the branches of a spec, and the records of its runs."""
    branches = list_branches(reading.model)
    records = read_records(runs, reading.digest, branches)
    errors = len(reading.error.diagnostics) if reading.error else 0
    return Audit(reading.model.facts.edition, make_coverages(reading), branches, records, errors)
