"""The ledger as data: docs/audit.md describes the schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from codegen.insight.arms import Arm
from codegen.insight.ledger import STATUSES, Answer, Ledger, Row
from codegen.insight.ledger_text import Page
from codegen.insight.reasons import Reason
from codegen.insight.records import Record
from codegen.insight.words import say_place

SCHEMA = 1


def describe_page(page: Page, digest: str) -> dict[str, Any]:
    """Everything that the text shows."""
    return {
        "schema": SCHEMA,
        "spec": digest,
        "edition": page.edition,
        "errors": page.errors,
        "runs": [{"by": one.by, "path": one.path, "arms": one.arms is not None} for one in page.records],
        "domains": [describe_ledger(one, page.records) for one in page.ledgers],
        "arms": [describe_arm(arm, page.records) for arm in page.arms],
    }


def describe_ledger(ledger: Ledger, records: Sequence[Record]) -> dict[str, Any]:
    return {
        "name": ledger.domain,
        "counts": {status: ledger.count(status) for status in STATUSES},
        "exits": [describe_row(row, ledger.domain, records) for row in ledger.rows],
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


def describe_arm(arm: Arm, records: Sequence[Record]) -> dict[str, Any]:
    counts = [None if one.arms is None else one.arms.get(arm.key, 0) for one in records]
    return {"key": arm.key, "place": say_place(arm.span), "taken": counts}
