"""Dependencies in the runtime: only runtime/vmx names VMX, the rest is for any processor; runtime/domu is layered."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.lib.support import ROOT

RUNTIME = ROOT / "runtime"
LAYERS = ("pool", "walk", "tables", "memory", "vcpus", "domain")  # from the bottom up
# The 32-bit start reads the capability MSRs for what the spec requires, by a generated table.
ALLOWED = ("vmx", "boot/multiboot")
WORDS = re.compile(
    r"\bVMCS_\w+|\bvmread\w*|\bvmwrite\w*|\bvmclear\b|\bvmptrld\b|\bEXIT_REASON_\w+|\bEXIT_QUALIFICATION\w*|\w+_QUALIFICATION_\w+"
    r"|\b(?:PIN|PRIMARY|SECONDARY|TERTIARY|ENTRY|EXIT)_(?:[A-Z0-9]+_)*(?:EXITING|ENABLE\w*|NMIS|TIMER|GUEST|BITMAPS|SHADOW)\b"
    r"|\w*INTERRUPTION_INFO\w*|\bIDT_VECTORING\w*|\bIA32_VMX_\w+|\bEPT_\w+|\bINTERRUPTIBILITY_\w+|\bPENDING_DEBUG_\w+"
)
HEADERS = re.compile(r'#include "generated/(?:vmx/)?(?:fields|controls|checks|names)\.h"')


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
                 "SECONDARY_ENABLE_VPID", '#include "generated/vmx/fields.h"', "IO_QUALIFICATION_INPUT",
                 "IA32_VMX_MISC"):
        assert find_words(text), text
    assert len(list_sources()) > 40


# ---- domains in layers


def list_symbols(path: Path, *options: str) -> set[str]:
    """Return symbols of an object file."""
    done = subprocess.run(["nm", "--format=just-symbols", *options, path], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def compile_module(name: str, folder: Path) -> Path:
    """Compile a module of runtime/domu; return the object file."""
    path = folder / f"{name}.o"
    flags = ["-std=gnu11", "-O2", "-ffreestanding", "-mcmodel=kernel", "-mgeneral-regs-only", "-fno-pic"]
    command = ["gcc", *flags, "-I", ROOT, "-I", RUNTIME, "-c", RUNTIME / "domu" / f"{name}.c", "-o", path]
    subprocess.run(list(map(str, command)), check=True)
    return path


def test_domains_are_built_in_layers(tmp_path: Path) -> None:
    """No module of runtime/domu calls one in a higher layer, so there is no cycle."""
    above = set[str]()
    for name in reversed(LAYERS):
        path = compile_module(name, tmp_path)
        assert list_symbols(path, "--undefined-only") & above == set(), name
        above |= list_symbols(path, "--defined-only", "--extern-only")
