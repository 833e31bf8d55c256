"""Records of runs: written from dom0's output, read back, rejected with a named error if they are of another spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codegen.query.audit import describe_audit, make_audit, write_audit
from codegen.query.branches import list_branches
from codegen.query.reading import BadArgument, Reading
from machine.paths import MachineFault
from machine.record import Recorder

SERIAL = """noise\r
@luv status 0\r
@luv exits 0 10 7\r
@luv exits 1 10 5\r
@luv exits 1 18 2\r
@luv branch 1 9\r
@luv counted\r
"""


def make_data(small: Reading) -> dict[str, Any]:
    return {
        "kind": "luvalley-run", "schema": 2, "by": "a test", "spec": small.digest,
        "exits": {"dom0": {"10": [7, 5], "18": [0, 2]}},
        "branches": {"dom0 on cpuid": 12, "dom0 exit cpuid: event cpuid": 12},
    }  # fmt: skip


def write(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data))
    return path


def test_a_run_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "record.json"
    Recorder(path, "me", "digest", ("zero", "one")).write(SERIAL)
    assert json.loads(path.read_text()) == {
        "kind": "luvalley-run", "schema": 2, "by": "me", "spec": "digest",
        "exits": {"dom0": {"10": [7, 5], "18": [0, 2]}}, "branches": {"one": 9},
    }  # fmt: skip


def test_an_ordinary_build_records_no_branches(tmp_path: Path) -> None:
    Recorder(tmp_path / "record", "me", "digest", None).write(SERIAL)
    assert json.loads((tmp_path / "record").read_text())["branches"] is None


def test_incomplete_counts_are_no_record(tmp_path: Path) -> None:
    with pytest.raises(MachineFault, match="no-counts"):
        Recorder(tmp_path / "record", "me", "digest", None).write(SERIAL.replace("@luv counted", ""))
    assert not (tmp_path / "record").exists()


def test_the_audit_shows_counts_and_runs(small: Reading, tmp_path: Path) -> None:
    data = make_data(small)
    other = data | {"by": "another", "branches": None}
    paths = [write(tmp_path / "one.json", data), write(tmp_path / "two.json", other)]
    text = write_audit(make_audit(small, paths))
    assert "  [1] a test (" in text
    assert "  [2] another (" in text
    assert " 10 cpuid                    handled           24 cpuid: spec/dom0.luv" in text
    assert "         24  dom0 cpuid: [1] 7 + 5, [2] 7 + 5" in text
    taken, _, never = text.partition("Branches never taken:")
    assert f"Branches: {len(list_branches(small.model))}, 2 taken" in taken
    assert "         12  dom0 on cpuid (spec/dom0.luv" in taken
    assert "  dom0 on triple_fault (spec/dom0.luv" in never
    assert "dom0 on cpuid (" not in never


def test_data_has_the_counts(small: Reading, tmp_path: Path) -> None:
    page = make_audit(small, [write(tmp_path / "one.json", make_data(small))])
    data = describe_audit(page, small.digest)
    assert data["runs"][0]["by"] == "a test"
    assert data["domains"][0]["exits"][10]["taken"] == [[7, 5]]
    assert {one["key"]: one["taken"] for one in data["branches"]}["dom0 on cpuid"] == [12]


@pytest.mark.parametrize(("change", "name"), [
    ({"spec": "0" * 64}, "record-stale"),
    ({"kind": "else"}, "record-foreign"),
    ({"schema": 1}, "record-foreign"),
    ({"branches": {"no such branch": 1}}, "record-foreign"),
    ({"branches": {"dom0 on cpuid": -1}}, "record-foreign"),
    ({"exits": {"dom0": {"ten": [1]}}}, "record-foreign"),
    ({"by": None}, "record-foreign"),
])  # fmt: skip
def test_rejected_by_name(small: Reading, tmp_path: Path, change: dict[str, Any], name: str) -> None:
    path = write(tmp_path / "record.json", make_data(small) | change)
    with pytest.raises(BadArgument, match=rf"error\[{name}\]: .*record\.json"):
        make_audit(small, [path])


def test_the_error_of_a_stale_record_names_its_spec(small: Reading, tmp_path: Path) -> None:
    path = write(tmp_path / "record.json", make_data(small) | {"spec": "0123456789abcdef" * 4})
    wanted = f"made from the spec 0123456789ab, by a test; this is the spec {small.digest[:12]}"
    with pytest.raises(BadArgument, match=wanted):
        make_audit(small, [path])


@pytest.mark.parametrize("text", ["", "[]", "no json", '"luvalley-run"'])
def test_files_that_are_no_record(small: Reading, tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(BadArgument, match="record-foreign"):
        make_audit(small, [tmp_path / "file"])


def test_a_missing_file(small: Reading, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="record-unreadable.*No such file"):
        make_audit(small, [tmp_path / "none"])
