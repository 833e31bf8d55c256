"""A second processor in the shape of SVM: the same choices compile for both, each with its fields and bitmaps."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from ctypes import CDLL, c_char_p, c_ubyte, c_uint8, c_uint16, c_uint32, c_uint64
from ctypes import Structure as CStructure
from functools import cache
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.compiler import compile_each
from codegen.diagnostics import SpecError, render_all
from codegen.emit import generate_all
from codegen.emit.files import publish
from codegen.language import syntax
from codegen.model.choices import Model
from codegen.source import SourceFile, load_file
from tests.compiler.test_processors import split_facts
from tests.lib.support import COMPILER, ROOT, parse_text

FOLDER = COMPILER / "svm"
FACTS = load_file(FOLDER / "facts.luv", "spec/facts/svm/facts.luv")
DOM0 = load_file(FOLDER / "dom0.luv", "spec/dom0.luv")
RANGES = {0x0: 0, 0xC0000000: 0x800, 0xC0010000: 0x1000}  # first MSR: byte. APM: 15.11
MSRS_IN_RANGE = 0x2000


@cache
def load_others() -> tuple[tuple[SourceFile, syntax.File], ...]:
    """Return the machine's facts and those of the small VMX, parsed."""
    more = load_file(FOLDER / "vmx.luv", "spec/facts/vmx/more.luv")
    sources = [*split_facts(("2 triple_fault", "2 triple_fault"))[:2], more]
    return tuple((one, parse_text(one)) for one in sources)


def compile_both(facts: str = FACTS.text, dom0: str = DOM0.text) -> dict[str, Model]:
    changed = [SourceFile(FACTS.path, facts), SourceFile(DOM0.path, dom0)]
    files = [*(file for _, file in load_others()), *map(parse_text, changed)]
    return compile_each(files, [*(source for source, _ in load_others()), *changed])


def change(source: SourceFile, old: str, new: str) -> str:
    assert source.text.count(old) == 1, old
    return source.text.replace(old, new)


def say(facts: str = FACTS.text, dom0: str = DOM0.text) -> str:
    with pytest.raises(SpecError) as caught:
        compile_both(facts, dom0)
    return render_all(caught.value)


# ---- what is generated

STUB = """
#pragma once
#include "generated/svm/fields.h"
#include "generated/x86/structs.h"
#include "runtime/dom0/cpuid.h"
struct cpu { int unused; };
static struct vmcb current;
static inline struct vmcb *vmcb(void) { return &current; }
struct memory_rule { u8 what, rights, region; u64 onto; };
struct switched_field { u32 msr; u16 field; };
struct control_choice {
    u16 field; u8 allowed1_only; u32 msr, true_msr; u64 on, prefer, switched, default1; const char *name;
};
"""
STUBS = ("svm/svm.h", "svm/nested_paging.h", "core/cpu.h", "dom0/cpuid.h")
OBJECTS = ("dom0_tables", "dom0_bitmaps", "names", "fields_init")


class Choice(CStructure):
    """A control word's choices, as the stub has them."""

    _fields_ = [("field", c_uint16), ("allowed1_only", c_uint8), ("msr", c_uint32), ("true_msr", c_uint32),
                ("on", c_uint64), ("prefer", c_uint64), ("switched", c_uint64), ("default1", c_uint64),
                ("name", c_char_p)]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with generated/, and stubs of the headers that a second runtime has."""
    root = tmp_path_factory.mktemp("two")
    publish(generate_all(compile_both()), root / "generated")
    for name in STUBS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(STUB if name == STUBS[0] else f'#include "{STUBS[0]}"\n')
    (root / "svm" / "state.h").write_text('#include "generated/svm/state.h"\n')
    return root


@pytest.fixture(scope="module")
def library(tree: Path) -> CDLL:
    """Return what the tables, bitmaps and names of the second processor are as gcc compiles them."""
    flags = ["-shared", "-fPIC", "-ffreestanding", "-Wall", "-Werror", f"-I{tree}", f"-I{ROOT}", f"-I{ROOT}/runtime"]
    sources = [str(tree / "generated" / "svm" / f"{name}.c") for name in OBJECTS]
    subprocess.run(["gcc", *flags, "-o", tree / "two.so", *sources], check=True)
    return CDLL(str(tree / "two.so"))


def read_array(library: CDLL, name: str, size: int) -> bytes:
    return bytes((c_ubyte * size).in_dll(library, name))


def test_both_have_the_same_files(tree: Path) -> None:
    names = {one: {path.name for path in (tree / "generated" / one).iterdir()} for one in ("svm", "vmx", "x86", "abi")}
    assert names["svm"] == names["vmx"]
    assert {"fields.h", "exits.asm", "dom0_handlers.c", "dom0_bitmaps.c", "requirements.32.c"} <= names["svm"]
    assert names["x86"] & names["svm"] == names["abi"] & names["svm"] == set()


def test_neither_names_the_other(tree: Path) -> None:
    for one, other in (("svm", "vmx"), ("vmx", "svm")):
        for path in (tree / "generated" / one).iterdir():
            assert not re.search(rf"generated/{other}/|\"{other}/", path.read_text()), path
    text = "".join(path.read_text() for path in (tree / "generated" / "svm").iterdir())
    assert not re.search(r"\bvmread\b|\bvmwrite\b|\bVMCS_|vmresume", text)


def test_every_byte_of_the_msr_bitmap(library: CDLL) -> None:
    """Two bits for each MSR: the rules of the domain as they stand in dom0.luv. APM: 15.11"""
    wanted = bytearray(0x2000)
    plain = {*range(0x174, 0x177), 0xC0000080}
    for first, byte in RANGES.items():
        for number in range(first, first + MSRS_IN_RANGE):
            traps = (number not in {*plain, 0x277}, number not in plain)
            for direction, bit in enumerate(traps):
                at = 2 * (number - first) + direction
                wanted[byte + at // 8] |= bit << at % 8
    assert read_array(library, "dom0_msr_bitmap", 0x2000) == bytes(wanted)


def test_every_byte_of_the_io_bitmap(library: CDLL) -> None:
    """12 KiB, of which the ports 70h and 71h have a bit. APM: 15.10"""
    wanted = bytearray(0x3000)
    wanted[0x70 // 8] = 0b11
    assert read_array(library, "dom0_io_bitmap", 0x3000) == bytes(wanted)


def test_every_byte_of_the_intercepts(library: CDLL) -> None:
    """The words go where the VMCB has them: what dom0 traps is set, what it leaves native is not. APM: B, 15.9"""
    choices = (Choice * 2).in_dll(library, "dom0_controls")
    page = bytearray(0x18)
    for one in choices:
        assert (one.msr, one.true_msr, one.prefer, one.switched) == (0, 0, 0, 0)
        page[one.field : one.field + 4] = one.on.to_bytes(4, "little")
    misc1, misc2 = 1 << 18 | 1 << 27 | 1 << 28 | 1 << 31, 0b1111 | 1 << 9
    assert bytes(page) == bytes(0x0C) + misc1.to_bytes(4, "little") + misc2.to_bytes(4, "little") + bytes(4)


def test_exits_beyond_a_byte_have_places(tree: Path, library: CDLL) -> None:
    """A range keeps its numbers, 400h and -1 come after the last one; so do their names and lengths."""
    header = (tree / "generated" / "svm" / "fields.h").read_text()
    places = {name: int(number, 16) for name, number in re.findall(r"#define EXIT_(\w+) (0x\w+)u", header)}
    assert (places["REASON_EXCEPTION"], places["REASON_CPUID"], places["REASON_VMSAVE"]) == (0x40, 0x72, 0x83)
    assert (places["REASON_NPF"], places["REASON_INVALID"], places["COUNT"]) == (0x84, 0x85, 0x86)
    names = [one.decode() if one else "" for one in (c_char_p * 0x86).in_dll(library, "exit_names")]
    assert names[0x40:0x60] == ["exception"] * 32 and names[0x84:] == ["npf", "invalid"] and names[0x62] == ""
    lengths = read_array(library, "exit_lengths", 0x86)
    assert {place: length for place, length in enumerate(lengths) if length} == {
        0x72: 2, 0x78: 1, 0x7B: 1, 0x7C: 2, 0x80: 3, 0x81: 3, 0x82: 3, 0x83: 3,
    }


def test_programs_know_the_exits_of_both(tree: Path) -> None:
    text = (tree / "generated" / "abi" / "luvalley_abi.h").read_text()
    found = re.findall(r"luv_(\w*)exit_names\[\][^{]*\{([^}]*)\}", text)
    names = {name: re.findall(r'"(\w*)"', some) for name, some in found}
    assert names["svm_"][0x84] == "npf" and names["vmx_"][48] == "ept_violation"


def test_the_page_has_every_field_in_its_place(tree: Path) -> None:
    """The header asserts each offset itself; here are some of the manual's. APM: B"""
    header = (tree / "generated" / "svm" / "fields.h").read_text()
    for name, offset in (("tlb_control", 0x5C), ("exit_code", 0x70), ("next_rip", 0xC8), ("rax", 0x5F8)):
        assert f"_Static_assert(__builtin_offsetof(struct vmcb, {name}) == {offset:#x}, \"\");" in header


def test_the_stub_assembles(tree: Path) -> None:
    """RAX is in the VMCB, so it is no saved register; codes that are no place are looked for one after another."""
    for processor in ("svm", "vmx"):
        source = tree / "generated" / processor / "exits.asm"
        subprocess.run(["nasm", "-f", "elf64", f"-I{tree}/", "-o", tree / f"{processor}.o", source], check=True)
    text = (tree / "generated" / "svm" / "exits.asm").read_text()
    assert "registers.rax" not in text and "sub ecx, 0x400" in text and "sub ecx, 0xffffffff" in text


def test_handlers_read_what_the_processor_says(tree: Path) -> None:
    """EXITINFO1 has the port and says which way an MSR is accessed; RAX is a field."""
    text = (tree / "generated" / "svm" / "dom0_handlers.c").read_text()
    assert "u16 port = extract(SVM_IO_PORT, vmcb()->exit_info_1);" in text
    assert "if (vmcb()->exit_info_1 & SVM_MSR_WRITE) {" in text
    assert "set_guest_rax(out.eax);" in text and "cpu->guest.rcx = out.ecx;" in text
    assert "cpu->guest.rax" not in text


def test_requirements_are_the_processor_s(tree: Path) -> None:
    texts = [(tree / "generated" / one / "requirements.32.c").read_text() for one in ("svm", "vmx")]
    assert '"svm"' in texts[0] and '"nrips"' in texts[0] and "REQUIRE_MSR" not in texts[0]
    assert "IA32_VMX_PROCBASED_CTLS" in texts[1] and "svm" not in texts[1].replace("spec", "")


# ---- what is refused


def test_coverage_is_demanded_on_each() -> None:
    traps = DOM0.text.replace("exceptions { default pass; }", "exceptions { default pass; ud trap; }")
    text = say(dom0=traps.replace("    on entry_failure {", "    on exception {"))
    assert "error[exit-unhandled]: on svm, in dom0, `entry_failure` can happen and nothing handles it" in text
    assert "1 error." in text
    text = say(dom0=change(DOM0, "    on hypercall { advance; }\n", ""))
    for one in ("svm", "vmx"):
        assert f"error[exit-unhandled]: on {one}, in dom0, `hypercall` can happen and nothing handles it" in text
    assert "2 errors." in text


def test_a_name_is_an_event_of_some_processor() -> None:
    compile_both(dom0=change(DOM0, "native halt,", "native halt, task_switch,"))
    text = say(dom0=change(DOM0, "native halt,", "native halt, smi,"))
    assert "error[unknown-name]: no event is named `smi`" in text and "on svm" not in text


def test_a_control_rests_on_a_feature() -> None:
    """Where the processor may lack it, a control that needs it is no `on`; required, it is."""
    text = say(dom0=change(DOM0, "svm; nrips;", "svm;"))
    assert "on svm, `misc2.next_rip_used` is on but CPUID feature nrips is not on every processor" in text
    compile_both(dom0=change(DOM0, "svm; nrips;", "svm;").replace("next_rip_used = on", "next_rip_used = prefer"))


def test_a_policy_without_its_intercept() -> None:
    text = say(dom0=change(DOM0, "trap cpuid, io,", "trap cpuid,"))
    assert "on svm, dom0 traps ports but `misc1.ioio` is off" in text
    assert "1 error." in text


def test_guarded_of_one_processor() -> None:
    text = say(dom0=change(DOM0, "class plain pass;", "class plain pass; default write pass;").replace(
        ", write inject gp;", ";"))
    assert "on svm," in text and "VM_HSAVE_PA" in text


BAD_FACTS = [
    ("0x05C tlb_control : u8", "0x05A tlb_control : u8", "byte 0x5a of the VMCB is taken"),
    ("0x5F8 rax : u64", "0xFFC rax : u64", "`rax` ends at 0x1004"),
    ("0x4CB guest_cpl : u8", "0x4CB guest_cpl : natural", "no type of a VMCB field is named `natural`"),
    ("0x72 cpuid", "0x71 cpuid", "exit reason 113 is taken"),
    ("-1 invalid", "-4 invalid", ""),
    ("next_rip : u64 needs cpuid.nrips", "next_rip : u64 needs cpuid.nrip", "no CPUID feature is named `nrip`"),
    ("0x1000 write 0xC0010000..0xC0011FFF every 2 from 1;", "0x1000 write 0xC0010000..0xC0011FFF every 2;",
     "byte 0x1000 of `msr` is taken"),
    ("0x1000 read 0xC0010000..0xC0011FFF every 2;", "0x0FFF read 0xC0010000..0xC0011FFF every 2;", "is taken"),
    ("every 2;\n    0x1000 write", "every 3;\n    0x1000 write", "bits that are 3 apart"),
    ("with misc1.ioio", "with misc1.iioo", "no control is named `iioo`"),
    ("length next_rip or 2\n", "length nextrip or 2\n", "no field is named `nextrip`"),
    ("/// SVM. APM: 15.2", "/// SVM. APM: 16.2", "no section APM 16.2"),
    ("/// SVM. APM: 15.2", "/// SVM. SDM: 15.2", "no section 15.2"),
]  # fmt: skip


@pytest.mark.parametrize("old, new, message", BAD_FACTS)
def test_facts_are_checked(old: str, new: str, message: str) -> None:
    text = change(FACTS, old, new)
    if message:
        assert message in say(facts=text)
    else:
        assert compile_both(facts=text)["svm"].facts.exits["invalid"].number == -4


# ---- commands


@pytest.fixture(scope="module")
def spec_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree with a spec for both."""
    root = tmp_path_factory.mktemp("tree")
    for source in (*(source for source, _ in load_others()), FACTS, DOM0):
        path = root / source.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source.text)
    return root


def ask(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Return status and output of a command in a tree."""
    status = main(["--root", str(root), *words])
    found = capsys.readouterr()
    return status, found.out + found.err


def test_gen_writes_both(spec_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = ask(spec_tree, capsys, "gen")
    assert status == 0 and "svm/fields.h" in text and "vmx/fields.h" in text
    assert ask(spec_tree, capsys, "check") == (0, "generated/: up to date\n")


def test_audit_of_both_and_of_one(spec_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has its exits: a range is one row, and codes beyond a byte and below 0 come last."""
    status, text = ask(spec_tree, capsys, "audit")
    assert text.startswith("on svm:\n\ndom0: ") and "\n\non vmx:\n\ndom0: " in text
    one = ask(spec_tree, capsys, "audit", "--processor", "svm")[1]
    assert "on vmx" not in one and re.search(r"^ 64 exception +impossible", one, re.MULTILINE)
    assert re.search(r"^1024 npf +handled .*\n(?: +.*\n)*^ -1 invalid +handled", one, re.MULTILINE)
    data = json.loads(ask(spec_tree, capsys, "audit", "--json")[1].partition("\nerror")[0])
    assert list(data) == ["svm", "vmx"] and data["svm"]["domains"][0]["exits"][-1]["name"] == "invalid"
    assert status == 1 and "error[hole]: on svm, dom0: exit 0" in text, "the small facts lack most numbers"


def test_explain_where_it_is(spec_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = ask(spec_tree, capsys, "explain", "exit", "cpuid")
    assert status == 0 and "on svm: exit 114: cpuid, when misc1.cpuid" in text and "on vmx: exit 10: cpuid" in text
    status, text = ask(spec_tree, capsys, "explain", "exit", "npf")
    assert status == 0 and text.startswith("on svm: exit 1024: npf") and "on vmx" not in text
    assert ask(spec_tree, capsys, "explain", "exit", "npf", "--processor", "vmx")[0] == 2
    status, text = ask(spec_tree, capsys, "explain", "exit", "npf", "--processor", "amd")
    assert (status, text) == (2, "build.py: `amd` is no processor of spec; it has svm, vmx\n")


def test_diff_says_where(spec_tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(spec_tree / "spec", tmp_path / "spec")
    dom0 = tmp_path / "spec" / "dom0.luv"
    dom0.write_text(dom0.read_text().replace(" set misc2 { next_rip_used = on; }", ""))
    words = ("diff", str(spec_tree), str(tmp_path))
    text = ask(spec_tree, capsys, *words)[1]
    assert "control misc2.next_rip_used: on -> off (on svm)" in text
    assert ask(spec_tree, capsys, *words, "--processor", "vmx")[1] == "No domain gains or loses anything.\n"
