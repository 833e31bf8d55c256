"""build.py waits for another apt that holds the lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import build

APT = """#!/bin/sh
echo "$LC_ALL $*" >> {folder}/calls
[ $(wc -l < {folder}/calls) -gt {refusals} ] && exit 0
echo "E: {message}" >&2
exit 100
"""
LOCKED = "Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (apt)"


def install_fake_apt(folder: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, message: str) -> None:
    """Put an apt-get first in PATH that fails this many times, with this message."""
    apt = folder / "apt-get"
    apt.write_text(APT.format(folder=folder, refusals=refusals, message=message))
    apt.chmod(0o755)
    sudo = folder / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(build, "APT_PAUSE", 0)


def test_another_apt_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    install_fake_apt(tmp_path, monkeypatch, 2, LOCKED)
    assert build.run_apt(["update"])
    assert (tmp_path / "calls").read_text() == "C -q update\n" * 3
    assert capfd.readouterr().err == f"build.py: another apt is at work, waiting for it: {LOCKED}\n" * 2


def test_the_wait_for_another_apt_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_apt(tmp_path, monkeypatch, 1000, LOCKED)
    monkeypatch.setattr(build, "APT_PATIENCE", 0)
    assert not build.run_apt(["update"])


def test_another_failure_of_apt_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    install_fake_apt(tmp_path, monkeypatch, 1000, "Unable to locate package nothing")
    assert not build.run_apt(["install", "nothing"])
    assert (tmp_path / "calls").read_text().count("\n") == 1
    assert capfd.readouterr().err == "E: Unable to locate package nothing\n"


@pytest.mark.parametrize("command", build.COMMANDS)
def test_help_is_only_printed(command: str) -> None:
    """No command does anything then; each says how it is used."""
    arguments = [sys.executable, str(build.ROOT / "build.py"), command, "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: build.py {command} ")
    assert done.stderr == ""
