"""Rename and format, by a scripted client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.query.editor.client import (
    Client,
    Message,
    ServerError,
    apply_edits,
    facts,
    read,
    reformat,
    small,
)

Start = Callable[..., Client]


def rename(client: Client, place: Message, name: str) -> dict[str, Any]:
    made: dict[str, Any] = client.request("textDocument/rename", {**place, "newName": name})
    return made


def test_rename_crosses_files(client: Client, tree: Path) -> None:
    uri, other = client.open(small(tree)), client.open(facts(tree))
    place = client.at(uri, "use_io_bitmaps", 3)
    assert client.request("textDocument/prepareRename", place)["placeholder"] == "use_io_bitmaps"
    made = rename(client, place, "io_bitmaps")["changes"]
    assert {len(made[uri]), len(made[other])} == {1, 3}
    for one in (uri, other):
        assert {client.cut(one, edit["range"]) for edit in made[one]} == {"use_io_bitmaps"}
        client.change(one, apply_edits(client.texts[one], made[one]))
    assert client.diagnostics(uri) == [] and client.diagnostics(other) == []
    assert "use_io_bitmaps" not in client.texts[uri] + client.texts[other]


def test_rename_names_the_versions_that_it_is_of(start: Start, tree: Path) -> None:
    client = start(capabilities={"workspace": {"workspaceEdit": {"documentChanges": True}}})
    uri = client.open(small(tree))
    version = client.change(uri, client.texts[uri] + "\n")
    made = rename(client, client.at(uri, "set primary { use_io_bitmaps", 16), "io_bitmaps")["documentChanges"]
    found = {one["textDocument"]["uri"]: one["textDocument"]["version"] for one in made}
    assert found == {uri: version, facts(tree).as_uri(): None}


REFUSED = {
    "u8 = 2": (1, "word", "word of the language"),
    "const GATE": (7, "1x", "is no name"),
    "out.ecx": (5, "eax", "is taken"),
    "policy.cpuid": (2, "rules", "word of the language"),
    "on cpuid": (4, "halt", "is taken"),
}


@pytest.mark.parametrize("mark", REFUSED)
def test_refused_renames_say_why(client: Client, tree: Path, mark: str) -> None:
    offset, new, why = REFUSED[mark]
    uri = client.open(small(tree))
    with pytest.raises(ServerError, match=why) as fault:
        rename(client, client.at(uri, mark, offset), new)
    assert fault.value.code == -32803
    assert b"Traceback" not in client.errors


def test_rename_is_refused_beside_a_syntax_error(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    assert client.diagnostics(uri) == []
    client.replace(uri, "hide vmx;", "hide ;")
    for method in ("prepareRename", "rename"):
        with pytest.raises(ServerError, match="syntax error"):
            client.request(f"textDocument/{method}", {**client.at(uri, "const GATE", 7), "newName": "DOOR"})


def test_rename_says_which_handwritten_code_has_the_name(client: Client, tree: Path) -> None:
    (tree / "runtime").mkdir()
    (tree / "runtime" / "root.c").write_text("int a;\nvoid f(void) { host_cpuid(1, 2); }\n", encoding="utf-8")
    uri = client.open(small(tree))
    made = rename(client, client.at(uri, "host_cpuid(", 2), "root_cpuid")
    assert made["changes"]
    shown = client.wait(lambda one: one["method"] == "window/showMessage")["params"]
    assert shown["type"] == 2 and "runtime/root.c:2: host_cpuid" in shown["message"]
    client.notices.clear()
    assert rename(client, client.at(uri, "let out", 4), "answer")["changes"]
    client.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
    assert not any(one["method"] == "window/showMessage" for one in client.notices)


def test_format_is_that_of_the_compiler(client: Client, tree: Path) -> None:
    from codegen.language.format import format_text

    text = read(small(tree))
    messy = text.replace("    native halt;", "native   halt ;\n\n\n").replace("    on triple_fault", "on triple_fault")
    messy = messy.rstrip("\n")
    uri = client.open(small(tree), messy)
    edits = reformat(client, uri)
    assert apply_edits(messy, edits) == format_text(messy)
    assert all(one["range"] != {"start": {"line": 0, "character": 0}} for one in edits)
    client.change(uri, format_text(text))
    assert reformat(client, uri) == []
    client.replace(uri, "native halt;", "native halt")
    assert reformat(client, uri) == []


LINES = ["", "a", "b\U0001d11e", "cc"]


@pytest.mark.parametrize("seed", range(8))
def test_edits_of_lines_make_the_other_text(seed: int) -> None:
    import random

    from codegen.editor.lines import make_edits

    chance = random.Random(seed)
    for _ in range(200):
        old, new = ("\n".join(chance.choices(LINES, k=chance.randrange(1, 6))) for _ in range(2))
        edits = [
            {"range": {"start": vars_of(one.range.start), "end": vars_of(one.range.end)}, "newText": one.new_text}
            for one in make_edits(old, new, "\n")
        ]  # fmt: skip
        assert apply_edits(old, edits) == new, (old, new, edits)


def vars_of(place: Any) -> Message:
    return {"line": place.line, "character": place.character}
