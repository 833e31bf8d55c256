"""`explain`: fact, choice, code and tests of everything that has a name."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.emit import generate
from codegen.language.expressions import say_expression
from codegen.query.explain import KINDS, explain
from codegen.query.explain_context import WIDTH, Context
from codegen.query.reading import Reading
from codegen.resolve.lift import lift_condition
from tests.lib.support import ROOT
from tests.query.trees import share_syntax, write_spec

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(("words", "expected"), [
    ("msr 0x1a0", ["IA32_MISC_ENABLE", "SDM 2.1: Architectural MSRs", "dom0 read: try", "case IA32_MISC_ENABLE"]),
    ("msr ia32_efer", ["msr 0xc0000080: IA32_EFER", "dom0 switches it, by VMCS fields", "dom0: no VM exit"]),
    ("msr 0x12345678", ["no fact names it", "dom0 write: the default: try", "every access causes a VM exit"]),
    ("exit 48", ["exit 48: ept_violation", "dom0: handled", "handle_nested_page_fault(cpu", "EPT_VIOLATION, ept_viol"]),
    ("exit hlt", ["exit 12: hlt, when primary.hlt_exiting", "dom0: refused", "`halt` is native (spec/dom0.luv:"]),
    ("exit 35", ["reserved by the manual"]),
    ("dom0 exit cpuid", ["exit 10: cpuid, unconditional", "void dom0_exit_cpuid(struct cpu *cpu)"]),
    ("event cpuid", ["event cpuid: leaf : u32, subleaf : u32", "on cpuid(e) budget 60 {", "dom0_exit_cpuid("]),
    ("cpuid 7.0.ebx.10", ["cpuid 7.0.ebx.10: invpcid", "needs secondary.enable_invpcid", "&= ~0x400u;"]),
    ("cpuid invpcid", ["cpuid 7.0.ebx.10: invpcid"]),
    ("cpuid 7", ["dom0 does not see", "sgx"]),
    ("cpuid 0x40000000", ["a leaf that the hypervisor defines"]),
    ("control unrestricted_guest", ["bit 7 of secondary_controls", "dom0: on (spec/dom0.luv:", "_UNRESTRICTED"]),
    ("control primary.hlt_exiting", ["affects exit hlt", "dom0: off (by `native halt`, spec/dom0.luv:"]),
    ("vmcs 0x681e", ["guest_rip", "handlers access it as guest.rip", "#define VMCS_GUEST_RIP"]),
    ("vmcs cr0", ["guest_cr0"]),
    ("hypercall exit_count", ["hypercall 1: exit_count(", "outcomes: return", "errors: EINVAL"]),
    ("port 0x92", ["system_control_a", "dom0: VM exit in both directions"]),
    ("error exit-unhandled", ["codegen/errors.py:", "tests/compiler/reject/exit-unhandled"]),
])  # fmt: skip
def test_explanation(small: Reading, words: str, expected: list[str]) -> None:
    text = explain(words.split(), Context(small, ROOT))
    for part in expected:
        assert part in text
    assert max(map(len, text.split("\n"))) <= WIDTH
    assert len(text.split("\n")) <= 72


@pytest.mark.parametrize(("words", "expected"), [
    ("", "usage: explain [DOMAIN] KIND NAME"),
    ("mrs 0x1a0", "`mrs` is no kind of thing that can be explained; did you mean `msr`?"),
    ("msr", "explain msr takes one name or number, not 0"),
    ("msr IA32_EFR", "`IA32_EFR` is no MSR; did you mean `IA32_EFER`?"),
    ("msr 0x100000000", "`0x100000000` is no MSR number of 32 bits"),
    ("exit 99", "`99` is no exit reason between 0 and 79"),
    ("exit cpuidd", "did you mean `cpuid`?"),
    ("cpuid invpcd", "did you mean `invpcid`?"),
    ("control unrestricted", "did you mean `unrestricted_guest`?"),
    ("hypercall 77", "`77` is no hypercall number"),
    ("hypercall exit_cout", "did you mean `exit_count`?"),
    ("vmcs 0x1", "`0x0001` is no VMCS field"),
    ("port 0x10000", "`0x10000` is no port number of 16 bits"),
    ("error exit-unhandeld", "did you mean `exit-unhandled`?"),
    ("event cpid", "did you mean `cpuid`?"),
])  # fmt: skip
def test_unknown_names(words: str, expected: str, capsys: Capture) -> None:
    assert main(["explain", *words.split()]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert expected in said.err


def test_a_condition_says_always_only_alone(small: Reading) -> None:
    facts = small.model.facts
    conditions = [one.condition for one in facts.exits.values()] + [one.needs for one in facts.features.values()]
    texts = {say_expression(lift_condition(one)) for one in [*conditions, *facts.control_needs.values()]}
    assert not [text for text in texts if text != "always" and "always" in text]


def test_everything_that_has_a_name_is_explained(small: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Context, "find_tests", lambda self, *patterns: [])
    context, facts = Context(small, ROOT), small.model.facts
    names: dict[str, Iterable[str]] = {
        "msr": facts.msrs, "exit": facts.exits, "event": facts.events, "cpuid": facts.features, "vmcs": facts.vmcs,
        "control": facts.controls, "port": facts.ports, "hypercall": small.model.hypercalls,
    }  # fmt: skip
    for kind, things in names.items():
        for name in list(things)[::7]:
            page = KINDS[kind](name, context)
            assert page.fact and page.choice, f"{kind} {name}"


def test_a_spec_with_errors_still_answers(tmp_path: Path, capsys: Capture) -> None:
    write_spec(tmp_path / "spec")
    share_syntax(tmp_path)
    path = tmp_path / "spec" / "dom0.luv"
    path.write_text(path.read_text().replace("on getsec { inject ud; }", "on getsec { inject uud; }"))
    assert main(["--root", str(tmp_path), "explain", "msr", "IA32_EFER"]) == 1
    said = capsys.readouterr()
    assert "msr 0xc0000080: IA32_EFER" in said.out
    assert "error[unknown-name]" in said.err


def find_line(small: Reading, path: str, text: str) -> int:
    """Return the number of the one line with a text."""
    lines = next(one.lines for one in small.sources if one.path == path)
    (number,) = [number for number, line in enumerate(lines, 1) if text in line]
    return number


@pytest.mark.parametrize(("feature", "rule"), [
    ("smx", "hide vmx, smx;"), ("pconfig", "intel_pt, pconfig,"), ("hypervisor", "show hyper"), ("avx", "pass known"),
])  # fmt: skip
def test_a_feature_points_at_the_rule_that_decides_about_it(small: Reading, feature: str, rule: str) -> None:
    text = explain(["cpuid", feature], Context(small, ROOT))
    assert f"(spec/dom0.luv:{find_line(small, 'spec/dom0.luv', rule)})" in text


def test_a_volume_is_no_chapter(small: Reading) -> None:
    """`SDM: 2 (Volume 4), 2.1` cites two sections."""
    text = explain(["msr", "IA32_STAR"], Context(small, ROOT))
    cited = re.findall(r"SDM ([0-9.]+): ", text)
    assert cited == ["2", "2.1"]


def test_the_code_is_that_of_the_spec(small: Reading, edited: Callable[..., Reading], tmp_path: Path) -> None:
    """It is what the compiler makes of the spec as it is now, whatever is left in generated/ from before."""
    folder = tmp_path / "generated" / "vmx"
    folder.mkdir(parents=True)
    old = next(one.text for one in generate(small.model) if one.name == "vmx/dom0_handlers.c")
    (folder / "dom0_handlers.c").write_text(old)
    now = edited(("spec/dom0.luv", "on getsec { inject ud; }", "on getsec { resume; }"))
    text = explain(["exit", "getsec"], Context(now, tmp_path))
    assert "guest_resume(cpu);" in text
    assert "guest_inject(cpu, VECTOR_UD);" not in text


# ---- how long the commands take


# Calls of functions, those of C too: the same on every machine, however busy. Half a second is about so many.
MAX_CALLS = 1_500_000
COUNT = """
import cProfile, pstats, sys
from codegen.cli import main
profile = cProfile.Profile()
profile.runcall(main, sys.argv[1:])
print(pstats.Stats(profile).total_calls, file=sys.stderr)
"""


@pytest.mark.parametrize("words", ["audit", "explain exit 48", "explain cpuid 7", "diff spec spec"])
def test_commands_are_fast(words: str) -> None:
    """With what earlier commands have left in build/, as always but after a change."""
    command = [sys.executable, "-c", COUNT, *words.split()]
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert int(done.stderr) < MAX_CALLS
