"""Every way to reset the machine or to power it off, in one run: after each reset Luvalley boots again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from machine.bochs import Result, run_machine
from machine.request import Request
from tests.boots.kit import describe_end, prepare_image

pytestmark = [pytest.mark.boot, pytest.mark.usefixtures("luvalley")]
TIMEOUT = 120
ENDS = (
    "keyboard controller", "port CF9h", "port 92h", "triple fault", "triple fault in real mode", "IDT in hidden memory",
    "CR3 in hidden memory", "power off",
)


def check_ends(result: Result, where: str) -> None:
    lines = result.serial.replace("\r", "").splitlines()
    said = [line for line in lines if line.startswith("end ")]
    assert lines.count(f"guest: {where}") == len(said), describe_end(result)
    assert said == [f"end {number}: {name}" for number, name in enumerate(ENDS)], describe_end(result)
    assert result.panic == "ACPI control: soft power off", describe_end(result)


def test_ends(guest_image: Callable[[str], Path], tmp_path: Path) -> None:
    """After a reset by the keyboard controller Bochs's BIOS triple faults, which must reset as on hardware."""
    for where in ("bare", "hypervised"):
        request = Request(cpus=1, bare=where == "bare")
        machine = prepare_image(guest_image("ends"), tmp_path / where, request, ("cpu: reset_on_triple_fault=1",))
        check_ends(run_machine(machine, TIMEOUT), where)
