"""The figures of dom0: hidden memory, size of the image, and ticks that Luvalley costs.

One CPU, so a tick is an instruction. Two boots of the same Debian, bare and with Luvalley, under Bochs's debugger: its
breakpoints give the ticks at points in the boot that print nothing.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from elftools.elf.elffile import ELFFile

from bench.domu import read_figures, run_guests
from bench.figure import Figure
from machine.bochs import run_machine
from machine.compile import compile_program
from machine.emulator import has_debugger
from machine.paths import BENCH, BUILD, IMAGE, MachineFault, make_folder
from machine.prepare import prepare_machine
from machine.progress import Reporter
from machine.request import STATUS_FAULT, Outcome, Request
from machine.run import build_image, describe_outcome, explain_end
from machine.workfolder import hold_folder

BOOT_SECTOR = 0x7C00  # where the BIOS starts a CD's loader, and an MBR
KERNEL = 0x1000000  # where GRUB starts the kernel
# On a hypervisor Linux uses the TSC-deadline timer and prints less; with these options both boots do the same work.
SAME_WORK = "lapic=notscdeadline loglevel=1"
TIMEOUT = 600.0  # seconds
HIDDEN = re.compile(r"^memory hidden: \S+ \((\d+) KiB\)$", re.MULTILINE)
CPUID = re.compile(r"^cpuid ticks: (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Boot:
    """Ticks of one boot at its stations (`entry` is Luvalley's; 0 when bare), and dom0's output."""

    entry: int
    mbr: int
    kernel: int
    init: int
    output: str


def read_image(path: Path) -> tuple[int, int]:
    """Return the physical entry point of an ELF image and the bytes that a loader reads of it."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        size = sum(segment["p_filesz"] for segment in elf.iter_segments("PT_LOAD"))
        return int(elf["e_entry"]), int(size)


def write_debugger_commands(entry: int | None) -> tuple[str, ...]:
    """Return the debugger's commands: stop once at each station (Luvalley's `entry`, if any), then continue."""
    mbr = [f"pb {BOOT_SECTOR:#x}", "c", "d 1"]
    if entry is None:
        return (*mbr, f"pb {KERNEL:#x}", "c", "d 2", "c")
    stations = [*mbr, f"pb {entry:#x}", "c", "d 2", f"pb {BOOT_SECTOR:#x}", "c", "d 3"]
    return (*stations, f"pb {KERNEL:#x}", "c", "d 4", "c")


def measure_boot(bochs: Path, entry: int | None, folder: Path) -> Boot:
    """Boot Debian once, bare if there is no `entry`, and return its stations."""
    program = make_folder(folder / "dom0") / "cpuidloop"
    program.write_bytes(compile_program(BENCH / "cpuidloop.c"))
    program.chmod(0o755)
    bare = entry is None
    command = f"./cpuidloop && selfcheck {'--bare' if bare else ''}"
    request = Request(cpus=1, bare=bare, bochs=bochs, command=command, additions=(program,), timeout=TIMEOUT,
                      kernel_options=SAME_WORK)
    machine = replace(prepare_machine(request, folder), debugger=write_debugger_commands(entry))
    reporter = Reporter()
    result = run_machine(machine, TIMEOUT, reporter.watch)
    reporter.clear()
    return read_boot(describe_outcome(result), request, folder)


def read_boot(outcome: Outcome, request: Request, folder: Path) -> Boot:
    """Return the stations of a run; raise MachineFault if it did not pass all of them."""
    stops = outcome.result.stops[1:]  # the first is the reset
    if outcome.status:
        raise MachineFault(f"no-figure: what ran in dom0 ended with {outcome.status}:\n{outcome.output}")
    if outcome.status is None or outcome.init_tick is None or len(stops) != (2 if request.bare else 4):
        raise MachineFault(explain_end(outcome, request, folder))
    entry, mbr, kernel = (0, *stops) if request.bare else stops[1:]
    return Boot(entry, mbr, kernel, outcome.init_tick, outcome.output)


def find_number(pattern: re.Pattern[str], text: str) -> int:
    """Return the number that `pattern` finds in dom0's output."""
    found = pattern.search(text)
    if not found:
        raise MachineFault(f"no-figure: dom0 did not print `{pattern.pattern}`")
    return int(found[1])


def compute_figures(size: int, bare: Boot, hosted: Boot) -> list[Figure]:
    """Return the five figures from the image's size and the two boots."""
    way, bare_way = hosted.init - hosted.kernel, bare.init - bare.kernel
    return [
        Figure("memory hidden from dom0", find_number(HIDDEN, hosted.output) / 1024, 4, "MiB"),
        Figure("loadable image", size / 1024, 128, "KiB"),
        Figure("Multiboot entry to first MBR instruction", (hosted.mbr - hosted.entry) / 1e6, 1, "M ticks"),
        Figure("CPUID in dom0, exit and entry, with the loop", find_number(CPUID, hosted.output), 74, "ticks"),
        Figure("Debian's boot to init, longer than bare by", 100 * (way - bare_way) / bare_way, 0.5, "%"),
    ]


def print_figures(figures: list[Figure]) -> None:
    """Print the figures, a line each."""
    for figure in figures:
        print(f"{figure.name:<46} {figure.value:>9.2f} {figure.unit:<8} (aim: at most {figure.aim:g})")


def run_bench(bochs: Path) -> int:
    """Build, measure the figures, five of dom0 and those of guests, and print them; return the exit status."""
    if status := build_image():
        return status
    try:
        if not has_debugger(bochs):
            raise MachineFault(f"no-debugger: `{bochs}` was built without the debugger, which the figures need")
        entry, size = read_image(IMAGE)
        with hold_folder(BUILD / "bench") as folder:
            print("bare", file=sys.stderr)
            bare = measure_boot(bochs, None, folder)
            print("with Luvalley", file=sys.stderr)
            hosted = measure_boot(bochs, entry, folder)
            print("with guests", file=sys.stderr)
            guests = read_figures(run_guests(bochs, folder), find_number)
        print_figures([*compute_figures(size, bare, hosted), *guests])
    except MachineFault as fault:
        print(f"build.py: {fault}", file=sys.stderr)
        return STATUS_FAULT
    return 0
