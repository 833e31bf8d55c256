"""`build.py measure`: measure the figures that the book shows, and write them to docs/records/.

Boots of Debian, bare and with Luvalley, give the five figures, the exits of a boot and the memory map; a special
guest measures exits. One CPU, so a tick is an instruction.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.costs import Cost, assemble_guest, read_costs
from bench.dom0 import compute_figures, measure_boot, read_image
from bench.figure import Figure
from codegen.source import digest_spec
from machine.compile import compile_program
from machine.paths import BENCH, BUILD, IMAGE, ROOT, MachineFault, make_folder
from machine.request import STATUS_FAULT, Request
from machine.run import boot, build_image, explain_end
from machine.workfolder import hold_folder

RECORD = ROOT / "docs" / "records" / "measured.json"
HIDDEN = re.compile(r"^memory hidden: (0x[0-9a-f]+)-(0x[0-9a-f]+)", re.MULTILINE)
EXITS = re.compile(r"^exits (\w+): (\d+)$", re.MULTILINE)
RANGE = re.compile(r"BIOS-e820: \[mem (0x[0-9a-f]+)-(0x[0-9a-f]+)\] (\w+)")
MAP = "dmesg | grep BIOS-e820"
COMMAND = f"chmod +x callcost && selfcheck && {MAP} && ./callcost"
TIMEOUT = 600.0  # seconds


def run_debian(request: Request, folder: Path) -> str:
    """Boot Debian; return the output of the command in it."""
    outcome = boot(request, make_folder(folder))
    if outcome.status != 0:
        raise MachineFault(explain_end(outcome, request, folder))
    return outcome.output


def run_dom0(bochs: Path, folder: Path) -> str:
    """Boot Debian with Luvalley; return dom0's output: exits, memory map, costs of hypercalls."""
    program = make_folder(folder / "dom0") / "callcost"
    program.write_bytes(compile_program(BENCH / "callcost.c"))
    return run_debian(Request(cpus=1, bochs=bochs, command=COMMAND, additions=(program,), timeout=TIMEOUT), folder)


def find_ranges(output: str) -> list[dict[str, Any]]:
    """Return the ranges of a memory map as Linux printed them."""
    return [{"first": int(low, 16), "last": int(high, 16), "kind": kind} for low, high, kind in RANGE.findall(output)]


def find_hidden(output: str) -> dict[str, Any]:
    """Return the hidden region from the output of selfcheck."""
    found = HIDDEN.search(output)
    if not found:
        raise MachineFault("no-hidden: selfcheck printed no hidden memory")
    return {"first": int(found[1], 16), "last": int(found[2], 16), "kind": "hidden"}


def run_guest(bochs: Path, folder: Path, hidden: int) -> list[Cost]:
    """Boot the guest that measures."""
    image = assemble_guest(folder / "costs.img", hidden)
    request = Request(cpus=1, bochs=bochs, image=image, timeout=TIMEOUT)
    outcome = boot(request, make_folder(folder / "costs"))
    return read_costs(outcome.result.serial)


def measure_figures(bochs: Path, folder: Path) -> list[Figure]:
    """Return the five figures."""
    entry, size = read_image(IMAGE)
    bare = measure_boot(bochs, None, make_folder(folder / "bare"))
    return compute_figures(size, bare, measure_boot(bochs, entry, make_folder(folder / "hosted")))


def make_record(bochs: Path, folder: Path) -> dict[str, Any]:
    """Perform all runs and return the record."""
    output = run_dom0(bochs, make_folder(folder / "debian"))
    hidden = find_hidden(output)
    bare = run_debian(Request(cpus=1, bochs=bochs, command=MAP, bare=True, timeout=TIMEOUT), folder / "bare-map")
    costs = [*run_guest(bochs, folder, hidden["first"]), *read_costs(output)]
    exits = {name: int(count) for name, count in EXITS.findall(output) if name != "in"}
    return {
        "command": "python3 build.py measure", "spec": digest_spec(ROOT / "spec"), "hidden": hidden,
        "memory": find_ranges(output), "bare_memory": find_ranges(bare),
        "exits": exits, "costs": [asdict(one) for one in costs],
        "figures": [asdict(one) | {"value": round(one.value, 2)} for one in measure_figures(bochs, folder)],
    }


def run_measure(bochs: Path, file: Path = RECORD) -> int:
    """Build, measure, and write the record; return the exit status."""
    if status := build_image():
        return status
    try:
        with hold_folder(BUILD / "measure") as folder:
            record = make_record(bochs, folder)
    except MachineFault as fault:
        print(f"build.py: {fault}", file=sys.stderr)
        return STATUS_FAULT
    make_folder(file.parent)
    file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"{file.relative_to(ROOT)}: {len(record['costs'])} costs, {len(record['figures'])} figures")
    return 0
