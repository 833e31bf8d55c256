"""`build --instrument` counts every branch, and does not change the ordinary build."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from codegen.cli import main
from codegen.emit import generate
from codegen.query.branches import instrument, list_branches
from codegen.query.reading import Reading
from tests.lib.support import ROOT
from tests.query.trees import share_syntax


def test_every_branch_counts_itself_once(small: Reading) -> None:
    counting, branches = instrument(small.model)
    text = "".join(one.text for one in generate(counting))
    counted = [int(number, 0) for number in re.findall(r"\bbranch_taken\(cpu, (\w+)\)", text)]
    assert sorted(counted) == list(range(len(branches)))
    assert len({branch.key for branch in branches}) == len(branches)


def test_branches_have_names(small: Reading) -> None:
    keys = {branch.key for branch in list_branches(small.model)}
    assert {"dom0 on cpuid", "dom0 msr read default: try", "hypercall exit_count"} <= keys
    assert sum(key.startswith("dom0 on hypercall: if at ") for key in keys) == 2
    assert "dom0 exit exception_or_nmi: event exception" in keys
    assert "dom0 io read keyboard_command: pass" in keys


def test_the_model_is_not_changed(small: Reading) -> None:
    before = generate(small.model)
    instrument(small.model)
    assert generate(small.model) == before
    assert not any("branch_taken" in one.text for one in before)


def test_the_ordinary_image_is_not_changed(tmp_path: Path) -> None:
    for name in ("spec", "generated", "runtime"):
        shutil.copytree(ROOT / name, tmp_path / name)
    share_syntax(tmp_path)
    assert main(["--root", str(tmp_path), "build"]) == 0
    before = read_files(tmp_path)
    assert main(["--root", str(tmp_path), "build", "--instrument"]) == 0
    assert read_files(tmp_path) == before
    (tmp_path / "build" / "stamp").unlink()
    assert main(["--root", str(tmp_path), "build"]) == 0
    assert read_files(tmp_path) == before
    folder = tmp_path / "build" / "instrumented"
    assert "branch_counts" in read_symbols(folder / "luvalley.debug.elf")
    assert "branch_counts" not in read_symbols(tmp_path / "build" / "luvalley.debug.elf")
    assert "dom0 on cpuid" in json.loads((folder / "branches.json").read_text())


def read_files(root: Path) -> dict[str, bytes]:
    """Return the files of the ordinary build."""
    paths = [root / "build" / "luvalley.elf", *(root / "generated").rglob("*")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def read_symbols(path: Path) -> set[str]:
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return {symbol.name for symbol in table.iter_symbols()}
