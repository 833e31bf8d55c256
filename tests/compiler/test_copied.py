"""No fact is typed a second time: handwritten code takes the numbers of declared facts from generated headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen.emit.headers import Constant, control_groups, exit_group, field_groups, x86_groups
from tests.lib.abi import MODEL
from tests.lib.support import ROOT

FOLDERS = ("runtime", "dom0", "bench", "tests/guests", "tests/userspace", "tests/host", "tests/domu")
NUMBER = r"\(?(0[xX][0-9A-Fa-f]+|\d+)[uUlL]*(?:\s*<<\s*(\d+))?\)?[uUlL]*"
END = r"(?=\s*(?:$|[,;}]|/\*|//))"
DEFINITIONS = (
    re.compile(rf"^\s*[#%]define\s+([A-Z]\w*)\s+{NUMBER}{END}", re.MULTILINE),
    re.compile(rf"(?<=[{{,\n])\s*([A-Z]\w*)\s*=\s*{NUMBER}\s*(?=[,}}\n])"),
    re.compile(rf"^([A-Z]\w*):?\s+equ\s+{NUMBER}{END}", re.MULTILINE),
)
# A name with one of these words is that kind of number, whatever else it says.
KINDS = {"MSR": "MSRs", "IA32": "MSRs", "VECTOR": "Vectors", "REASON": "Basic exit reasons"}
# Last words of a constant that do not say what it is.
PLAIN = {"SHIFT", "MASK", "TYPE", "COUNT", "SIZE", "CODE", "DATA"}
# Numbers of another thing that is called the same.
OTHERS = {"WINDOW_PAGES", "VECTOR_WORDS", "MSR_LOW", "MSR_BITMAP_READS_HIGH", "NO_OF", "ONLY_ZF"}


def list_groups() -> dict[str, tuple[Constant, ...]]:
    """Return every constant that a fact makes, those that nothing names too."""
    facts = MODEL.facts
    groups = [*field_groups(facts), exit_group(facts), *control_groups(facts), *x86_groups(MODEL)]
    return {one.title: one.constants for one in groups}


GROUPS = list_groups()
CONSTANTS = {one.name: one.value for some in GROUPS.values() for one in some}
BY_VALUE: dict[int, set[str]] = {}
for _name, _value in CONSTANTS.items():
    BY_VALUE.setdefault(_value, set()).add(_name)


def find_definitions(text: str) -> Iterator[tuple[str, int]]:
    """Yield names of a text that are defined as a number."""
    for pattern in DEFINITIONS:
        for name, number, shift in pattern.findall(text):
            yield name, int(number, 0) << int(shift or 0)


def find_original(name: str, value: int) -> str:
    """Return the constant that a definition copies: of its name, or of its value and the word that says what it is."""
    if name in CONSTANTS:
        return name
    words = set(name.split("_"))
    for word, kind in KINDS.items():
        if word in words and value in {one.value for one in GROUPS[kind]}:
            return next(one.name for one in GROUPS[kind] if one.value == value)
    return next((one for one in sorted(BY_VALUE.get(value, ())) if one.rpartition("_")[2] in words - PLAIN), "")


def find_copies(text: str) -> dict[str, str]:
    """Return the names that a text defines although a fact has them, each with the constant that it copies."""
    found = {name: find_original(name, value) for name, value in find_definitions(text)}
    return {name: original for name, original in found.items() if original and name not in OTHERS}


def list_files() -> list[Path]:
    """Return handwritten C and assembly."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return sorted(path for path in files if path.suffix in (".c", ".h", ".S", ".asm", ".inc"))


def test_no_fact_is_typed_a_second_time() -> None:
    found = {path.relative_to(ROOT).as_posix(): find_copies(path.read_text(encoding="utf-8")) for path in list_files()}
    assert {name: copies for name, copies in found.items() if copies} == {}
    assert len(found) > 200


@pytest.mark.parametrize("planted", [
    "#define MSR_TSC 0x10u", "#define IA32_EFER 0xC0000080", "#define HYPERVISOR_BIT (1u << 31)", "#define TF 0x100ull",
    "enum { CR0_PE = 1, CR0_PG = 1u << 31 };", "enum {\n    APIC_SPIV = 0xF0,\n    APIC_TPR = 0x80,\n};",
    "EFER_LME equ 0x100", "%define CR4_PAE 0x20", "VECTOR_UD equ 6", "#define REASON_CPUID 10",
    "#define EVENT_VALID 0x80000000u",
])  # fmt: skip
def test_a_planted_copy_is_found(planted: str) -> None:
    assert find_copies(f"/* a file */\n{planted}\n"), planted
