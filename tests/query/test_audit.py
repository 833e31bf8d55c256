"""`audit`: every exit reason has a row, a missing handler is a hole, a spec with errors is audited in part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.query.audit import WIDTH, describe_audit, make_audit, write_audit
from codegen.query.coverage import Coverage, make_coverage, make_coverages
from codegen.query.reading import Reading, read_sources
from codegen.source import SourceFile
from tests.query.trees import CACHE, share_syntax

DOM0 = "spec/dom0.luv"
EXITS = "spec/facts/vmx/exits.luv"
Edit = Callable[..., Reading]
Capture = pytest.CaptureFixture[str]


def coverage_of(reading: Reading) -> Coverage:
    return next(one for one in make_coverages(reading) if one.domain == "dom0")


def test_every_number_of_the_edition_has_a_row(small: Reading) -> None:
    coverage = coverage_of(small)
    assert [row.number for row in coverage.rows] == list(range(80))
    assert coverage.holes == ()
    assert all(row.reasons for row in coverage.rows)
    assert all(answer.outcomes for row in coverage.rows for answer in row.answers)


@pytest.mark.parametrize(("number", "status"), [
    (10, "handled"), (12, "refused"), (35, "impossible"), (48, "handled"), (59, "impossible"), (5, "impossible"),
    (51, "refused"), (58, "refused"),
])  # fmt: skip
def test_status(small: Reading, number: int, status: str) -> None:
    assert coverage_of(small).rows[number].status == status


def test_reasons_name_the_chain(small: Reading) -> None:
    texts = [one.text for one in coverage_of(small).rows[12].reasons]
    assert texts == ["primary.hlt_exiting is off by `native halt`", "`halt` is native"]
    assert [one.text for one in coverage_of(small).rows[35].reasons] == ["this edition of the SDM reserves the number"]


def test_each_handler_deleted_is_a_hole(small: Reading) -> None:
    model = small.model
    domain = model.domains["dom0"]
    for event in domain.handlers:
        left = {name: one for name, one in domain.handlers.items() if name != event}
        holes = make_coverage(model, replace(domain, handlers=left)).holes
        assert {event} <= {answer.event for row in holes for answer in row.answers if not answer.handled}, event


def test_a_number_without_a_fact_is_a_hole(edited: Edit) -> None:
    coverage = coverage_of(edited((EXITS, "    35 reserved;\n", "")))
    assert [row.number for row in coverage.holes] == [35]
    assert coverage.holes[0].reasons[0].text == "the facts have no exit with this number"


def test_a_control_turned_on_needs_a_handler(edited: Edit) -> None:
    reading = edited((DOM0, "set primary { ", "set primary { hlt_exiting = on; "))
    assert reading.error is not None
    row = coverage_of(reading).rows[12]
    assert row.status == "hole"
    assert not row.answers[0].handled


def test_handlers_with_errors_are_marked(edited: Edit) -> None:
    reading = edited((DOM0, "on getsec { inject ud; }", "on getsec { inject uud; }"))
    rows = coverage_of(reading).rows
    assert [row.name for row in rows if row.broken] == ["getsec"]
    text = write_audit(make_audit(reading))
    assert text.startswith("The spec has 1 error: this covers the part that resolves.")
    assert "! getsec: spec/dom0.luv" in text


def test_a_spec_that_does_not_parse_still_gets_a_page(small: Reading) -> None:
    names = (DOM0, EXITS, "spec/interface.luv", "spec/facts/vmx/fields_control.luv", "spec/facts/manual.luv")
    for broken in [one for one in small.sources if one.path in names]:
        sources = [replace(one, text=one.text + "\n}") if one is broken else one for one in small.sources]
        reading = read_sources("broken", sources, CACHE)
        assert reading.error is not None
        assert write_audit(make_audit(reading)).startswith("The spec has ")


def test_text_is_within_its_width(small: Reading) -> None:
    lines = write_audit(make_audit(small)).split("\n")
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("dom0: 80 exit reasons (SDM, edition ")


def test_json_agrees_with_the_text(small: Reading) -> None:
    data = json.loads(json.dumps(describe_audit(make_audit(small), small.digest)))
    assert data["schema"] == 2
    assert data["spec"] == small.digest
    domain = data["domains"][0]
    assert [one["number"] for one in domain["exits"]] == list(range(80))
    assert domain["counts"]["hole"] == 0
    assert sum(domain["counts"].values()) == 80
    cpuid = domain["exits"][10]
    assert cpuid["answers"][0]["by"] == "on cpuid"
    assert cpuid["answers"][0]["outcomes"] == ["advance"]
    assert {one["key"] for one in data["branches"]} >= {"dom0 on cpuid", "dom0 exit exception_or_nmi: event nmi"}


def write_tree(root: Path, sources: tuple[SourceFile, ...]) -> None:
    for one in sources:
        path = root / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one.text, encoding="utf-8")


def test_status_of_the_command(small: Reading, edited: Edit, tmp_path: Path, capsys: Capture) -> None:
    write_tree(tmp_path, small.sources)
    share_syntax(tmp_path)
    assert main(["--root", str(tmp_path), "audit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["errors"] == 0
    write_tree(tmp_path, edited((DOM0, "    on getsec {", "    on smi {")).sources)
    assert main(["--root", str(tmp_path), "audit"]) == 1
    said = capsys.readouterr()
    assert "error[hole]: dom0: exit 11 getsec" in said.err
    assert "error[exit-unhandled]" in said.err
    assert " 11 getsec                   hole" in said.out
