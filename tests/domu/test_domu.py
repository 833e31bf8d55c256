"""QEMU in dom0 on Luvalley: SeaBIOS and Linux on one CPU and on two, two at once, killed, refused, moved."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from machine.compile import build_outsider
from machine.emulator import find_old_bochs
from machine.paths import BUILD, make_folder
from machine.run import build_image
from machine.suite import find_codename
from tests.lib.dom0 import run_dom0
from tests.lib.terminal import WALL_CLOCK, expect, run_on_terminal

pytestmark = pytest.mark.boot

INSIDE = Path(__file__).resolve().parent / "inside"
OTHER = "bookworm" if find_codename() == "trixie" else "trixie"
CASES = {
    1: {
        "one": "sh /guest/linux.sh 1", "two-on-one-cpu": "sh /guest/linux.sh 2",
        "user": "su user -c 'PATH=$PATH NAME=user sh /guest/linux.sh 1'", "kills": "sh /root/kills.sh",
        "sentences": "sh /root/sentences.sh", "move": "sh /root/move.sh",
        "status": "luv run -- sh -c 'exit 7'; [ $? = 7 ]",
    },
    2: {"two": "sh /guest/linux.sh 2", "two-domus": "sh /root/two.sh", "move": "sh /root/move.sh 2"},
}


@pytest.mark.parametrize("cpus", [1, 2])
def test_domus(cpus: int) -> None:
    assert build_image() == 0
    command = "\n".join(f"({case}); echo \"@case {name} $?\"" for name, case in CASES[cpus].items())
    folder = make_folder(BUILD / f"domu-{cpus}")
    # On Bochs 3.0 two vCPUs on one CPU stay in SeaBIOS's spin lock for ever: there is no PAUSE-loop exiting yet.
    bochs = find_old_bochs() if cpus == 1 else None
    programs = sorted(INSIDE.iterdir())
    output = run_dom0(folder, command, cpus=cpus, domu=True, programs=programs, seconds=900, bochs=bochs)
    said = dict(re.findall(r"^@case (\S+) (\d+)$", output, re.MULTILINE))
    assert {name: said.get(name, "silent") for name in CASES[cpus] if said.get(name) != "0"} == {}


def test_another_debian() -> None:
    """QEMU of Debian 13; dom0 and guests have the kernel of 13, or of 12 where this machine's own is that of 13."""
    assert build_image() == 0
    command = ("qemu-system-x86_64 --version && uname -r && sh /guest/linux.sh 1 && sh /guest/linux.sh 2; "
               "sh /root/outsider.sh && echo nothing")
    programs = [build_outsider(), INSIDE / "outsider.sh"]
    output = run_dom0(make_folder(BUILD / "domu-trixie"), command, domu=True, trixie=True, kernel=OTHER, seconds=900,
                      programs=programs, bochs=find_old_bochs())  # for two vCPUs on one CPU
    assert "QEMU emulator version 10." in output
    assert re.search(r"^6\.1\." if OTHER == "bookworm" else r"^6\.12\.", output, re.MULTILINE)
    assert output.endswith("nothing\n")
    assert "domU: 1 CPUs" in output and "domU: 2 CPUs" in output


def test_shell_of_a_guest() -> None:
    command = [sys.executable, "build.py", "run", "--domu", "--shell", "--timeout", str(WALL_CLOCK)]
    with run_on_terminal(command) as (process, terminal):
        expect(terminal, b"/ # ")
        os.write(terminal, b"echo $((6 * 7)) $(md5sum </dev/vda); exit\r")
        expect(terminal, b"42 f")
        expect(terminal, b"Power down")
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
