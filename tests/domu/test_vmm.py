"""The hypercalls for domUs without QEMU: the cases of the test VMM, on one CPU and on two, and hostile callers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from machine.compile import TEST_VMM, build_fuzzer, build_luv, build_outsider, build_test_vmm
from machine.paths import BUILD, make_folder
from machine.run import build_image
from tests.lib.dom0 import run_dom0
from tests.lib.poison import leave_out_field

pytestmark = pytest.mark.boot

INSIDE = Path(__file__).resolve().parent / "inside"
CASES = re.findall(r"X\((\w+)\)", (TEST_VMM / "test.h").read_text().partition("#define CASES")[2])
CASE = re.compile(r"^case (\w+):.* (\S+)$", re.MULTILINE)
COMMAND = "./testvmm; ./fuzzcalls 8; selfcheck"  # the last one checks that dom0 still works


@pytest.mark.parametrize(("cpus", "poison"), [(1, False), (2, True)], ids=["1", "2-poisoned"])
def test_cases(cpus: int, poison: bool) -> None:
    """On two CPUs under the image that fills each new VMCS with ones: no field that is used happens to be 0."""
    assert build_image(poison=poison) == 0
    programs = [build_test_vmm(), build_fuzzer()]
    output = run_dom0(make_folder(BUILD / f"testvmm-{cpus}"), COMMAND, cpus=cpus, programs=programs, poison=poison)
    said = dict(CASE.findall(output))
    assert {name: said.get(name, "silent") for name in CASES if said.get(name) != "ok"} == {}
    assert "fuzzcalls: nothing was wrong" in output
    assert "selfcheck: all is consistent." in output


def test_the_poison_finds_a_field_that_is_left_out() -> None:
    assert build_image(poison=True) == 0
    folder = make_folder(BUILD / "planted-field")
    image = leave_out_field(folder / "luvalley.elf", "domu", "vm_entry_interruption_info")
    output = run_dom0(folder, "./testvmm reset_state", programs=[build_test_vmm()], image=image)
    assert re.search(r"^case reset_state: FAILED at .*: exit 12 instead of 2 ", output, re.MULTILINE)


def test_two_pools() -> None:
    """Two pools are two devices, in the order of the command line."""
    assert build_image() == 0
    command = "cd /sys/bus/dax/devices; echo *; cat dax*/size; cd /root; ./testvmm frames; ./luv info"
    programs = [build_test_vmm(), build_luv()]
    output = run_dom0(make_folder(BUILD / "two-pools"), command, pool="pool=64M,128M", programs=programs)
    assert output.startswith(f"dax0.0 dax1.0\n{64 << 20}\n{128 << 20}\n")
    assert "cases: 1, failed: 0" in output
    assert re.search(r"^pool 0: .* 64 MiB, 64 free\npool 1: .* 128 MiB, 128 free$", output, re.MULTILINE)


def test_pool_above_4_gib() -> None:
    assert build_image() == 0
    command = "./luv info; ./testvmm reset_state first_touch frames written_pages exhaustion"
    programs = [build_test_vmm(), build_luv()]
    folder = make_folder(BUILD / "high-pool")
    output = run_dom0(folder, command, programs=programs, memory=5120)
    assert re.search(r"^pool 0: at 0x1[0-9a-f]{8}, 512 MiB", output, re.MULTILINE)
    assert "cases: 5, failed: 0" in output


def test_a_process_without_rights() -> None:
    """It gets no domain, also when dom0's kernel uses the pool for itself; this was found by an attack that did."""
    assert build_image() == 0
    programs = [build_outsider(), build_luv(), INSIDE / "outsider.sh"]
    command = "PATH=$PATH:/root sh outsider.sh; echo status $?"
    output = run_dom0(make_folder(BUILD / "outsider"), command, programs=programs)
    assert output.count("outsider: nothing was granted\n") == 3
    assert output.endswith("status 0\n")


def test_without_a_pool() -> None:
    assert build_image() == 0
    programs = [build_test_vmm(), build_luv()]
    folder = make_folder(BUILD / "no-pool")
    output = run_dom0(folder, "./luv info; ./luv open; ./testvmm out", pool="", programs=programs, memory=512)
    assert "pool: none; pool=512M on Luvalley's command line keeps memory for guests" in output
    assert "Luvalley needs pool=... on its command line" in output
    assert "luv: Luvalley has no pool for guests' memory" in output
