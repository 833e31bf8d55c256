"""The guests under the build that counts branches: each run is recorded, and `audit` shows the record.

Other tests run them under the ordinary image, for their checks and figures.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.query.audit import Audit, count_taken, make_audit, write_audit
from codegen.query.branches import Branch
from codegen.query.reading import Reading
from machine.paths import INSTRUMENTED
from machine.record import Recorder
from tests.boots.kit import build_guest, run_guest

pytestmark = pytest.mark.boot
REASON_CPUID = 10

# Beginnings of branches' names, as `name_branch` has them: each branch that begins so must have been taken.
CPU = (
    "dom0 exit nmi_window", "dom0 on cpuid", "dom0 on xsetbv", "dom0 on invd", "dom0 on virtualization_instruction",
    "dom0 on hypercall", "dom0 on cr_access: if e.number != 0", "dom0 on cr_access: if value[32..63] != 0",
    "dom0 on cr_access: if (paging and not value.pe)",
    "dom0 on cr_access: if paging and not paged", "dom0 on cr_access: if paged and not paging",
    "dom0 on cr_access: if cr4.cet and not value.wp, else", "dom0 on nested_page_fault",
    "dom0 on exception: if step_finish(), then", "dom0 msr read", "dom0 msr write default",
    "dom0 msr write IA32_APIC_BASE", "dom0 msr write IA32_FEATURE_CONTROL",
    "dom0 msr write IA32_MISC_ENABLE: if guest_wrmsr_try(e.msr, e.value & ~MISC_ENABLE_NO_EXECUTE_OFF), else",
    "dom0 msr write IA32_MTRRCAP", "dom0 msr write IA32_VMX_BASIC", "dom0 msr write IA32_XSS",
    "dom0 io read keyboard", "dom0 io write keyboard", "dom0 io read system", "dom0 io write system",
    "hypercall info", "hypercall exit_count", "hypercall log_read",
)
SMP = (
    "dom0 exit exception_or_nmi", "dom0 on nmi", "dom0 on nested_page_fault",
    "dom0 on exception: if step_finish(), then", "dom0 msr write IA32_X2APIC_ICR",
)


def name_branch(branch: Branch, spec: Reading) -> str:
    """Return the branch's key, with the condition of an `if` instead of its place."""
    line = next(one for one in spec.sources if one.path == branch.span.path).text.splitlines()[branch.span.line - 1]
    condition = line[branch.span.column - 1:].partition(" {")[0]
    return re.sub(r"if at \d+:\d+", lambda _: condition, branch.key)


def list_untaken(page: Audit, spec: Reading, beginnings: tuple[str, ...]) -> list[str]:
    """Return the required branches that were not taken, and required names that no branch has."""
    names = {name_branch(branch, spec): count_taken(branch, page.records) for branch in page.branches}
    unknown = [one for one in beginnings if not any(name.startswith(one) for name in names)]
    return unknown + [name for name, counts in names.items() if name.startswith(beginnings) and not counts]


@pytest.mark.parametrize(("guest", "cpus", "options", "branches"), [
    pytest.param("cpu", 1, "", CPU, id="cpu"), pytest.param("smp", 2, "apic=watch", SMP, id="smp")])
def test_record_of_guest(guest: str, cpus: int, options: str, branches: tuple[str, ...], recorder: Recorder,
                         built_spec: Reading, tmp_path: Path) -> None:
    image = build_guest(guest, tmp_path, generated=INSTRUMENTED / "generated")
    run_guest(image, tmp_path / "machine", cpus=cpus, options=options, recorder=recorder)
    page = make_audit(built_spec, [recorder.path])
    assert list_untaken(page, built_spec, branches) == []
    assert len(page.records[0].exits["dom0"][REASON_CPUID]) == cpus
    text = write_audit(page)
    assert f"[1] {recorder.by} ({recorder.path})" in text
    assert "Branches never taken:" in text


def test_an_ordinary_guest_counts_nothing(guest_image: Callable[[str], Path]) -> None:
    """A guest that is built with the ordinary header prints no counts, since it has no hypercall for them."""
    assert all(b"@luv" not in guest_image(name).read_bytes() for name in ("cpu", "smp"))
