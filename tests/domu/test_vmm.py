"""The hypercalls without QEMU: the test VMM's cases, on one CPU and on two, and hostile callers beside them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from machine.compile import build_program
from machine.paths import BUILD, DOM0, make_folder
from machine.run import build_image
from tests.domu.boot import run_dom0

pytestmark = pytest.mark.boot

CASES = re.findall(r"X\((\w+)\)", (DOM0 / "testvmm" / "test.h").read_text().partition("#define CASES")[2])
CASE = re.compile(r"^case (\w+):(.*)$", re.MULTILINE)
COMMANDS = {1: "./testvmm", 2: "./testvmm"}


@cache
def run_cases(cpus: int) -> dict[str, str]:
    """Boot once; return what the test VMM says of each case."""
    output = run_dom0(make_folder(BUILD / f"testvmm-{cpus}"), COMMANDS[cpus], cpus=cpus, programs=[build_program("testvmm")])
    return dict(CASE.findall(output))


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    assert build_image() == 0


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cpus", [1, 2])
def test_case(cpus: int, name: str) -> None:
    assert run_cases(cpus).get(name) == " ok"
