"""What is found in a serial record between the marks of dom0's first process."""

from __future__ import annotations

import pytest

from machine.markers import find_output, find_status

BEFORE = "Linux says something\r\n@luv init-tick 7\r\n@luv output\r\n"


@pytest.mark.parametrize(("said", "output", "status"), [
    ("one\r\ntwo\r\n@luv status 3\r\nbye\r\n", "one\ntwo\n", 3),
    ("no line end@luv status 0\r\n", "no line end", 0),
    ("still runs\r\n", "still runs\n", None),
])
def test_output_and_status(said: str, output: str, status: int | None) -> None:
    assert (find_output(BEFORE + said), find_status(BEFORE + said)) == (output, status)


def test_nothing_before_the_output() -> None:
    assert find_output("Linux says something\r\n") == "" and find_status("") is None
