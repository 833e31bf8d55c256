"""QEMU in dom0 on Luvalley: SeaBIOS and Linux on one CPU and on two, two at once, killed, refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from machine.paths import BUILD, make_folder
from machine.run import build_image
from tests.domu.boot import run_dom0

pytestmark = pytest.mark.boot

INSIDE = Path(__file__).resolve().parent / "inside"
CASES = {
    1: {
        "one": "sh /guest/linux.sh 1", "two-on-one-cpu": "sh /guest/linux.sh 2",
        "user": "su user -c 'PATH=$PATH NAME=user sh /guest/linux.sh 1'", "kills": "sh /root/kills.sh",
        "sentences": "sh /root/sentences.sh", "status": "luv run -- sh -c 'exit 7'; [ $? = 7 ]",
    },
    2: {"two": "sh /guest/linux.sh 2", "two-domus": "sh /root/two.sh"},
}


@pytest.mark.parametrize("cpus", [1, 2])
def test_domus(cpus: int) -> None:
    assert build_image() == 0
    command = "\n".join(f"({case}); echo \"@case {name} $?\"" for name, case in CASES[cpus].items())
    folder = make_folder(BUILD / f"domu-{cpus}")
    output = run_dom0(folder, command, cpus=cpus, domu=True, programs=sorted(INSIDE.iterdir()), seconds=900)
    said = dict(re.findall(r"^@case (\S+) (\d+)$", output, re.MULTILINE))
    assert {name: said.get(name, "silent") for name in CASES[cpus] if said.get(name) != "0"} == {}
