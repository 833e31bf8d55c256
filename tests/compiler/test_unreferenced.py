"""`build.py unreferenced`: definitions in generated/ that nothing uses, in a small tree with one of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.house.unreferenced import find_unreferenced, print_unreferenced

HEADER = """\
#pragma once
#define USED 1u
#define ONLY_IN_A_COMMENT 2u /* ONLY_IN_A_COMMENT */
#define ONLY_IN_A_STRING 3u
#define BY_PYTHON 4u
#define BY_ASSEMBLY_ALONE 5u
#define KIND_PASTED 6u
#define KIND_LEFT 7u
#define PASTED_AND_OTHER 8u
#define UNDEFINED 9u
#undef UNDEFINED
enum { FIRST, SECOND = USED, THIRD };
struct forward;
extern const char *const names[THIRD];
void called(struct forward *one, void (*with)(void));
void declared(void);
static inline bool inlined(void)
{
    return FIRST;
}
"""
SOURCE = """\
#define LOCAL 1
const char *const names[3] = {"ONLY_IN_A_STRING"};
static const int unused_table[2] = {1, 2};
void called(struct forward *one, void (*with)(void))
{
    on_exit();
}
void declared(void)
{
}
static void on_exit(void)
{
}
static void
on_two_lines(int a,
             int b)
{
}
"""
OTHER = """\
static void on_exit(void)
{
}
int LOCAL_name = LOCAL;
"""
FILES = {
    "generated/vmx/a.h": HEADER,
    "generated/a.c": SOURCE,
    "generated/b.c": OTHER,
    "generated/c.inc": "%define USED 1\n%define BY_ASSEMBLY_ALONE 5\n%assign COUNT 1\nSIZE equ 16\n%macro row 1\n",
    "runtime/use.c": 'const char *use(void)\n{\n    called(KIND(PASTED));\n    return names[THIRD];\n}\n',
    "runtime/use.h": "#define KIND(what) KIND_##what\nvoid declared(void);\n",
    "runtime/both.h": "#define BOTH(a, b) a##_AND_##b\nint i = BOTH(PASTED, OTHER);\n",
    "runtime/use.asm": "global SIZE\n mov eax, BY_ASSEMBLY_ALONE ; COUNT\nrow 1\n",
    "tests/test_it.py": "assert BY_PYTHON == 4\n",
    "tests/compiler/golden/small/a.c": "int x = ONLY_IN_A_STRING;\n",
    "docs/a.md": "ONLY_IN_A_COMMENT\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_kind_is_found(tree: Path) -> None:
    assert {(one.file, one.kind, one.name) for one in find_unreferenced(tree)} == {
        ("generated/a.c", "macro", "LOCAL"),  # b.c's LOCAL is another one: a macro of a .c file ends with it
        ("generated/a.c", "object", "unused_table"),
        ("generated/a.c", "function", "declared"),
        ("generated/a.c", "function", "on_two_lines"),
        ("generated/b.c", "function", "on_exit"),
        ("generated/b.c", "object", "LOCAL_name"),
        ("generated/vmx/a.h", "macro", "ONLY_IN_A_COMMENT"),
        ("generated/vmx/a.h", "macro", "ONLY_IN_A_STRING"),
        ("generated/vmx/a.h", "macro", "KIND_LEFT"),
        ("generated/vmx/a.h", "macro", "UNDEFINED"),
        ("generated/vmx/a.h", "enum constant", "SECOND"),
        ("generated/vmx/a.h", "function", "inlined"),
        ("generated/c.inc", "NASM constant", "USED"),
        ("generated/c.inc", "NASM constant", "COUNT"),
        ("generated/c.inc", "NASM constant", "SIZE"),
    }


def test_a_use_is_enough(tree: Path) -> None:
    (tree / "bench").mkdir()
    (tree / "bench" / "use.c").write_text("int main(void)\n{\n    return KIND_LEFT + inlined();\n}\n")
    names = {one.name for one in find_unreferenced(tree)}
    assert not names & {"KIND_LEFT", "inlined"} and "SECOND" in names


def test_the_list_is_by_file(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_unreferenced(tree) == 1
    said = capsys.readouterr().out
    assert "generated/c.inc: NASM constant (3): USED COUNT SIZE\n" in said
    assert said.endswith("15 names in generated/ are referenced nowhere: emit only what is named\n")


def test_nothing_unreferenced_is_status_0(tmp_path: Path) -> None:
    assert print_unreferenced(tmp_path) == 0
