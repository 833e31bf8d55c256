"""`build.py audit`, `explain` and `diff`: what cli.py prints, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from codegen.diagnostics import Done, render_all
from codegen.query.audit import Audit, describe_audit, make_audit, write_audit
from codegen.query.diff import compare_each, write_changes
from codegen.query.diff_access import GAIN
from codegen.query.explain import explain
from codegen.query.explain_context import Context
from codegen.query.reading import BadArgument, Reading, choose_processors, read_folder, read_given


def read_tree(root: Path) -> Reading:
    """Read the spec of a tree, as far as it resolves."""
    return read_folder(root / "spec", root / "build" / "syntax")


def run_audit(root: Path, runs: Sequence[Path] = (), as_json: bool = False, processor: str = "") -> Done:
    """Audit; status 1 on a hole, on an error of the spec, and on a record that is not of this spec."""
    reading = read_tree(root)
    try:
        audits = {one.processor: make_audit(one, runs) for one in choose_processors(reading, processor)}
    except BadArgument as fault:
        return Done(1, "", str(fault))
    complaints = [line for name, audit in audits.items() for line in list_holes(audit, name if len(audits) > 1 else "")]
    if reading.error:
        complaints.append(render_all(reading.error).rstrip())
    data = write_json(audits, reading.digest) if as_json else write_audits(audits)
    return Done(1 if complaints else 0, data, "\n".join(complaints))


def write_audits(audits: Mapping[str, Audit]) -> str:
    """Return the audit of each processor, under its name where there are several."""
    heads = {name: f"on {name}:\n\n" if len(audits) > 1 else "" for name in audits}
    return "\n\n".join(heads[name] + write_audit(audit) for name, audit in audits.items())


def write_json(audits: Mapping[str, Audit], digest: str) -> str:
    """Return the audits as data: one, or each under its processor's name."""
    data = {name: describe_audit(audit, digest) for name, audit in audits.items()}
    return json.dumps(data if len(data) > 1 else next(iter(data.values())), indent=2)


def list_holes(audit: Audit, processor: str) -> list[str]:
    """Return a message for each exit that can occur and that nothing handles."""
    where = f"on {processor}, " if processor else ""
    if not audit.coverages:
        return [f"error[hole]: {where}no domain resolves, so there is no exit coverage"]
    holes = [(one.domain, row) for one in audit.coverages for row in one.holes]
    return [f"error[hole]: {where}{domain}: exit {row.number} {row.name}".rstrip() for domain, row in holes]


def run_explain(root: Path, words: Sequence[str], processor: str = "") -> Done:
    """Explain; status 2 on a question without meaning, 1 if the spec has errors and the answer may be incomplete."""
    reading = read_tree(root)
    try:
        text = explain_each(words, choose_processors(reading, processor), root)
    except BadArgument as fault:
        return Done(2, "", f"build.py: {fault}")
    return Done(1, text, render_all(reading.error).rstrip()) if reading.error else Done(0, text)


def explain_each(words: Sequence[str], readings: Sequence[Reading], root: Path) -> str:
    """Return what each processor has of a thing; BadArgument where none has it."""
    found: dict[str, str] = {}
    faults = []
    for one in readings:
        try:
            found[one.processor] = explain(words, Context(one, root))
        except BadArgument as fault:
            faults.append(fault)
    if not found:
        raise faults[0]
    return "\n\n".join(f"on {name}: {text}" if len(readings) > 1 else text for name, text in found.items())


def run_diff(
    root: Path, old: str, new: str, fail_on_gain: bool = False, as_json: bool = False, processor: str = ""
) -> Done:
    """Compare; status 2 if there is no such spec, 1 on a spec with errors, and on a gain if `fail_on_gain`."""
    try:
        readings = [read_given(one, root, root / "build" / "syntax") for one in (old, new)]
        for one in readings:
            choose_processors(one, processor)
    except BadArgument as fault:
        return Done(2, "", f"build.py: {fault}")
    for one in readings:
        if one.error:
            return Done(1, "", f"{one.name}: the spec there has errors:\n\n{render_all(one.error).rstrip()}")
    changes = compare_each(readings[0].models, readings[1].models, processor)
    data = {"schema": 1, "old": readings[0].digest, "new": readings[1].digest, "changes": list(map(asdict, changes))}
    gained = fail_on_gain and any(one.kind == GAIN for one in changes)
    return Done(1 if gained else 0, json.dumps(data, indent=2) if as_json else write_changes(changes))
