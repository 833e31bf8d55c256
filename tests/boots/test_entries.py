"""The VM-entry checks of the spec compared with Bochs: states that keep and violate every rule, all in one boot."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from codegen.model.facts import Facts
from machine.bochs import run_machine
from machine.request import Request
from tests.boots.kit import GUESTS, build_guest, describe_end, prepare_image
from tests.host.entry.bochs import OWN, SKYLAKE, find_omitted, injects_other, is_skipped
from tests.host.entry.table import Entry, is_safe, make_entries, make_entry_bases, write_table
from tests.lib.entry_rules import say_outcome
from tests.lib.support import compile_spec

LINE = re.compile(r"entry (\d+) (error|exit) (\w+)")
FAILED = 1 << 31
FEWEST = 560

pytestmark = pytest.mark.boot


def read_outcomes(serial: str) -> dict[int, str]:
    """Return how each entry ended, by its number."""
    return {int(number): say(kind, value) for number, kind, value in LINE.findall(serial)}


def say(kind: str, value: str) -> str:
    """Return the outcome as predictions name it; any exit other than a failed entry means that the entry succeeded."""
    if kind == "error":
        return f"error {value}"
    reason = int(value, 16)
    return f"exit {reason & 0xFFFF}" if reason & FAILED else "enters"


def list_states(entries: list[Entry]) -> list[dict[str, int]]:
    """Return the whole VMCS state of each entry."""
    bases = make_entry_bases()
    return [{**bases[one.base], **one.changes} for one in entries]


def predict_bochs(facts: Facts, entry: Entry, state: dict[str, int]) -> str:
    """Return the prediction, without the rules that Bochs implements differently."""
    seen = [rule for rule in entry.broken if rule not in OWN and not is_skipped(rule, state)]
    checked = sorted(say_outcome(facts, rule) for rule in seen)
    own = sorted(OWN[rule][0] for rule in entry.broken if rule in OWN)
    return next(iter([*checked, *own]), "enters")


def check_processor(serial: str, facts: Facts) -> None:
    """Check that Bochs reports the processor for which the predictions are."""
    reported = {int(number, 16): int(value, 16) for number, value in re.findall(r"msr (\w+) (\w+)", serial)}
    assert reported == {facts.msrs[name].first: value for name, value in SKYLAKE.msrs.items()}
    assert f"sizes {SKYLAKE.linear_bits << 8 | SKYLAKE.physical_bits:x}" in serial


def test_every_rule_on_bochs(tmp_path: Path) -> None:
    facts = compile_spec().facts
    entries = [one for one in make_entries(facts, SKYLAKE) if is_safe(one)]
    entries = [one for one, state in zip(entries, list_states(entries), strict=True) if not injects_other(state)]
    assert len(entries) > FEWEST
    shutil.copy(GUESTS / "entry" / "table.h", tmp_path)
    (tmp_path / "table.c").write_text(write_table(facts, SKYLAKE, entries))
    image = build_guest("entry", tmp_path, [tmp_path / "table.c"])
    result = run_machine(prepare_image(image, tmp_path / "machine", Request(bare=True)), 120)
    outcomes = read_outcomes(result.serial.replace("\r", ""))
    assert len(outcomes) == len(entries), describe_end(result)
    check_processor(result.serial, facts)
    compare(facts, entries, outcomes)


def compare(facts: Facts, entries: list[Entry], outcomes: dict[int, str]) -> None:
    """Compare with the predictions; the listed differences of Bochs must all occur."""
    wrong, shown = [], set()
    for index, (entry, state) in enumerate(zip(entries, list_states(entries), strict=True)):
        wanted, found = predict_bochs(facts, entry, state), outcomes[index]
        if found == wanted:
            shown |= set(entry.broken) & OWN.keys() if wanted != entry.outcome else set()
        elif not (wanted == "enters" and found == "exit 33" and find_omitted(state)):
            wrong.append(f"{entry}: Bochs says {found}, predicted {wanted}")
    assert not wrong, "\n".join(wrong)
    assert shown == OWN.keys()
