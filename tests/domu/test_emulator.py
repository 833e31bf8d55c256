"""libluvkvm's instruction emulator, compared with the processor that runs the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from machine.command import run_command
from machine.paths import DOM0, GENERATED, ROOT
from tests.lib.process import run_bounded

pytestmark = pytest.mark.long  # it needs Debian's libzydis-dev, which only `build.py test` installs

HERE = Path(__file__).resolve().parent / "emulator"
LIBRARY = DOM0 / "libluvkvm"
PARTS = [*(path for path in (LIBRARY / "emulator").glob("*.c") if path.stem != "tasks"), LIBRARY / "memory" / "walk.c"]
FLAGS = ("-D_GNU_SOURCE", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-no-pie",
         f"-I{LIBRARY}", f"-I{GENERATED}/abi", f"-I{ROOT}", "-iquote", HERE)


def test_every_encoding_does_what_the_processor_does(tmp_path: Path) -> None:
    sources = [*HERE.glob("*.[cS]"), *PARTS]
    run_command(["gcc", *FLAGS, "-o", tmp_path / "emulator", *sources, "-lZydis"])
    done = run_bounded([tmp_path / "emulator"], 60)
    assert done.returncode == 0, done.stdout
