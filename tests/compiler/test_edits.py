"""Ordinary edits of the shipped spec, and the recipes of docs/: they compile, and no test pins what they change."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.cli import main
from codegen.compiler import compile_tree
from tests.lib.recipes import apply_diff, apply_steps, copy_spec, copy_tree, read_steps
from tests.lib.support import ROOT

CACHE = ROOT / "build" / "syntax"
STEPS = {page.stem: read_steps(page.read_text()) for page in sorted((ROOT / "docs").glob("*.md"))}
PAGES = [page for page, steps in STEPS.items() if any(step.file for step in steps)]
SECTION = re.compile(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EDITS = dict(SECTION.findall(Path(__file__).with_name("edits.md").read_text()))


def check_c(tree: Path) -> None:
    """Check that the generated C compiles without a warning."""
    flags = ["-std=gnu11", "-ffreestanding", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-mno-sse"]
    for path in sorted((tree / "generated").rglob("*.c")):
        command = ["gcc", *flags, "-I", ".", "-I", "runtime", str(path)]
        result = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES)
def test_recipe(page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every step of a page applies, every message is as shown, and the C at the end compiles.

    Where somebody has already performed a part of it in this tree, its messages do not come again.
    """
    copy_spec(tmp_path)
    fresh = not any(is_done(tmp_path / step.file, step.text) for step in STEPS[page] if step.file)
    for step in apply_steps(tmp_path, STEPS[page]):
        if not step.file and fresh:
            assert main(["--root", str(tmp_path), "gen"]) == 1
            assert step.text in capsys.readouterr().err
    assert main(["--root", str(tmp_path), "gen"]) == 0, capsys.readouterr().err
    check_c(tmp_path)


def is_done(path: Path, diff: str) -> bool:
    return apply_diff(path.read_text(), diff) == path.read_text()


def test_the_tutorial_is_a_recipe() -> None:
    assert len(STEPS["adding-an-exit"]) > 5


@pytest.mark.parametrize("edit", EDITS)
def test_edit(edit: str, tmp_path: Path) -> None:
    """Each edit alone changes the spec, and compiles."""
    copy_spec(tmp_path)
    for _ in apply_steps(tmp_path, read_steps(EDITS[edit])):
        pass
    compile_tree(tmp_path / "spec", CACHE)


@pytest.mark.long
def test_the_suite_is_green_after_edits(tmp_path: Path) -> None:
    """With all edits and the tutorial in a copy of the tree, everything that needs no boot is green there."""
    copy_tree(tmp_path)
    for steps in [*map(read_steps, EDITS.values()), *(STEPS[page] for page in PAGES)]:
        for _ in apply_steps(tmp_path, steps):
            pass
    for arguments in (["codegen.cli", "format"], ["codegen.house", "house"], ["build", "check"]):
        command = [sys.executable, "-m", *arguments, *CHECKS.get(arguments[0], ())]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


# `no:cacheprovider` and the folder, because another run of pytest may be at work.
CHECKS = {"build": ["-p", "no:cacheprovider", "--basetemp", "build/pytest"]}
