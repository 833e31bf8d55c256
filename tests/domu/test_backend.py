"""The library on a hypervisor that the test plays: its books of memory, and what it makes of exits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from machine.command import run_command
from machine.compile import LIBRARY, list_sources
from machine.paths import GENERATED, ROOT

pytestmark = pytest.mark.long  # it wants Debian's libzydis-dev, which only `build.py test` installs

HERE = Path(__file__).resolve().parent / "backend"
FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{LIBRARY}", "-iquote", HERE,
         f"-I{GENERATED}", f"-I{ROOT}")


def test_memory_and_exits(tmp_path: Path) -> None:
    sources = [*list_sources(HERE), *list_sources(LIBRARY)]
    run_command(["gcc", *FLAGS, "-o", tmp_path / "backend", *sources, "-lZydis", "-lpthread"])
    done = subprocess.run([tmp_path / "backend"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
