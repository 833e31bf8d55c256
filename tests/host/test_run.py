"""A run of a vCPU that no event of dom0's ends: the exits that the hypervisor handles do not lengthen it."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

from tests.lib.support import ROOT, TESTS

CYCLES = 2_000_000  # of the preemption timer: about a millisecond
HANDLER = 5_000  # cycles that one exit may take more


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path: Path = tmp_path_factory.mktemp("run") / "run.so"
    flags = ["-shared", "-fPIC", "-O1", "-mgeneral-regs-only", "-Wno-all", "-Wl,-z,lazy", "-fvisibility=hidden",
             "-ffunction-sections", "-Wl,--gc-sections", f"-I{ROOT}", f"-I{ROOT / 'runtime'}"]
    subprocess.run(["gcc", *flags, "-o", str(path), str(TESTS / "host" / "run_host.c")], check=True)
    made = ctypes.CDLL(str(path), mode=1)  # RTLD_LAZY: functions that these paths do not call
    made.host_run.restype = ctypes.c_uint64
    return made


@pytest.mark.parametrize("between", [100, 10_000, 999_999, CYCLES - 1])
def test_a_run_is_bounded_however_often_it_exits(library: ctypes.CDLL, between: int) -> None:
    """The guest exits shortly before its timer, or often: after two timers the CPU is dom0's again."""
    lasted = library.host_run(ctypes.c_uint64(between), 1_000_000)
    assert CYCLES <= lasted <= 2 * CYCLES + HANDLER


def test_a_guest_without_exits_is_ended_by_the_timer(library: ctypes.CDLL) -> None:
    assert library.host_run(ctypes.c_uint64(10 * CYCLES), 1) == CYCLES
