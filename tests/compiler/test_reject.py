"""Specs with errors, and the complete messages about them: tests/compiler/reject/."""

import re

import pytest

from codegen.source import load_file
from tests.lib.support import COMPILER, ROOT, expect, find_cases, find_error_names, say_errors

CASES = find_cases("reject")


@pytest.mark.parametrize("case", CASES)
def test_message(case: str, pytestconfig: pytest.Config) -> None:
    path = COMPILER / "reject" / f"{case}.luv"
    found = say_errors(load_file(path, f"tests/compiler/reject/{case}.luv"))
    assert f"error[{name_of(case)}]" in found
    expect(path.with_suffix(".err"), found, pytestconfig)


def name_of(case: str) -> str:
    """Return the error that a case is about: the case's name begins with it."""
    return max((name for name in find_error_names() if case == name or case.startswith(f"{name}-")), key=len)


def test_every_error_has_a_case() -> None:
    assert {name_of(case) for case in CASES} == find_error_names()


def test_every_error_has_a_heading() -> None:
    headings = re.findall(r"^## ([a-z-]+)$", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert headings == sorted(set(headings)), "in order, each once"
    assert set(headings) == find_error_names()


def test_no_expectation_without_a_case() -> None:
    assert {path.stem for path in (COMPILER / "reject").glob("*.err")} == set(CASES)
