"""Run programs with a limit on processor time, so that a busy machine does not fail a test."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

WALL_CLOCK = 900  # wall-clock seconds, for a program that sleeps


def run_bounded(
    command: Sequence[str | Path], cpu_seconds: int, wall_clock: float = WALL_CLOCK
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it printed; SIGXCPU ends it after `cpu_seconds` of processor time."""
    bounded = ["prlimit", f"--cpu={cpu_seconds}", *command]
    return subprocess.run(bounded, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=wall_clock,
                          check=False)
