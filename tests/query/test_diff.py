"""`diff`: gains and losses of domains between two specs, independent of the text."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.query.diff import compare, write_changes
from codegen.query.reading import Reading
from tests.lib.support import ROOT
from tests.query.trees import share_syntax, write_spec

DOM0 = "spec/dom0.luv"
Edit = Callable[..., Reading]
Capture = pytest.CaptureFixture[str]
UPDATE = "        IA32_FEATURE_CONTROL read"
GATE = "        /// The fast A20 gate"
HALT = (
    ("native halt, ", "native "),
    ("set primary { ", "set primary { hlt_exiting = on; "),
    ("on getsec", "on halt { advance; }\n    on getsec"),
)


def differ(small: Reading, edited: Edit, *edits: tuple[str, str]) -> set[tuple[str, str]]:
    """Return the changes by an edit of dom0; reverting it must give the opposite changes."""
    other = edited(*((DOM0, old, new) for old, new in edits))
    assert other.error is None
    there, back = compare(small.model, other.model), compare(other.model, small.model)
    opposite = {"gain": "loss", "loss": "gain", "change": "change"}
    assert sorted(one.kind for one in there) == sorted(opposite[one.kind] for one in back)
    return {(one.kind, one.text) for one in there}


def test_nothing(small: Reading) -> None:
    assert compare(small.model, small.model) == []
    assert write_changes([]) == "No domain gains or loses anything."


def test_layout_and_comments_are_no_difference(small: Reading, edited: Edit) -> None:
    edit = "on cpuid(e) budget 60 {\n        let out", "// a comment\n    on cpuid(e) budget 61 {\n\n        let  out"
    assert differ(small, edited, edit) == set()


def test_msrs(small: Reading, edited: Edit) -> None:
    found = differ(
        small, edited, (UPDATE, "        IA32_BIOS_UPDT_TRIG read inject gp, write do { advance; };\n" + UPDATE),
        ("default read try", "default read inject gp"),
    )
    assert ("gain", "may now write MSR 0x79 (IA32_BIOS_UPDT_TRIG): inject gp -> do { advance }") in found
    assert ("loss", "may no longer read MSR 0x79 (IA32_BIOS_UPDT_TRIG): try -> inject gp") in found
    assert any(kind == "loss" and text.startswith("may no longer read MSR 0x") and ".." in text for kind, text in found)


def test_ports(small: Reading, edited: Edit) -> None:
    rule = "        reset_control read do { advance; }, write do { advance; };\n"
    found = differ(small, edited, (GATE, rule + GATE))
    assert ("loss", "may read port 0xcf9 (reset_control) less freely: pass -> do { advance }") in found
    assert len(found) == 2


def test_cpuid(small: Reading, edited: Edit) -> None:
    assert differ(small, edited, ("hide vmx, smx;", "hide vmx, smx, invpcid;")) == {
        ("loss", "no longer sees CPUID feature invpcid (0x7.0.ebx.10)")
    }


def test_exits_and_controls(small: Reading, edited: Edit) -> None:
    found = differ(small, edited, *HALT)
    assert ("loss", "control primary.hlt_exiting: off -> on") in found
    wanted = "exit hlt: native -> trapped, handled by on halt at spec/dom0.luv:"
    assert any(text.startswith(wanted) for _, text in found)


def test_handlers(small: Reading, edited: Edit) -> None:
    found = differ(small, edited, ("on getsec { inject ud; }", "on getsec { advance; }"))
    assert found == {("gain", "exit getsec: outcomes inject ud -> advance")}
    found = differ(small, edited, ("        guest.rcx = out.ecx;\n", ""))
    assert found == {("change", "on cpuid: different body, same outcomes: advance")}


def test_owned_bits_and_memory(small: Reading, edited: Edit) -> None:
    found = differ(small, edited, ("own cr4 { vmxe; }", "own cr4 { vmxe; smxe; }"))
    assert found == {("loss", "no longer owns CR4.smxe")}
    found = differ(small, edited, ("        watch local_apic;\n", ""))
    assert found == {("gain", "memory local_apic: watch rx -> no rule")}


def test_hypercalls(small: Reading, edited: Edit) -> None:
    other = edited(("spec/interface.luv", "hypercall 2 log_read", "hypercall 9 log_read"))
    assert [(one.kind, one.text) for one in compare(small.model, other.model)] == [
        ("loss", "hypercall 2 log_read(offset : u64) -> u64 is gone"),
        ("gain", "hypercall 9 log_read(offset : u64) -> u64 is new"),
    ]


def write_edited(folder: Path, *edits: tuple[str, str]) -> Path:
    write_spec(folder)
    path = folder / "dom0.luv"
    text = path.read_text()
    for old, new in edits:
        text = text.replace(old, new)
    path.write_text(text)
    return folder


def test_the_command(tmp_path: Path, capsys: Capture) -> None:
    less = write_edited(tmp_path / "less", ("hide vmx, smx;", "hide vmx, smx, invpcid;"))
    spec = str(write_spec(tmp_path / "spec"))
    assert main(["diff", spec, str(less), "--fail-on-gain"]) == 0
    assert "Losses (1):\n  dom0 no longer sees CPUID feature invpcid" in capsys.readouterr().out
    assert main(["diff", str(less), spec]) == 0
    assert main(["diff", str(less), spec, "--fail-on-gain"]) == 1
    capsys.readouterr()
    assert main(["diff", str(less), spec, "--json"]) == 0
    text = "now sees CPUID feature invpcid (0x7.0.ebx.10)"
    change = {"kind": "gain", "topic": "cpuid", "domain": "dom0", "text": text}
    assert json.loads(capsys.readouterr().out)["changes"] == [change]


def test_a_revision(tmp_path: Path, capsys: Capture) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    write_spec(tmp_path / "spec")
    share_syntax(tmp_path)
    git("init", "-q")
    git("add", "spec")
    git("-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "a spec")
    path = tmp_path / "spec" / "dom0.luv"
    path.write_text(path.read_text().replace("own cr4 { vmxe; }", "own cr4 { vmxe; smxe; }"))
    assert main(["--root", str(tmp_path), "diff", "HEAD", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Losses (1):\n  dom0 no longer owns CR4.smxe\n"


@pytest.mark.parametrize("old", ["nonsense", "--", "HEAD:spec", "tests/machine"])
def test_no_such_spec(old: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if old == "--":
        with pytest.raises(SystemExit, match="2"):
            main(["diff", old])
        return
    assert main(["diff", old, "spec"]) == 2
    assert f"`{old}` is " in capsys.readouterr().err


def test_a_spec_with_errors(tmp_path: Path, capsys: Capture) -> None:
    broken = write_edited(tmp_path / "broken", ("inject ud;", "inject uud;"))
    assert main(["diff", str(write_spec(tmp_path / "spec")), str(broken)]) == 1
    assert f"{broken}: the spec there has errors:" in capsys.readouterr().err
