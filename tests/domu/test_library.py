"""libluvkvm with its KVM backend, without KVM's irqchip, in a virtual machine: SeaBIOS and Linux boot to user space."""

from __future__ import annotations

import re

import pytest

from tests.domu.nested import run_nested

pytestmark = pytest.mark.boot

CASES = {
    "one-cpu": "sh /guest/linux.sh 1",
    "two-cpus": "sh /guest/linux.sh 2",
    "one-cpu-xapic-verified": "LUVKVM_VERIFY=1 QEMU_MORE='-cpu qemu64,-x2apic -vga std' sh /guest/linux.sh 1",
    "q35": "QEMU_MORE='-machine q35' sh /guest/linux.sh 1",
    "no-split": "! timeout 20 luv run -- qemu-system-x86_64 -accel kvm,kernel-irqchip=on -display none 2>/tmp/log",
    "status": "luv run -- sh -c 'exit 7'; [ $? = 7 ]",
}
SECONDS = 800  # of processor time


@pytest.fixture(scope="module")
def results() -> dict[str, int]:
    """Run every case in one machine; return their statuses by name."""
    lines = [f"({command}); echo \"@case {name} $?\"" for name, command in CASES.items()]
    result = run_nested("\n".join(["export LUVKVM_BACKEND=kvm LIMIT=1500", *lines]), SECONDS)
    print(result.console)
    return {name: int(status) for name, status in re.findall(r"^@case (\S+) (\d+)", result.console, re.MULTILINE)}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, results: dict[str, int]) -> None:
    assert results.get(name) == 0
