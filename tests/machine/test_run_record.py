"""A run of the instrumented build with Debian: its branches are recorded, and `audit` shows them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codegen.query.audit import count_taken, make_audit
from codegen.query.reading import read_folder
from machine.paths import BUILD, ROOT

pytestmark = pytest.mark.boot
RECORD = BUILD / "records" / "instrumented.json"


def test_a_run_records_its_branches(request: pytest.FixtureRequest) -> None:
    RECORD.unlink(missing_ok=True)
    options = ["--cpus", "1", "--instrument", "--record", RECORD, "--record-as", request.node.nodeid]
    command = [sys.executable, "build.py", "run", *options]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = make_audit(read_folder(ROOT / "spec", BUILD / "syntax"), [RECORD])
    taken = {branch.key: sum(count_taken(branch, page.records).values()) for branch in page.branches}
    assert page.records[0].by == request.node.nodeid
    assert taken["dom0 on cpuid"] == page.records[0].exit_total("dom0", 10) > 0
    assert taken["dom0 msr read default: try"] > 0
    assert taken["hypercall exit_count"] > 0
    assert taken["dom0 on triple_fault"] == 0
    assert not any(taken[key] for key in taken if key.startswith("dom0 on entry_failure"))
