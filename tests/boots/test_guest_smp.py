"""The guest of tests/guests/smp: processors that start, stop, start again and send each other NMIs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boots.kit import list_differences, run_guest

pytestmark = [pytest.mark.boot, pytest.mark.usefixtures("luvalley")]


def test_two_cpus(guest_image: Callable[[str], Path], tmp_path: Path) -> None:
    image = guest_image("smp")
    bare = run_guest(image, tmp_path / "bare", bare=True, cpus=2)
    guest = run_guest(image, tmp_path / "guest", cpus=2, options="apic=watch")
    assert not list_differences(bare, guest)
    assert guest.figures["processors"] == 2


def test_four_cpus(guest_image: Callable[[str], Path], tmp_path: Path) -> None:
    guest = run_guest(guest_image("smp"), tmp_path, cpus=4, options="apic=watch", timeout=240)
    assert guest.figures["processors"] == 4
