"""The costs of exits: a guest that measures them in real mode, and a program that measures hypercalls in dom0."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from machine.command import run_command
from machine.paths import BENCH, GENERATED, MachineFault

SOURCE = BENCH / "costs.asm"
LINE = re.compile(r"^@luv cost ([^|\n]+)\|([^|\n]+)\|([^|\n]+)\|(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """Ticks of one exit and the following VM entry: the event or the table's rule, the instruction, the outcome."""

    event: str
    what: str
    ends: str
    ticks: int


def assemble_guest(path: Path, hidden: int) -> Path:
    """Assemble the measuring guest; `hidden` is an address of hidden memory."""
    run_command(["nasm", "-w+error", "-f", "bin", f"-DHIDDEN={hidden:#x}", f"-I{GENERATED}/vmx/", SOURCE, "-o", path])
    return path


def read_costs(text: str) -> list[Cost]:
    """Return the costs that a run wrote; raise MachineFault if there are none."""
    costs = [Cost(event, what, ends, int(ticks)) for event, what, ends, ticks in LINE.findall(text.replace("\r", ""))]
    if not costs:
        raise MachineFault("no-costs: the measuring guest printed no figure")
    return costs
