"""What the audit of a spec shows: its ledgers, its arms, and the records of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codegen.insight.arms import list_arms
from codegen.insight.ledger import make_ledgers
from codegen.insight.ledger_text import Page
from codegen.insight.reading import Reading
from codegen.insight.records import read_records


def make_page(reading: Reading, runs: Sequence[Path] = ()) -> Page:
    """The ledgers of a spec, and what runs of it recorded."""
    arms = list_arms(reading.model)
    records = read_records(runs, reading.digest, arms)
    errors = len(reading.error.diagnostics) if reading.error else 0
    return Page(reading.model.facts.edition, make_ledgers(reading), arms, records, errors)
