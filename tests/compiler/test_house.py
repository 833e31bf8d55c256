"""`build.py house`: its counts, and the table in docs/code-map.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codegen.house.report import (
    MAP,
    RECORD,
    count_fragments,
    find_stale_parts,
    measure_parts,
    read_record,
    render,
    run_house,
)
from codegen.house.unreferenced import count_code
from tests.lib.support import ROOT

COUNTED = {
    "a.c": ("/* one\n   two */\nint a; // three\n\n#define B \"/* no comment */\"\n", 5, 2),
    "a.h": ("#pragma once\n", 1, 1),
    "a.asm": ("; one\nmov eax, ';' ; two\n\n", 3, 1),
    "a.py": ('"""One.\n\nTwo.\n"""\n\n# three\na = "# no comment"\n', 7, 1),
    "a.luv": ("/// One.\nconst A : u32 = 1; // two\n", 2, 1),
    "a.md": ("# One\n\nTwo.\n", 3, 2),
}


@pytest.mark.parametrize("name", COUNTED)
def test_lines_of_code(tmp_path: Path, name: str) -> None:
    text, lines, code = COUNTED[name]
    (tmp_path / name).write_text(text)
    assert count_code(tmp_path / name) == (lines, code)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a tree of a few files, with a map of the code."""
    files = {
        "build.py": "a = 1\n",
        "codegen/cli.py": "from codegen.emit import small\nfrom codegen.emit.large import a\n",
        "codegen/emit/small.py": "from codegen.emit.large import a\n",
        "codegen/emit/large.py": "a = 1\n" * 100,
        "generated/checks.c": "int a = b >> 3 & 1, c = d >> 31, e = f >> g;\n",
        "generated/c.inc": "%define A 1\n",
        "runtime/core/a.c": "int a;\n" * 1000,
        "docs/records/house_tasks.json": '[{"task": "one", "before": "3", "after": null, "to reach": "2"}]',
        MAP: "# Map\n\n<!-- sizes -->\nold\n<!-- /sizes -->\n\nEnd.\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codegen.house.report.measure_image", lambda path: 125676)


def test_parts_are_folders(tree: Path) -> None:
    parts = measure_parts(tree)
    assert list(parts) == ["build.py", "codegen", "codegen/emit", "generated", "runtime/core", "docs"]
    assert parts["codegen/emit"] == {"files": 2, "lines": 101, "code": 101, "median": 50}


def test_small_modules_with_one_importer(tree: Path) -> None:
    assert count_fragments(tree) == 1  # small.py; large.py has two importers, cli.py none


def test_the_record_keeps_what_was_before(tree: Path, image: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_house(tree, before=tree) == 0
    (tree / "runtime" / "core" / "a.c").write_text("int a;\n" * 500)
    assert run_house(tree) == 0
    record = json.loads((tree / RECORD).read_text())
    assert [record[when]["parts"]["runtime/core"]["code"] for when in ("before", "after")] == [1000, 500]
    assert record["after"]["figures"]["shifts by a bare number in checks.c"] == 2
    assert record["after"]["figures"]["unreferenced constants in generated/, NASM"] == 1
    said = capsys.readouterr().out
    assert "1000 500" in said and "one" in said and "3 -> ? (2)" in said


def test_the_map_is_updated(tree: Path, image: None) -> None:
    assert find_stale_parts(tree) == measured_parts(tree)
    run_house(tree)
    text = (tree / MAP).read_text()
    assert text.startswith("# Map\n\n<!-- sizes -->\n| part |") and text.endswith("|\n<!-- /sizes -->\n\nEnd.\n")
    assert "| `runtime/core` | 1 | 1000 | 1000 | 1000 |" in text
    assert find_stale_parts(tree) == []
    (tree / "runtime" / "core" / "a.c").write_text("int a;\n" * 1080)
    assert find_stale_parts(tree) == []
    (tree / "runtime" / "core" / "a.c").write_text("int a;\n" * 1200)
    assert find_stale_parts(tree) == ["runtime/core"]
    (tree / "runtime" / "core").rename(tree / "runtime" / "vmx")
    assert set(find_stale_parts(tree)) == {"runtime/core", "runtime/vmx"}


def measured_parts(tree: Path) -> list[str]:
    """The parts that are too large for a map not to name them."""
    return [part for part, size in measure_parts(tree).items() if size["code"] > 50]


def test_the_record_of_this_tree_has_both_states() -> None:
    record = read_record(ROOT)
    assert record["before"]["figures"]["unreferenced functions in generated/"] == 17
    assert "total" in render(record, json.loads((ROOT / "docs" / "records" / "house_tasks.json").read_text()))
