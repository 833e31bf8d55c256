"""The tutorial's result in a machine: the exit that it traps is logged, with its value, and cannot flood the log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from machine.bochs import Machine, Progress, run_machine
from machine.command import run_command
from machine.grub import make_loader_cd
from machine.paths import ROOT
from tests.boots.kit import describe_end
from tests.boots.test_stops import make_disk, make_record
from tests.lib.recipes import apply_steps, copy_spec, read_steps

pytestmark = pytest.mark.boot
HALTS = bytes.fromhex("f4 eb fd")  # HLT and a jump back to it: a loop, for HLT is skipped
HEADER = (ROOT / "runtime" / "core" / "log.h").read_text()
LINES = 140  # of the log, more than may come at once


def build_tutorial(folder: Path) -> Path:
    """Return the image of the spec after all steps of docs/adding-an-exit.md."""
    copy_spec(folder)
    for _ in apply_steps(folder, read_steps((ROOT / "docs" / "adding-an-exit.md").read_text())):
        pass
    run_command([ROOT / ".venv" / "bin" / "python", "-m", "codegen.cli", "--root", folder, "build"])
    return folder / "build" / "luvalley.elf"


def test_the_tutorial_logs_each_hlt(tmp_path: Path) -> None:
    """A loop of HLT: a burst of lines, then few, and how many were left out."""
    loader, image = tmp_path / "loader.iso", build_tutorial(tmp_path / "tree")
    make_loader_cd(loader, image, "log=serial", (), 1, ())
    disk = make_disk(tmp_path, {0: make_record(HALTS)})

    def is_over(progress: Progress) -> bool:
        return progress.serial.count("halt at ") < LINES

    machine = Machine(tmp_path / "machine", memory=64, disks=(disk,), cdrom=loader, boot="cdrom")
    result = run_machine(machine, 60, is_over)
    lines = result.serial.replace("\r", "").splitlines()
    halts = [line for line in lines if line.startswith("halt at ")]
    assert len(halts) >= LINES and set(halts[:-1]) == {"halt at 7c00"}, describe_end(result)
    burst = int(re.findall(r"LOG_BURST (\d+)", HEADER)[0])
    first = next((at for at, line in enumerate(lines) if "too many for the log" in line), 0)
    logged = [line for line in lines[:first] if line.startswith("halt at ")]
    assert burst <= len(logged) < LINES, describe_end(result)
    assert int(lines[first].rpartition(" ")[2], 16) > 100, describe_end(result)
