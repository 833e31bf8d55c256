"""A change of one file recompiles exactly the sources that include it; tested on a small tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from codegen.image import toolchain
from codegen.image.toolchain import Includes, ToolError, build_image, parse_rule
from codegen.image.tree import InstrumentedTree, PoisonedTree, Tree, is_current, list_inputs, write_stamp
from tests.lib.support import ROOT

ABI = "generated/abi/numbers.h"  # what the runtime has in common with programs of dom0
FILES = {
    "runtime/link.ld": "ENTRY(start) SECTIONS { .text 0x100000 : { *(.text*) } .data : { *(.data*) *(.rodata*) } }\n",
    "runtime/core/types.h": "#pragma once\ntypedef unsigned int u32;\n",
    "runtime/core/near.h": '#pragma once\n#include "deep.h"\n',
    "runtime/core/deep.h": "#pragma once\n#define DEEP 1u\n",
    "runtime/core/one.c": '#include "core/types.h"\n#include "near.h"\n\nu32 one = DEEP;\n',
    "runtime/core/two.c": '#include "core/types.h"\n  #  include "generated/numbers.h"\n\nu32 two = NUMBER;\n',
    "runtime/core/shared.c": f'#include "{ABI}"\n\nint shared = SHARED;\n',
    "runtime/boot/start.asm": '%include "generated/numbers.inc"\n%include "boot/text.inc"\nglobal start\nstart:\n',
    "runtime/boot/text.inc": "%define TEXT 1\n",
    "generated/numbers.h": "#pragma once\n#define NUMBER 1u\n",
    "generated/numbers.inc": "%define NUMBER 1\n",
    "generated/alone.c": "int alone;\n",
    ABI: "#pragma once\n#define SHARED 1\n",
}
ALL = {"one.c", "two.c", "shared.c", "start.asm", "alone.c"}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Make a small tree and build it."""
    for name, text in FILES.items():
        write(tmp_path / name, text)
    tree = Tree(tmp_path)
    assert rebuild(tree) == ALL
    return tree


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def rebuild(tree: Tree) -> set[str]:
    """Return the sources that a build compiles."""
    return {name.partition("-")[2].rsplit(".", 2)[0] for name in build_image(tree)}


EDITS = {
    "runtime/core/types.h": {"one.c", "two.c"},
    "runtime/core/near.h": {"one.c"},
    "runtime/core/deep.h": {"one.c"},
    "generated/numbers.h": {"two.c"},
    "generated/numbers.inc": {"start.asm"},
    "runtime/boot/text.inc": {"start.asm"},
    "runtime/core/one.c": {"one.c"},
    "runtime/boot/start.asm": {"start.asm"},
    "generated/alone.c": {"alone.c"},
    ABI: {"shared.c"},
    "runtime/link.ld": set(),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_compiles_what_includes_the_file(tree: Tree, name: str) -> None:
    path = tree.root / name
    path.touch()
    assert rebuild(tree) == set()
    comment = ";" if path.suffix in (".asm", ".inc") else "//"
    path.write_text(path.read_text() + ("/* changed */\n" if path.suffix == ".ld" else f"{comment} changed\n"))
    assert rebuild(tree) == EDITS[name]
    assert rebuild(tree) == set()


def test_a_header_in_an_earlier_folder_is_used(tree: Tree) -> None:
    """Includes are searched next to the including file, then in the root, then in runtime/."""
    write(tree.root / "core" / "types.h", "typedef unsigned int u32; // the root's\n")
    with pytest.raises(ToolError, match="includes core/types.h, which is in no folder"):
        build_image(tree)
    (tree.root / "core" / "types.h").unlink()
    assert rebuild(tree) == set()
    write(tree.root / "runtime" / "core" / "core" / "types.h", "typedef unsigned int u32; // the nearest\n")
    assert rebuild(tree) == {"one.c", "two.c"}
    (tree.root / "runtime" / "core" / "core" / "types.h").unlink()
    assert rebuild(tree) == {"one.c", "two.c"}


def test_a_deleted_header_is_an_error(tree: Tree) -> None:
    (tree.root / "runtime" / "core" / "deep.h").unlink()
    with pytest.raises(ToolError, match=r"deep\.h: No such file"):
        build_image(tree)
    write(tree.root / "runtime" / "deep.h", FILES["runtime/core/deep.h"])
    assert rebuild(tree) == {"one.c"}


def test_another_command_compiles_all_of_its_kind(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "C_FLAGS", (*toolchain.C_FLAGS, "-O1"))
    assert rebuild(tree) == ALL - {"start.asm"}


def test_a_deleted_source_leaves_no_object(tree: Tree) -> None:
    (tree.root / "generated" / "alone.c").unlink()
    assert rebuild(tree) == set()
    assert not list((tree.build / "objects").glob("*alone*"))


@pytest.mark.parametrize(("name", "header"), [("runtime/core/one.c", "deep.h"), ("runtime/boot/start.asm", "text.inc")])
def test_the_compilers_list_finds_a_wrong_scan(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, name: str, header: str
) -> None:
    """A header that the scan misses is an error at the first compilation, not a stale object later."""
    honest = Includes.list_direct

    def overlook(self: Includes, name: str) -> tuple[str, ...]:
        return tuple(path for path in honest(self, name) if not path.endswith(header))

    monkeypatch.setattr(Includes, "list_direct", overlook)
    with pytest.raises(ToolError, match=f"{name}: the compiler read .*{header}, which"):
        build_image(tree)


def test_an_include_by_macro_is_an_error(tree: Tree) -> None:
    write(tree.root / "runtime" / "core" / "one.c", '#define NAME "core/deep.h"\n#include NAME\n')
    with pytest.raises(ToolError, match=r"the compiler read runtime/core/deep\.h, which"):
        build_image(tree)


def test_a_change_during_compilation_is_an_error(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_one = toolchain.run
    header = tree.root / "runtime" / "core" / "deep.h"

    def edit_meanwhile(command: list[str], root: Path) -> str:
        said = compile_one(command, root)
        header.write_text("#define DEEP 3u\n")
        return said

    header.write_text("#define DEEP 2u\n")
    with monkeypatch.context() as patch:
        patch.setattr(toolchain, "run", edit_meanwhile)
        with pytest.raises(ToolError, match="a file changed while it was compiled"):
            build_image(tree)
    header.write_text("#define DEEP 2u\n")
    assert rebuild(tree) == {"one.c"}


def test_an_interrupted_build_is_completed(tree: Tree) -> None:
    objects = tree.build / "objects"
    made = next(objects.glob("core-one.c*.o"))
    made.rename(made.with_suffix(".new"))
    made.with_suffix(".new.d").write_text("half a rule")
    assert rebuild(tree) == {"one.c"}
    assert not list(objects.glob("*.new*"))


def test_an_interrupted_link_leaves_no_stamp(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interrupted link there is no stamp: if the edit is reverted, an old stamp would match another image."""
    write_stamp(tree, list_inputs(tree))
    assert is_current(tree)
    whole = tree.image.read_bytes()

    def fail(command: list[str], root: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(toolchain, "run", fail)
    with pytest.raises(KeyboardInterrupt):
        build_image(tree)
    assert not is_current(tree) and tree.image.read_bytes() == whole


def test_an_edit_during_a_build_leaves_no_stamp(tree: Tree) -> None:
    before = list_inputs(tree)
    write(tree.root / "generated" / "alone.c", "int alone = 1;\n")
    write_stamp(tree, before)
    assert is_current(tree)
    (tree.build / "stamp").unlink()
    write(tree.root / "runtime" / "core" / "deep.h", "#define DEEP 4u\n")
    write_stamp(tree, before)
    assert not is_current(tree)


def test_two_builds_at_once_do_not_disturb_each_other(tree: Tree) -> None:
    code = "import sys, pathlib; from codegen.image.toolchain import build_image; from codegen.image.tree import Tree\n"
    code += "build_image(Tree(pathlib.Path(sys.argv[1])))"
    write(tree.root / "runtime" / "core" / "types.h", "typedef unsigned int u32; // changed\n")
    both = [subprocess.Popen([sys.executable, "-c", code, tree.root], cwd=ROOT) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert rebuild(tree) == set()
    assert len(list((tree.build / "objects").glob("*.o"))) == len(ALL)


def test_the_instrumented_build_reads_its_own_headers(tree: Tree) -> None:
    counting = InstrumentedTree(tree.root)
    for name in ("numbers.h", "numbers.inc", "alone.c"):
        write(counting.generated / name, FILES[f"generated/{name}"])
    assert rebuild(counting) == ALL
    (counting.generated / "numbers.h").write_text("#define NUMBER 2u\n")
    assert rebuild(counting) == {"two.c"}
    assert rebuild(tree) == set()
    (tree.root / "generated" / "numbers.h").write_text("#define NUMBER 3u\n")
    assert rebuild(counting) == set()
    assert rebuild(tree) == {"two.c"}


def test_the_poisoned_build_stands_beside_the_ordinary_one(tree: Tree) -> None:
    ordinary = tree.image.read_bytes()
    poisoned = PoisonedTree(tree.root)
    write(tree.root / "runtime" / "core" / "one.c", "#ifndef POISON_VMCS\n#error ordinary\n#endif\n")
    assert rebuild(poisoned) == ALL
    assert tree.image.read_bytes() == ordinary
    with pytest.raises(ToolError, match="error ordinary"):
        build_image(tree)


def test_no_list_is_longer_than_what_the_compiler_reads() -> None:
    """On the real tree every scan equals the compiler's own list, so nothing is recompiled without need."""
    tree = Tree(ROOT)
    includes = Includes(ROOT, tree.includes)
    for source in tree.sources():
        name = source.relative_to(ROOT).as_posix()
        command = toolchain.command_for(source, tree)
        listing = [*command[:-1], "-MM"] if command[0] == "gcc" else [*command, "-M"]
        rule = subprocess.run([*listing, name], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert parse_rule(rule) == set(includes.list_all(*toolchain.list_inputs_of(name))), name


def test_rules_for_make_are_read() -> None:
    assert parse_rule("a.o: ./x/a.c \\\n x/../y/b.h with\\ space.h\n") == {"x/a.c", "y/b.h", "with space.h"}
