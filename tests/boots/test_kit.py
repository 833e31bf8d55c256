"""Parsing of a guest's report (tests/boots/kit.py)."""

from __future__ import annotations

from machine.bochs import Result
from tests.boots.kit import list_differences, read_report

SERIAL = """guest: hypervised\r
case one\r
ok right\r
not ok wrong: got 0x1, wanted 0x2\r
record name: 1 ff\r
record name: 2\r
record nothing:\r
case two\r
subset bits: f\r
figure ticks 82\r
guest: end\r
"""


def make_result(serial: str) -> Result:
    return Result("ended", 1, serial, "", "", "", "", "the last words", 5, (), 1.0)


def test_report() -> None:
    report = read_report(make_result(SERIAL))
    assert report.cases == ("one", "two")
    assert report.failures == ("one: not ok wrong: got 0x1, wanted 0x2",)
    assert report.passed == 1
    assert report.records == {("one", "name", 0): "1 ff", ("one", "name", 1): "2", ("one", "nothing", 0): ""}
    assert report.figures == {"ticks": 82}
    assert report.hypervised
    assert report.ended


def test_a_guest_that_dies() -> None:
    report = read_report(make_result(SERIAL[:40]))
    assert not report.ended
    assert "ended after 1 s; the last words" in report.end
    assert "ok right" in report.end


def test_differences() -> None:
    bare = read_report(make_result(SERIAL))
    assert list_differences(bare, bare) == []
    changed = SERIAL.replace("record name: 2", "record name: 3").replace("bits: f", "bits: 11").replace("two", "three")
    assert list_differences(bare, read_report(make_result(changed))) == [
        "cases: ('one', 'two') and ('one', 'three')",
        "one: name (1): bare 2, under Luvalley 3",
        "bits: bare f lacks 10 that Luvalley shows"]
