"""Errors recover: what a syntax error breaks is its own file's messages and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codegen.editor.project import Project
from tests.query.editor.client import (
    Client,
    facts,
    hover,
    labels,
    list_references,
    names,
    read,
    small,
)

Start = Callable[..., Client]


def test_a_syntax_error_leaves_everything_else(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    client.replace(uri, "guest.rcx = out.ecx;", "guest.rcx = out.;")
    found = client.diagnostics(uri)
    assert names(found) == ["syntax"]
    assert client.cut(uri, found[0]["range"]) == ";"
    marks = {"on cr_access": (4, "cr_access"), "const GATE": (7, "const"), "guest.rax = out": (7, "rax"),
             "unrestricted_guest = on": (3, "guest: on"), "hide vmx": (6, "vmx")}
    for mark, (offset, wanted) in marks.items():
        assert wanted in hover(client, client.at(uri, mark, offset)), mark
    offered = client.request("textDocument/completion", client.at(uri, "guest.rcx = out.", 16))
    assert labels(offered) == {"eax", "ebx", "ecx", "edx"}


def test_positions_move_with_the_text_around_an_error(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    client.change(uri, f"const = ;\n\n\n{client.texts[uri]}")
    assert names(client.diagnostics(uri)) == ["syntax"]
    found = client.request("textDocument/definition", client.at(uri, "if e.value[0..7] == GATE", 22))
    assert [client.cut(uri, one["range"]) for one in found] == ["GATE"]
    places = list_references(client, client.at(uri, "const GATE", 7))
    assert {client.cut(uri, one["range"]) for one in places} == {"GATE"} and len(places) == 3
    places = client.request("textDocument/documentHighlight", client.at(uri, "GATE", 1))
    assert {client.cut(uri, one["range"]) for one in places} == {"GATE"}


def test_an_error_from_the_start_shows_itself_alone(client: Client, tree: Path) -> None:
    uri = client.open(facts(tree), read(facts(tree)).replace("/// CR0.\nlayout cr0 {", "/// CR0.\nlayout cr0 cr0 {"))
    assert names(client.diagnostics(uri)) == ["syntax"]
    client.replace(uri, "layout cr0 cr0 {", "layout cr0 {")
    assert client.diagnostics(uri) == []


def test_other_files_are_still_checked(client: Client, tree: Path) -> None:
    uri, other = client.open(small(tree)), client.open(facts(tree))
    assert client.diagnostics(uri) == [] and client.diagnostics(other) == []
    client.replace(uri, "hide vmx;", "hide ;")
    assert names(client.diagnostics(uri)) == ["syntax"]
    needs = "unrestricted_guest needs secondary.enable_ept"
    client.replace(other, needs, f"{needs}t")
    assert names(client.diagnostics(other)) == ["unknown-name"]


def test_a_file_with_a_syntax_error_shows_that_alone(client: Client, tree: Path) -> None:
    """Other errors in it are of a text that is no longer there."""
    uri, other = client.open(small(tree)), client.open(facts(tree))
    client.replace(uri, "hide vmx;", "hide ;")
    assert names(client.diagnostics(uri)) == ["syntax"]
    client.replace(other, "12 enable_invpcid;", "12 enable_invpcidd;")
    client.diagnostics(other)
    hover(client, client.at(uri, "GATE"))  # all that was published before has been read then
    seen = [one["params"] for one in client.notices if one["method"] == "textDocument/publishDiagnostics"]
    assert [names(one["diagnostics"]) for one in seen if one["uri"] == uri][-1] == ["syntax"]


def test_every_prefix_of_a_spec_is_survived(tree: Path) -> None:
    """A text that is cut anywhere is analysed, looked at and completed without a fault."""
    from codegen.editor.complete import complete
    from codegen.editor.hover import make_hover

    text = read(small(tree))
    project = Project(tree / "spec", {"spec/small.luv": text})
    index = project.analyse().index
    for end in range(0, len(text), 37):
        project.buffers["spec/small.luv"] = text[:end]
        analysis = project.analyse()
        lines = text[:end].split("\n")
        found = analysis.find("spec/small.luv", len(lines), len(lines[-1]) + 1)
        assert found is None or isinstance(make_hover(found.key, analysis), str)
        complete(text[:end], index)
