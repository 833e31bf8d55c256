"""The figures of domUs, in ticks on one CPU: exits to user space, first accesses to memory, and a whole Linux guest."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from bench.figure import Figure
from machine.compile import PROGRAMS, build_test_vmm, link_program
from machine.paths import BENCH, MachineFault
from machine.request import Request
from machine.run import boot, explain_end

TIMEOUT = 900.0  # seconds
# The guest runs twice, since the first time QEMU is read from the disk.
COMMAND = """
/root/testvmm first_touch
luv run -- /root/kvmcost
sh /guest/linux.sh 1 && TICKS=1 sh /guest/linux.sh 1
"""
AIMS: tuple[tuple[str, str, float, str, float], ...] = (  # name, what dom0 prints before the number, aim, unit, divisor
    ("OUT of a guest to user space and back", r"OUT to user space and back: (\d+)", 692, "ticks", 1),
    ("MMIO write of a guest, the same", r"MMIO write to user space and back: (\d+)", 2305, "ticks", 1),
    ("CPUID of a guest, in the library, constant leaf", r"CPUID\(0\) answered by the library: (\d+)", 1000, "ticks", 1),
    ("CPUID of a guest, leaf that depends on state", r"CPUID\(1\) answered by the library: (\d+)", 1000, "ticks", 1),
    ("first access to 512 pages of a guest", r"first_touch: (\d+) exits", 0, "exits", 1),
    ("Linux guest, from QEMU's start to its end", r"guest ticks: (\d+)", 1.35, "G ticks", 1e9),
)


def read_figures(output: str, find: Callable[[re.Pattern[str], str], int]) -> list[Figure]:
    """Return the figures from what dom0 printed."""
    return [Figure(name, find(re.compile(text), output) / divisor, aim, unit)
            for name, text, aim, unit, divisor in AIMS]


def run_guests(bochs: Path, folder: Path) -> str:
    """Boot dom0, run the measurements of domUs; return the output."""
    cost = link_program(PROGRAMS / "kvmcost", ("-std=gnu11", "-O2"), [BENCH / "kvmcost.c"])
    request = Request(cpus=1, memory=1024, bochs=bochs, command=COMMAND, domu=True, timeout=TIMEOUT,
                      additions=(cost, build_test_vmm()))
    outcome = boot(request, folder)
    if outcome.status is None:
        raise MachineFault(explain_end(outcome, request, folder))
    if outcome.status:
        raise MachineFault(f"no-figure: what ran in dom0 ended with {outcome.status}:\n{outcome.output}")
    return outcome.output
