"""Run other programs; their output is shown only if they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from machine.paths import MachineFault


def run_command(arguments: Sequence[str | Path], cwd: Path | None = None) -> str:
    """Run a program to its end and return its standard output; raise MachineFault with its last output if it fails."""
    try:
        done = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MachineFault(f"no-program: `{arguments[0]}` is not installed") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-2000:]
        raise MachineFault(f"command-failed: `{' '.join(map(str, arguments))}` ended with {done.returncode}: {words}")
    return done.stdout
