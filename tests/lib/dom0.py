"""Boot dom0 with a pool and run a command in it, for tests of domUs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from machine.request import Outcome, Request
from machine.run import boot, choose_image, explain_end


def run_dom0(
    folder: Path, command: str, *, cpus: int = 1, domu: bool = False, trixie: bool = False, kernel: str = "",
    memory: int = 1024, pool: str = "pool=512M", programs: Sequence[Path] = (), seconds: float = 600,
    poison: bool = False, image: Path | None = None, bochs: Path | None = None,
) -> str:
    """Boot dom0, run `command` with `programs` in /root, which must exit with 0; return its output."""
    request = Request(cpus=cpus, memory=memory, command=command, options=pool, domu=domu, trixie=trixie, kernel=kernel,
                      additions=tuple(programs), timeout=seconds, poison=poison, bochs=bochs)
    outcome: Outcome = boot(request, folder, image or choose_image(request))
    print(outcome.output)
    assert outcome.status is not None, explain_end(outcome, request, folder)
    return outcome.output
