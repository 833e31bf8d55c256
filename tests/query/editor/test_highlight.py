"""The syntax files: made from the grammar, held up to date, and every keyword of the language is colored in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lark.lexer import PatternStr

from codegen.commands import run_check, run_gen
from codegen.editor.highlight import (
    FOLDER,
    LANGUAGE_CLIENT,
    TYPES,
    find_changed_files,
    make_files,
    make_textmate,
    write_files,
)
from codegen.editor.keywords import list_keywords, list_terminals
from codegen.image.tree import Tree
from codegen.language.parser import make_parser
from tests.lib.support import ROOT, SPEC
from tests.query.trees import share_syntax

GRAMMAR = (ROOT / "codegen" / "language" / "luv.lark").read_text(encoding="utf-8")
EXPRESSIONS = {"NAME", "NUMBER", "STRING", "SECTION", "DOC", "COMMENT", "WS"}


def list_words_of_grammar() -> set[str]:
    """Return what stands in quotes in the grammar, or between the bars of a terminal, and is made of letters."""
    rules = re.sub(r"^//.*$", "", GRAMMAR, flags=re.MULTILINE).partition("// ---- tokens")[0]
    quoted = set(re.findall(r'"([a-z][a-z0-9_]*)"', rules))
    return quoted | {word for group in re.findall(r"/\(([a-z0-9_|]+)\)", rules) for word in group.split("|")}


def test_every_keyword_terminal_is_known() -> None:
    assert set(list_keywords()) == list_words_of_grammar()
    for one in make_parser().terminals:
        is_sign = isinstance(one.pattern, PatternStr) and not one.pattern.value[0].isalpha()
        is_signs = not re.search("[a-z]", one.pattern.value.replace("\\b", "").replace("(?:", "("))
        assert one.name in list_terminals() or one.name in EXPRESSIONS or is_sign or is_signs, one


def find_scope(text: str, at: int) -> str:
    """Return the scope that the TextMate grammar gives a character: of patterns that begin first, the first."""
    patterns: list[dict[str, Any]] = make_textmate()["patterns"]
    position = 0
    while position <= at:
        found = [(match, one) for one in patterns
                 if (match := re.compile(one.get("match") or f"{one['begin']}[^\n]*").search(text, position))]
        if not found:
            return ""
        match, one = min(found, key=lambda pair: pair[0].start())
        if match.start() <= at < match.end():
            return str(one["name"])
        position = max(match.end(), position + 1)
    return ""


@pytest.mark.parametrize("word", list_keywords())
def test_vs_code_colors_every_keyword(word: str) -> None:
    wanted = "storage.type.luv" if word in TYPES else "keyword.control.luv"
    assert find_scope(f"    {word} x", 4) == wanted
    assert find_scope(f"{word}s_x", 0) != wanted and find_scope(f"a_{word}", 2) != wanted
    assert find_scope(f"e.{word};", 2) != wanted  # a name, whatever it is spelled like


SCOPES = {
    "/// Doc. SDM: 2.5": (5, "comment.line.documentation.luv"),
    "// if": (3, "comment.line.double-slash.luv"),
    'stop "if it // stops";': (6, "string.quoted.double.luv"),
    "eax = 0x1F;": (7, "constant.numeric.luv"),
    "size 4K;": (5, "constant.numeric.luv"),
    "0..15 basic;": (3, "constant.numeric.luv"),
    "rax : u64;": (6, "storage.type.luv"),
    "IA32_PAT read pass;": (1, "constant.other.luv"),
    "host_cpuid(e.leaf)": (2, "entity.name.function.luv"),
    "a => b": (2, "keyword.operator.luv"),
    "canonical(x)": (2, "support.function.luv"),
}


@pytest.mark.parametrize("text", SCOPES)
def test_vs_code_colors_the_rest(text: str) -> None:
    at, scope = SCOPES[text]
    assert find_scope(text, at) == scope


def test_the_files_are_those_of_the_grammar() -> None:
    assert find_changed_files(ROOT) == {}
    names = {path.relative_to(ROOT / FOLDER).as_posix() for path in (ROOT / FOLDER).rglob("*") if path.is_file()}
    assert names == set(make_files())


def make_tree(root: Path) -> Tree:
    """Return a tree with the shipped spec, what is generated of it, and the files for editors."""
    for folder in ("spec", "generated", FOLDER):
        shutil.copytree(ROOT / folder, root / folder)
    share_syntax(root)
    return Tree(root)


def test_a_stale_file_fails_the_check_and_gen_writes_it(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    assert run_check(tree).status == 0
    path = tmp_path / FOLDER / "vim" / "syntax" / "luv.vim"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(" advance ", " "), encoding="utf-8")
    (tmp_path / FOLDER / "vscode" / "extension.js").unlink()
    done = run_check(tree)
    assert done.status == 1 and "luv.vim" in done.complaint and "extension.js" in done.complaint
    assert "docs/editors/vim/syntax/luv.vim" in run_gen(tree).text
    assert path.read_text(encoding="utf-8") == text and run_check(tree).status == 0


def test_a_tree_without_the_folder_gets_none(tmp_path: Path) -> None:
    assert write_files(tmp_path) == [] and not list(tmp_path.iterdir())


def test_the_extension_is_whole() -> None:
    """What the manifest names is there, its language server's command too; nothing is bundled."""
    folder = ROOT / FOLDER / "vscode"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    contributed = package["contributes"]
    files = [package["main"], contributed["languages"][0]["configuration"], contributed["grammars"][0]["path"]]
    assert all((folder / one).is_file() for one in files)
    script = (folder / "extension.js").read_text(encoding="utf-8")
    assert set(re.findall(r'require\("([^"]+)"\)', script)) == {"vscode", "vscode-languageclient/node"}
    assert package["dependencies"] == {"vscode-languageclient": LANGUAGE_CLIENT}
    command = contributed["configuration"]["properties"]["luvalley.server"]["default"]
    assert command[1:] == ["${workspaceFolder}/build.py", "lsp"]
    assert not (folder / "node_modules").exists()
    for name in ("language-configuration.json", "syntaxes/luv.tmLanguage.json"):
        json.loads((folder / name).read_text(encoding="utf-8"))


# ---- Vim itself

ASK = """\
set nocompatible
set runtimepath^={folder}
syntax on
filetype plugin on
edit {file}
let groups = []
for line in range(1, line("$"))
  for column in range(1, col([line, "$"]) - 1)
    let group = synIDattr(synID(line, column, 1), "name")
    call add(groups, line . " " . column . " " . group)
  endfor
endfor
call add(groups, "type " . &filetype . " " . &commentstring)
call writefile(groups, "{out}")
qall!
"""


def ask_vim(folder: Path, file: Path) -> dict[tuple[int, int], str]:
    """Return the syntax group of each character of a file, as Vim sees it."""
    script, out = folder / "ask.vim", folder / "groups"
    text = ASK.format(folder=ROOT / FOLDER / "vim", file=file, out=out)
    script.write_text(text, encoding="utf-8")
    command = ["vim", "-es", "-u", "NONE", "-i", "NONE", "-n", "-S", str(script)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    assert out.is_file(), done
    lines = [one.split(" ") for one in out.read_text(encoding="utf-8").splitlines()]
    assert lines[-1][:2] == ["type", "luv"] and lines[-1][2] == "//"
    return {(int(one[0]), int(one[1])): one[2] for one in lines[:-1]}


@cache
def has_vim() -> bool:
    """Return whether a Vim is here that can color; `build.py test` installs one."""
    if not shutil.which("vim"):
        return False
    return "+syntax" in subprocess.run(["vim", "--version"], capture_output=True, text=True, check=False).stdout


needs_vim = pytest.mark.skipif(not has_vim(), reason="there is no vim with syntax here; `build.py test` installs it")


@needs_vim
def test_vim_colors_every_keyword(tmp_path: Path) -> None:
    file = tmp_path / "words.luv"
    words = list_keywords()
    file.write_text("".join(f"{word} x{word} e.{word}\n" for word in words), encoding="utf-8")
    groups = ask_vim(tmp_path, file)
    for line, word in enumerate(words, 1):
        wanted = "luvType" if word in TYPES else "luvKeyword"
        assert {groups[line, column] for column in range(1, len(word) + 1)} == {wanted}, word
        assert wanted not in {groups[line, column] for column in range(len(word) + 2, 3 * len(word) + 6)}, word


@needs_vim
def test_vim_colors_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "rest.luv"
    lines = ["/// Doc. SDM: 2.5", "// if", 'stop "if // it";', "x = 0x1F;", "IA32_PAT", "a => b", "x 4K;"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    groups = ask_vim(tmp_path, file)
    wanted = [(1, 5, "luvDoc"), (1, 12, "luvSection"), (2, 4, "luvComment"), (3, 7, "luvString"), (3, 10, "luvString"),
              (4, 5, "luvNumber"), (5, 2, "luvConstant"), (6, 3, "luvOperator"), (7, 4, "luvNumber")]
    assert [(line, column, groups[line, column]) for line, column, _ in wanted] == wanted


@needs_vim
def test_vim_reads_every_shipped_file(tmp_path: Path) -> None:
    for path in (SPEC / "dom0.luv", SPEC / "facts" / "vmx" / "exits.luv"):
        groups = ask_vim(tmp_path, path)
        assert {"luvKeyword", "luvNumber", "luvDoc"} <= set(groups.values())
