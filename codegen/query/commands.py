"""`build.py audit`, `explain` and `diff`: what cli.py prints, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from codegen.diagnostics import Done, render_all
from codegen.query.audit import describe_audit, make_audit, write_audit
from codegen.query.diff import compare, write_changes
from codegen.query.diff_access import GAIN
from codegen.query.explain import explain
from codegen.query.explain_context import Context
from codegen.query.reading import BadArgument, Reading, read_folder, read_given


def read_tree(root: Path) -> Reading:
    """Read the spec of a tree, as far as it resolves."""
    return read_folder(root / "spec", root / "build" / "syntax")


def run_audit(root: Path, runs: Sequence[Path] = (), as_json: bool = False) -> Done:
    """Audit; status 1 on a hole, on an error of the spec, and on a record that is not of this spec."""
    reading = read_tree(root)
    try:
        audit = make_audit(reading, runs)
    except BadArgument as fault:
        return Done(1, "", str(fault))
    data = json.dumps(describe_audit(audit, reading.digest), indent=2) if as_json else write_audit(audit)
    holes = [(one.domain, row) for one in audit.coverages for row in one.holes]
    complaints = [f"error[hole]: {domain}: exit {row.number} {row.name}".rstrip() for domain, row in holes]
    if not audit.coverages:
        complaints.append("error[hole]: no domain resolves, so there is no exit coverage")
    if reading.error:
        complaints.append(render_all(reading.error).rstrip())
    return Done(1 if complaints else 0, data, "\n".join(complaints))


def run_explain(root: Path, words: Sequence[str]) -> Done:
    """Explain; status 2 on a question without meaning, 1 if the spec has errors and the answer may be incomplete."""
    reading = read_tree(root)
    try:
        text = explain(words, Context(reading, root))
    except BadArgument as fault:
        return Done(2, "", f"build.py: {fault}")
    return Done(1, text, render_all(reading.error).rstrip()) if reading.error else Done(0, text)


def run_diff(root: Path, old: str, new: str, fail_on_gain: bool = False, as_json: bool = False) -> Done:
    """Compare; status 2 if there is no such spec, 1 on a spec with errors, and on a gain if `fail_on_gain`."""
    try:
        readings = [read_given(one, root, root / "build" / "syntax") for one in (old, new)]
    except BadArgument as fault:
        return Done(2, "", f"build.py: {fault}")
    for one in readings:
        if one.error:
            return Done(1, "", f"{one.name}: the spec there has errors:\n\n{render_all(one.error).rstrip()}")
    changes = compare(readings[0].model, readings[1].model)
    data = {"schema": 1, "old": readings[0].digest, "new": readings[1].digest, "changes": list(map(asdict, changes))}
    gained = fail_on_gain and any(one.kind == GAIN for one in changes)
    return Done(1 if gained else 0, json.dumps(data, indent=2) if as_json else write_changes(changes))
