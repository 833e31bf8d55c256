"""The ring of runtime/core/log.c and `luv log`, on the host: the newest lines are kept and read, a flood is not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.lib.support import ROOT, TESTS

HEADER = (ROOT / "runtime" / "core" / "log.h").read_text()
RING = int(re.search(r"LOG_SIZE KIB\((\d+)\)", HEADER)[1]) << 10  # type: ignore[index]
BURST = int(re.search(r"LOG_BURST (\d+)", HEADER)[1])  # type: ignore[index]
PERIOD = 1 << int(re.search(r"LOG_PERIOD \(1ull << (\d+)\)", HEADER)[1])  # type: ignore[index]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "log"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-I", ".", "-I", "runtime", "-I", "dom0"]
    sources = [TESTS / "host" / "log_host.c", ROOT / "dom0" / "luv" / "log.c"]
    command = ["gcc", *flags, "-I", "generated/abi", "-o", path, *sources]
    subprocess.run(list(map(str, command)), cwd=ROOT, check=True)
    return path


def read_log(program: Path, lines: int, ticks: int = 0, reads: int = 0) -> list[str]:
    """Return what `luv log` prints after so many lines, so many ticks apart."""
    command = [str(program), str(lines), str(ticks), str(reads)]
    said: str = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.split("\n")[:-1]


def list_lines(first: int, count: int) -> list[str]:
    return [f"line {number:x} of {count:x}" for number in range(first, count)]


@pytest.mark.parametrize("count", [0, 1, 7, 100])
def test_all_is_read_that_fits(program: Path, count: int) -> None:
    assert read_log(program, count) == list_lines(0, count)


@pytest.mark.parametrize("count", [5000, 5001, 5002, 5003, 40000])
def test_the_newest_lines_are_read_after_the_ring_has_wrapped(program: Path, count: int) -> None:
    """As many whole lines as the ring holds, up to the last one, and no part of a line."""
    found = read_log(program, count)
    assert found == list_lines(count - len(found), count)
    size = sum(len(line) + 1 for line in found)
    assert size <= RING < size + len(f"line {count:x} of {count:x}\n") * 2


@pytest.mark.parametrize("reads", [1, 5, 100])
def test_lines_that_are_overwritten_while_they_are_read(program: Path, reads: int) -> None:
    """What was read before stays, then the newest lines follow."""
    found = read_log(program, 2000, reads=reads)
    assert found[-1].startswith("meanwhile, ")
    whole = [line for line in found if re.fullmatch(r"line [0-9a-f]+ of 7d0|meanwhile, [0-9a-f]+", line)]
    assert len(found) - len(whole) <= 1, "at most the line in which the reader was overtaken"


def test_a_flood_is_limited(program: Path) -> None:
    """So many lines at once, and no more; the next line that is logged says how many are left out."""
    assert read_log(program, BURST + 1000, ticks=1) == list_lines(0, BURST + 1000)[:BURST]
    found = read_log(program, 3 * BURST, ticks=PERIOD // 2)
    left_out = sum(int(line.split(": ")[2], 16) for line in found if line.startswith("luvalley: "))
    logged = [line for line in found if line.startswith("line ")]
    assert 2 * BURST < len(logged) < 2.6 * BURST
    assert 0 <= 3 * BURST - len(logged) - left_out <= 1


def test_slow_lines_are_not_limited(program: Path) -> None:
    assert read_log(program, 300, ticks=PERIOD) == list_lines(0, 300)
