"""`build.py gen` and `check` on a copy of the tree: which files they write, and which not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.compiler import compile_tree
from codegen.emit import files as output
from codegen.emit.files import Output, publish
from codegen.faults import explain_tools
from codegen.image.tree import Tree
from codegen.image.verify import verify_image
from tests.lib.recipes import copy_spec
from tests.lib.support import ROOT

DIGEST = """
import hashlib, pathlib
from codegen.compiler import compile_tree
_, outputs = compile_tree(pathlib.Path("spec"))
print(hashlib.sha256(repr(outputs).encode()).hexdigest())
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy the spec and generated/."""
    for name in ("spec", "generated"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "build").mkdir()
    return tmp_path


def read_tree(folder: Path) -> dict[str, tuple[str, int]]:
    """Return each file's text and time of change."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): (path.read_text(), path.stat().st_mtime_ns) for path in files}


def run(tree: Path, command: str) -> int:
    return main(["--root", str(tree), command])


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_gen_writes_what_is_missing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "generated" / "vmx" / "fields.h").unlink()
    (tree / "generated" / "left_over.h").write_text("of an older compiler\n")
    assert run(tree, "check") == 1
    assert "error[stale]: generated/ is not what spec/ says: left_over.h, vmx/fields.h" in capsys.readouterr().err
    assert run(tree, "gen") == 0
    assert "left_over.h, vmx/fields.h changed" in capsys.readouterr().out
    assert run(tree, "check") == 0


def test_gen_touches_only_what_changed(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_tree(tree / "generated")
    assert run(tree, "gen") == 0
    assert "nothing changed" in capsys.readouterr().out
    assert read_tree(tree / "generated") == before


def test_an_error_writes_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_tree(tree / "generated")
    edit(tree / "spec" / "dom0.luv", "on getsec { inject ud; }", "")
    assert run(tree, "gen") == 1
    said = capsys.readouterr()
    assert "error[exit-unhandled]: in dom0, `getsec` can happen and nothing handles it" in said.err
    assert said.err.endswith("1 error. Nothing was written.\n") and not said.out
    assert read_tree(tree / "generated") == before


def test_the_table_of_options_is_the_specs(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "docs", tree / "docs")
    assert run(tree, "check") == 0
    edit(tree / "docs" / "command-line.md", "| `log=serial` | Also write the log to COM1. |\n", "")
    assert run(tree, "check") == 1
    assert "docs/command-line.md" in capsys.readouterr().err
    assert run(tree, "gen") == 0
    assert (tree / "docs" / "command-line.md").read_text() == (ROOT / "docs" / "command-line.md").read_text()


def test_errors_of_a_stage_come_together(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(tree / "spec" / "dom0.luv", "on getsec { inject ud; }", "on getsec { inject du; }")
    edit(tree / "spec" / "memory.luv", "size 4K", "size 5K")
    assert run(tree, "gen") == 1
    said = capsys.readouterr().err
    assert "unknown-name" in said and "memory-align" in said and "2 errors." in said


def test_no_spec_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spec").mkdir()
    assert run(tmp_path, "gen") == 1
    assert "error[no-domain]" in capsys.readouterr().err
    assert not (tmp_path / "generated").exists()


def test_publish_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If writing fails half-way, no file is changed and no temporary file remains."""
    publish([Output("a", "old"), Output("b", "old")], tmp_path)
    write = output.write_beside

    def fail_at_b(path: Path, text: str) -> None:
        write(path, text)
        if path.name.startswith("b"):
            raise OSError("no space left")

    monkeypatch.setattr(output, "write_beside", fail_at_b)
    with pytest.raises(OSError, match="no space left"):
        publish([Output("a", "new"), Output("b", "new"), Output("c", "new")], tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "b": "old"}


def test_a_function_that_the_runtime_lacks() -> None:
    """What the linker misses and the spec declares is an error at the declaration."""
    models, _ = compile_tree(ROOT / "spec")
    model = models["vmx"]
    words = "handlers.c:117: undefined reference to `domain_list'\nhandlers.c:9: undefined reference to `memcpy'\n"
    (error,) = explain_tools(words, model)
    assert error.span.path == "spec/hypercalls.luv" and "no function of runtime/ is `domain_list`" in error.message


def test_a_function_that_is_declared_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other parameters than the function has are an error at the declaration, with its line and a hint."""
    copy_spec(tmp_path)
    edit(tmp_path / "spec" / "runtime.luv", "handle_nmi(cpu : cpu);", "handle_nmi(cpu : cpu, more : u32);")
    edit(tmp_path / "spec" / "domu.luv", "handle_nmi();", "handle_nmi(1);")
    assert run(tmp_path, "build") == 1
    said = capsys.readouterr().err
    assert "error[image]: `handle_nmi` is declared otherwise than the function of runtime/" in said
    assert "| extern handle_nmi(cpu : cpu, more : u32);\n" in said and "^^^^^^^^^^ declared here" in said
    assert "note:" not in said, "no words of the compiler of C"


def test_another_name_for_dom0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The runtime is written for domains of certain names."""
    copy_spec(tmp_path)
    edit(tmp_path / "spec" / "dom0.luv", "domain dom0 {", "domain first {")
    assert run(tmp_path, "build") == 1
    said = capsys.readouterr().err
    assert "error[image]: no domain is named `dom0`" in said
    assert "domain first {" in said and "^^^^^ it has another name\n" in said


def test_an_image_that_is_too_large_says_what_takes_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["build"]) == 0
    monkeypatch.setattr(Tree, "max_bytes", 1000)
    (fault,) = verify_image(Tree(ROOT), compile_tree(ROOT / "spec")[0]["vmx"]).faults
    sizes = r"sections: \.\S+ \d{4,}, .*; the largest symbols: \w+ \d{3,}, "
    assert re.search(rf"the image loads \d+ bytes, more than 1000; {sizes}", fault)


def test_every_python_writes_the_same() -> None:
    """The output does not depend on the order of sets or hashes."""
    digests = set()
    for seed in ("0", "4242"):
        variables = {**os.environ, "PYTHONHASHSEED": seed}
        made = subprocess.run([sys.executable, "-c", DIGEST], cwd=ROOT, env=variables, capture_output=True, check=True)
        digests.add(made.stdout)
    assert len(digests) == 1


def test_bad_usage_is_status_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["no-such-command"])
    assert caught.value.code == 2
