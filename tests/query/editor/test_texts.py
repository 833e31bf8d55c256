"""Texts of all kinds: letters of two units, line ends, marks, paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lib.support import COMPILER
from tests.query.editor.client import (
    Client,
    facts,
    hover,
    list_references,
    names,
    read,
    reformat,
    small,
)

Start = Callable[..., Client]
LOG = next(line.strip() for line in (COMPILER / "golden" / "small.luv").read_text().splitlines() if "e.gpa;" in line)


def test_characters_of_two_units(client: Client, tree: Path) -> None:
    """Positions count UTF-16: a musical symbol before a name moves it by two."""
    after = 'stop "\U0001d11e é \u4e2d"; inject ud; }'
    uri = client.open(small(tree), read(small(tree)).replace('stop "no such register is owned"; }', after))
    found = [one for one in client.diagnostics(uri) if one["code"] == "after-outcome"]
    assert len(found) == 1 and client.cut(uri, found[0]["range"]).startswith("inject")
    client.replace(uri, LOG, 'log "\U0001f600\U0001f600 %", e.gpa;')
    assert "gpa" in hover(client, client.at(uri, '", e.gpa', 5))
    places = list_references(client, client.at(uri, '", e.gpa', 5), False)
    assert [client.cut(uri, one["range"]) for one in places] == ["gpa"]


@pytest.mark.parametrize(("encoding", "units"), [("utf-32", 1), ("utf-8", 4), ("utf-16", 2)])
def test_other_position_encodings(start: Start, tree: Path, encoding: str, units: int) -> None:
    client = start(capabilities={"general": {"positionEncodings": [encoding]}})
    uri = client.open(small(tree), read(small(tree)).replace(LOG, 'log "\U0001d11e %", e.gpaa;'))
    found = client.diagnostics(uri)
    line = next(one for one in client.texts[uri].split("\n") if "gpaa" in one)
    before = len(line[: line.index("gpaa")]) - 1 + units
    assert [one["range"]["start"]["character"] for one in found if one["code"] == "unknown-name"] == [before]


LINE_SEPARATORS = "\u2028\u0085\x0b\x0c"


def test_separators_that_end_no_line(client: Client, tree: Path) -> None:
    """Python would break lines at them, editors and the compiler do not."""
    uri = client.open(small(tree), f"// {LINE_SEPARATORS}\n" + read(small(tree)).replace("hide vmx;", "hide vmxx;"))
    found = client.diagnostics(uri)
    assert [client.cut(uri, one["range"]) for one in found] == ["vmxx"]


def test_carriage_returns(client: Client, tree: Path) -> None:
    text = read(small(tree)).replace("\n", "\r\n").replace("hide vmx;", "hide  vmxx;")
    uri = client.open(small(tree), text)
    found = client.diagnostics(uri)
    assert names(found) == ["unknown-name"] and client.cut(uri, found[0]["range"]) == "vmxx"
    edits = reformat(client, uri)
    assert len(edits) == 1 and edits[0]["newText"].endswith("\r\n") and "hide vmxx;" in edits[0]["newText"]
    lines = [edits[0]["range"][side]["line"] for side in ("start", "end")]
    assert edits[0]["newText"].count("\r") == 1 and lines[1] == lines[0] + 1
    made = client.request("textDocument/rename", {**client.at(uri, "const GATE", 7), "newName": "DOOR"})
    assert {client.cut(uri, one["range"]) for one in made["changes"][uri]} == {"GATE"}
    client.change(uri, "/// A bit.\rconst A : u8 = 1;\r\rconst B : u8 = ;\r")  # an old kind of line end, and yet one
    assert [one["range"]["start"] for one in client.diagnostics(uri)] == [{"line": 3, "character": 15}]


def test_a_byte_order_mark_is_one_message_at_most(client: Client, tree: Path) -> None:
    uri = client.open(small(tree), "\ufeff" + read(small(tree)))
    assert len(client.diagnostics(uri)) <= 1
    client.change(uri, read(small(tree)))
    assert client.diagnostics(uri) == []


def test_texts_that_are_no_text(client: Client, tree: Path) -> None:
    small(tree).write_bytes(b"const A : u8 = \xff;\n")
    uri = client.open(facts(tree))
    found = client.wait(lambda one: one.get("params", {}).get("uri") == small(tree).as_uri())
    assert names(found["params"]["diagnostics"]) == ["syntax"]
    assert client.diagnostics(uri) == []
    other = client.open(small(tree), "\x00\x01\ud83d")  # half a character, as a careless editor sends it
    assert names(client.diagnostics(other)) == ["syntax"]
    client.change(other, "")
    client.diagnostics(other)


def test_paths_with_spaces_and_letters(client: Client, tmp_path: Path, tree: Path) -> None:
    folder = tmp_path / "a b é" / "spec"
    folder.mkdir(parents=True)
    for path in (small(tree), facts(tree)):
        (folder / path.name).write_text(read(path), encoding="utf-8")
    uri = client.open(folder / "small.luv")
    assert client.diagnostics(uri) == []
    found = client.request("textDocument/definition", client.at(uri, "host_cpuid(", 2))
    assert len(found) == 1 and found[0]["uri"].endswith("/spec/facts.luv") and " " not in found[0]["uri"]
