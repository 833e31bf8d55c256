"""Only runtime/vmx names VMX, so that the rest of the runtime can be compiled for another processor."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lib.support import ROOT

RUNTIME = ROOT / "runtime"
# The 32-bit start asks the processor for what the spec requires, by a table that the compiler makes.
ALLOWED = ("vmx", "boot/multiboot")
WORDS = re.compile(
    r"\bVMCS_\w+|\bvmread\w*|\bvmwrite\w*|\bvmclear\b|\bvmptrld\b|\bEXIT_REASON_\w+|\bEXIT_QUALIFICATION\w*|\w+_QUALIFICATION_\w+"
    r"|\b(?:PIN|PRIMARY|SECONDARY|TERTIARY|ENTRY|EXIT)_(?:[A-Z0-9]+_)*(?:EXITING|ENABLE\w*|NMIS|TIMER|GUEST|BITMAPS|SHADOW)\b"
    r"|\w*INTERRUPTION_INFO\w*|\bIDT_VECTORING\w*|\bIA32_VMX_\w+|\bEPT_\w+"
)
HEADERS = re.compile(r'#include "generated/(?:vmx/)?(?:vmcs|controls|checks|names)\.h"')


def list_sources() -> list[Path]:
    """Return the handwritten files outside the rooms of one processor."""
    files = [path for path in RUNTIME.rglob("*") if path.suffix in (".c", ".h", ".asm", ".inc")]
    names = {path: path.relative_to(RUNTIME).as_posix() for path in files}
    return sorted(path for path, name in names.items() if not name.startswith(tuple(f"{one}/" for one in ALLOWED)))


def find_words(text: str) -> list[str]:
    """Return the names of VMX in a text."""
    return [*WORDS.findall(text), *HEADERS.findall(text)]


def test_only_vmx_names_vmx() -> None:
    found = {path.relative_to(ROOT).as_posix(): find_words(path.read_text()) for path in list_sources()}
    assert {name: words for name, words in found.items() if words} == {}


def test_words_are_found() -> None:
    """The pattern finds each kind of name."""
    for text in ("vmread(VMCS_GUEST_RIP)", "EXIT_REASON_CPUID", "PRIMARY_NMI_WINDOW_EXITING", "PIN_VIRTUAL_NMIS",
                 "SECONDARY_ENABLE_VPID", '#include "generated/vmx/vmcs.h"', "IO_QUALIFICATION_INPUT", "IA32_VMX_MISC"):
        assert find_words(text), text
    assert len(list_sources()) > 40
