"""`build.py audit`: the ledger of a spec, with the records of runs, and whether it has a hole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from codegen.diagnostics import render_all
from codegen.done import Done
from codegen.insight.arms import list_arms
from codegen.insight.ledger import make_ledgers
from codegen.insight.ledger_json import describe_page
from codegen.insight.ledger_text import Page, write_ledger
from codegen.insight.reading import BadArgument, Reading, read_folder
from codegen.insight.records import read_records


def make_page(reading: Reading, runs: Sequence[Path] = ()) -> Page:
    """The ledgers of a spec, and what runs of it recorded."""
    arms = list_arms(reading.model)
    records = read_records(runs, reading.digest, arms)
    errors = len(reading.error.diagnostics) if reading.error else 0
    return Page(reading.model.facts.edition, make_ledgers(reading), arms, records, errors)


def run_audit(root: Path, runs: Sequence[Path] = (), as_json: bool = False) -> Done:
    """Status 1 on a hole, on an error of the spec, and on a record that is not of this spec."""
    reading = read_folder(root / "spec", root / "build" / "syntax")
    try:
        page = make_page(reading, runs)
    except BadArgument as fault:
        return Done(1, "", str(fault))
    data = json.dumps(describe_page(page, reading.digest), indent=2) if as_json else write_ledger(page)
    holes = [(one.domain, row) for one in page.ledgers for row in one.holes]
    complaints = [f"error[hole]: {domain}: exit {row.number} {row.name}".rstrip() for domain, row in holes]
    if not page.ledgers:
        complaints.append("error[hole]: no domain resolves, so nothing says what its exits come to")
    if reading.error:
        complaints.append(render_all(reading.error).rstrip())
    return Done(1 if complaints else 0, data, "\n".join(complaints))
