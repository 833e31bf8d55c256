"""Hover, definition, references, completion and symbols, by a scripted client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codegen.editor.project import Project
from tests.lib.support import SPEC
from tests.query.editor.client import (
    Client,
    facts,
    hover,
    labels,
    list_references,
    read,
    small,
)

Start = Callable[..., Client]


def test_hover_shows_the_fact_the_choice_and_the_section(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    text = hover(client, client.at(uri, "set primary { use_io_bitmaps", 16))
    assert "25 use_io_bitmaps;" in text  # the fact
    assert "guest: on (spec/small.luv:" in text  # the choice
    assert "25.6.2 PROCESSOR-BASED VM-EXECUTION CONTROLS" in text and "edition 089" in text  # the manual
    event = hover(client, client.at(uri, "on cpuid", 4))
    assert "26.1 INSTRUCTIONS THAT CAUSE VM EXITS" in event and "exit cpuid: handled" in event
    assert "guest read: pass" in hover(client, client.at(uri, "IA32_PAT", 2))
    assert "hidden" in hover(client, client.at(uri, "hide vmx", 6))
    assert "read: do" in hover(client, client.at(uri, "clock read", 2))
    assert hover(client, client.at(uri, "u8 = 2", 1)) == "`u8`: a word of the language"
    assert hover(client, client.at(uri, "// A whole", 5)) == ""


def test_hover_of_every_name_of_the_shipped_spec(client: Client) -> None:
    """Every name in every file shows something, or is a word of the language."""
    from codegen.editor.hover import make_hover

    analysis = Project(SPEC).analyse()
    silent = [key for key in {**analysis.index.definitions, **analysis.index.uses} if not make_hover(key, analysis)]
    assert [key for key in silent if key[0] not in ("binder",)] == []


def test_definition_and_references_cross_files(client: Client, tree: Path) -> None:
    uri, other = client.open(small(tree)), client.open(facts(tree))
    found = client.request("textDocument/definition", client.at(uri, "vmcs.cr0_read_shadow", 7))
    assert [(one["uri"], client.cut(other, one["range"])) for one in found] == [(other, "cr0_read_shadow")]
    place = client.at(other, "cr0_read_shadow : natural", 3)
    places, uses = (list_references(client, place, declaration) for declaration in (True, False))
    assert {one["uri"] for one in places} == {other, uri}
    assert len(uses) == len(places) - 1 and uses[-1]["uri"] == uri
    assert {client.cut(one["uri"], one["range"]) for one in places} == {"cr0_read_shadow"}


def test_symbols_of_a_file(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    found = [one["name"] for one in client.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})]
    assert found[:3] == ["GATE", "guest", "on cpuid"] and "add" in found


def test_completion_is_of_the_newest_text(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    client.replace(uri, "guest.rcx = out.ecx;", "guest.rcx = e.\n")
    found = client.request("textDocument/completion", client.at(uri, "guest.rcx = e.", 14))
    assert labels(found) == {"leaf", "subleaf"}
    item = found["items"][0]
    assert item["detail"] == "field of event" and item["kind"]
    client.change(uri, read(facts(tree)) + "\nconst A : ")
    found = client.request("textDocument/completion", client.at(uri, "const A : ", 10))
    assert "u8" in labels(found)
