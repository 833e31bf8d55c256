"""Debian's Linux as dom0."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from machine.bochs import DEFAULT_MODEL, Machine, Result, Run, find_wall_clock_limit, run_machine
from machine.command import run_command
from machine.disk import CYLINDER, Boot, make_disk, write_chain_config
from machine.grub import make_loader_cd
from machine.paths import GENERATED, ROOT
from machine.prepare import prepare_machine
from machine.request import Outcome, Request
from machine.run import describe_outcome
from tests.boots.kit import GUESTS, assemble_flat, describe_end

pytestmark = [pytest.mark.boot, pytest.mark.usefixtures("luvalley")]
FOLDER = GUESTS / "dom0"
TIMEOUT = 240


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the static probe program."""
    program = tmp_path_factory.mktemp("probe") / "probe"
    flags = ["-std=gnu11", "-O2", "-static", "-s", "-Wall", "-Wextra", "-Werror", f"-I{GENERATED / 'abi'}", f"-I{ROOT}"]
    run_command(["gcc", *flags, "-o", program, FOLDER / "probe.c"])
    return program


def run_script(folder: Path, probe: Path, script: str, request: Request) -> Outcome:
    """Run a script of tests/guests/dom0 in dom0."""
    files = (probe, FOLDER / "lib.sh", FOLDER / script.split()[0])
    machine = prepare_machine(replace(request, command=f"sh /root/{script}", additions=files), folder)
    return describe_outcome(run_machine(machine, TIMEOUT))


def check_outcome(outcome: Outcome) -> None:
    """Check that all checks of script and probe are ok, the script ran to its end, and dom0 powered off."""
    failed = re.findall(r"^(?:not ok|selfcheck:.*\bnot\b).*$", outcome.output, re.MULTILINE)
    assert outcome.status is not None, describe_end(outcome.result)
    assert not failed, "\n".join([*failed, outcome.output])
    assert outcome.status == 0, outcome.output
    assert "dom0: end\n" in outcome.output, outcome.output
    assert outcome.result.panic == "ACPI control: soft power off", describe_end(outcome.result)


@pytest.mark.parametrize(("model", "isolation"), [(DEFAULT_MODEL, "on"), ("corei7_haswell_4770", "off")])
def test_one_cpu(model: str, isolation: str, probe: Path, tmp_path: Path) -> None:
    request = Request(cpus=1, model=model, kernel_options=f"pti={isolation}")
    check_outcome(run_script(tmp_path, probe, f"one.sh {isolation}", request))


def test_two_cpus(probe: Path, tmp_path: Path) -> None:
    check_outcome(run_script(tmp_path, probe, "cpus.sh 2", Request(cpus=2, options="apic=watch")))


def test_two_cpus_without_watching(tmp_path: Path) -> None:
    """Without apic=watch the APIC is watched only until the other CPU has started; the self-check passes."""
    outcome = describe_outcome(run_machine(prepare_machine(Request(cpus=2), tmp_path), TIMEOUT))
    assert outcome.status == 0, outcome.output + describe_end(outcome.result)
    assert "cpus online: 2\n" in outcome.output, outcome.output


def test_kernel_as_a_module(tmp_path: Path) -> None:
    """Linux and its initramfs as Multiboot modules; the exit status of the command is that of the run."""
    request = Request(cpus=1, module=True, multiboot=2, command="selfcheck || exit 9; exit 5")
    outcome = describe_outcome(run_machine(prepare_machine(request, tmp_path), TIMEOUT))
    assert outcome.status == 5, outcome.output + describe_end(outcome.result)


def run_to_reset(machine: Machine) -> tuple[Result, bool]:
    """Run a machine until it is reset; Bochs logs the reset at its start too."""
    with Run(machine) as run:
        while run.step() and run.seconds < find_wall_clock_limit(TIMEOUT):
            if run.read_log().count("Reset(HARDWARE) called") > 1:
                return run.finish("stopped"), True
        return run.finish("ended"), False


def test_reboot(tmp_path: Path) -> None:
    """Linux resets by the keyboard controller; Bochs's BIOS then triple faults, which must reset as on hardware."""
    machine = prepare_machine(Request(cpus=1, command="reboot -f"), tmp_path)
    result, reset = run_to_reset(replace(machine, extra=("cpu: reset_on_triple_fault=1",)))
    assert "@luv output" in result.serial, describe_end(result)
    assert reset, describe_end(result)
    assert "luvalley:" not in result.serial, describe_end(result)


def test_grub_chainloads_another_record(luvalley: Path, tmp_path: Path) -> None:
    """dom0's GRUB chainloads another boot record; it masks A20 first."""
    record = assemble_flat(GUESTS / "sectors/hello.asm", tmp_path / "record.bin")
    first, second, loader = tmp_path / "first.img", tmp_path / "second.img", tmp_path / "loader.iso"
    make_disk(first, Boot({}, write_chain_config(), ("biosdisk", "chain", "boot")))
    second.write_bytes(record + bytes(CYLINDER - len(record)))
    make_loader_cd(loader, luvalley)
    result = run_machine(Machine(tmp_path, disks=(first, second), cdrom=loader, boot="cdrom"), TIMEOUT)
    assert "boot record: drive 81" in result.serial, describe_end(result)
    assert "on a hypervisor" in result.serial, describe_end(result)
