"""libluvkvm on a fake hypervisor: how it maps guest memory, and how it handles exits."""

from __future__ import annotations

from pathlib import Path

import pytest

from machine.command import run_command
from machine.compile import LIBRARY, list_sources
from machine.paths import GENERATED, ROOT
from tests.lib.process import run_bounded

pytestmark = pytest.mark.long  # it needs Debian's libzydis-dev, which only `build.py test` installs

HERE = Path(__file__).resolve().parent / "backend"
FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{LIBRARY}", "-iquote", HERE,
         f"-I{GENERATED / 'abi'}", f"-I{ROOT}")


def test_memory_and_exits(tmp_path: Path) -> None:
    sources = [*list_sources(HERE), *list_sources(LIBRARY)]
    run_command(["gcc", *FLAGS, "-o", tmp_path / "backend", *sources, "-lZydis", "-lpthread"])
    done = run_bounded([tmp_path / "backend"], 60)
    assert done.returncode == 0, done.stdout + done.stderr
