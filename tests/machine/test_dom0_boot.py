"""A complete boot: GRUB, Luvalley, the disk's MBR, GRUB again, Debian as dom0, and its self-check."""

import subprocess
import sys

import pytest

from machine.emulator import find_old_bochs
from machine.paths import ROOT

pytestmark = pytest.mark.boot


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "build.py", "run", *arguments]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("old", [False, True], ids=["bochs-3.0", "bochs-2.7"])
def test_debian_is_dom0_on_one_cpu(old: bool) -> None:
    done = run("--cpus", "1", *(("--bochs", str(find_old_bochs())) if old else ()))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["cpus online: 1", "cpus started: 1"]
    assert lines[-1] == "selfcheck: all is consistent."
    assert any(line.startswith("memory hidden: 0x") for line in lines)
    assert any(line.startswith("exits cpuid: ") for line in lines)
