"""Write the record of a run: exits by reason and CPU, branches if the build counted them, the digest of the spec."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from codegen.source import digest_spec
from machine.markers import clean_serial
from machine.paths import ROOT, MachineFault, make_folder

SCHEMA = 2
KIND = "luvalley-run"
EXITS = re.compile(r"^@luv exits (\d+) (\d+) (\d+)$", re.MULTILINE)
BRANCH = re.compile(r"^@luv branch (\d+) (\d+)$", re.MULTILINE)
COUNTED = "\n@luv counted\n"


@dataclass(frozen=True)
class Recorder:
    """The file of the record, the author of the run, the spec's digest at the build, the names of counted branches."""

    path: Path
    by: str
    spec: str
    branches: tuple[str, ...] | None

    def write(self, serial: str) -> None:
        """Write the record from dom0's output; raise MachineFault if the counts are incomplete."""
        text = clean_serial(serial)
        if COUNTED not in text:
            raise MachineFault("no-counts: dom0 ended without its counts, so there is no record")
        record = {
            "kind": KIND, "schema": SCHEMA, "by": self.by, "spec": self.spec, "exits": {"dom0": find_exits(text)},
            "branches": find_branches(text, self.branches) if self.branches is not None else None,
        }
        make_folder(self.path.parent)
        self.path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def make_recorder(path: Path, by: str, branches: Path | None) -> Recorder:
    """Return a recorder for a run of the image that was just built; `branches` is the file of an instrumented build."""
    names = tuple(json.loads(branches.read_text(encoding="utf-8"))) if branches else None
    return Recorder(path, by, digest_spec(ROOT / "spec"), names)


def find_exits(text: str) -> dict[str, list[int]]:
    """Return exit reason -> counts by CPU."""
    found = [(int(cpu), int(reason), int(count)) for cpu, reason, count in EXITS.findall(text)]
    cpus = 1 + max((cpu for cpu, _, _ in found), default=-1)
    return {str(reason): list_counts(reason, cpus, found) for reason in sorted({reason for _, reason, _ in found})}


def list_counts(reason: int, cpus: int, found: Iterable[tuple[int, int, int]]) -> list[int]:
    counts = {cpu: count for cpu, one, count in found if one == reason}
    return [counts.get(cpu, 0) for cpu in range(cpus)]


def find_branches(text: str, names: tuple[str, ...]) -> dict[str, int]:
    """Return branch -> count, for those that were taken."""
    return {names[int(number)]: int(count) for number, count in BRANCH.findall(text)}
