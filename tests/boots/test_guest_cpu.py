"""The guest of tests/guests/cpu: one CPU in every mode, compared with the bare machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boots.kit import list_differences, run_guest

pytestmark = [pytest.mark.boot, pytest.mark.usefixtures("luvalley")]
CPUID_TICKS = 90  # ticks of a CPUID exit and VM entry, with a loop of five instructions
HIDDEN_BYTES = 4 << 20


@pytest.mark.parametrize(("model", "options"), [("corei7_skylake_x", ""), ("corei7_haswell_4770", "log=serial")])
def test_cpu_guest(model: str, options: str, guest_image: Callable[[str], Path], tmp_path: Path) -> None:
    """Accesses to hidden memory are logged, with log=serial on COM1 too; CPUID costs stay within a bound."""
    image = guest_image("cpu")
    bare = run_guest(image, tmp_path / "bare", bare=True, model=model)
    guest = run_guest(image, tmp_path / "guest", model=model, options=options)
    assert not list_differences(bare, guest)
    assert guest.figures["cpuid ring 0"] <= CPUID_TICKS
    assert guest.figures["cpuid ring 3"] <= CPUID_TICKS
    assert guest.figures["hidden bytes"] <= HIDDEN_BYTES
    assert bool(guest.log) == (options == "log=serial"), guest.log
