"""Diagnostics: those of the compiler, of the whole spec, about the newest text, and quick."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codegen.diagnostics import SpecError
from codegen.editor.project import Project
from codegen.query.reading import read_folder
from tests.lib.support import COMPILER, SPEC
from tests.query.editor.client import (
    Client,
    facts,
    hover,
    measure_cpu,
    names,
    read,
    small,
)

Start = Callable[..., Client]


def list_build_errors(folder: Path) -> list[tuple[str, str, int, int]]:
    """Return what `build.py` reports: file, name, line and column."""
    reading = read_folder(folder, None)
    found = reading.error.diagnostics if isinstance(reading.error, SpecError) else []
    return sorted((one.span.path, one.name, one.span.line, one.span.column) for one in found)


def test_diagnostics_are_those_of_the_compiler(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    assert client.diagnostics(uri) == []
    client.replace(uri, "hide vmx;", "hide vmxx;")
    found = client.diagnostics(uri)
    assert names(found) == ["unknown-name"]
    one = found[0]
    assert client.cut(uri, one["range"]) == "vmxx"
    assert one["severity"] == 1 and one["source"] == "luvalley"
    assert "did you mean `vmx`?" in one["message"]
    client.replace(uri, "hide vmxx;", "hide vmx;")
    assert client.diagnostics(uri) == []


def test_notes_point_into_other_files(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    client.replace(uri, "/// The gate's bit.", "/// Another.\nextern host_cpuid(leaf : u32);\n\n/// The gate's bit.")
    found = [one for one in client.diagnostics(uri) if one["code"] == "duplicate-name"]
    assert found and found[0]["relatedInformation"][0]["location"]["uri"] == facts(tree).as_uri()


REJECTED = sorted((COMPILER / "reject").glob("*.luv"))


def test_every_rejected_spec_has_the_compilers_errors(tmp_path: Path) -> None:
    """What the editor shows is what `build.py` prints, for every spec that the compiler's tests reject."""
    text = read(COMPILER / "facts.luv")
    for path in REJECTED:
        buffers = {"spec/facts.luv": text, "spec/case.luv": path.read_bytes().decode("utf-8", "replace")}
        project = Project(tmp_path / "spec", buffers)
        folder = tmp_path / path.stem / "spec"
        folder.mkdir(parents=True)
        (folder / "facts.luv").write_text(text, encoding="utf-8")
        (folder / "case.luv").write_bytes(path.read_bytes())
        found = project.analyse().diagnostics
        shown = sorted((one.span.path, one.name, one.span.line, one.span.column) for one in found)
        assert shown == list_build_errors(folder), path.name


def test_an_error_in_one_file_shows_in_the_others_that_use_it(client: Client, tree: Path) -> None:
    """Whole specs are checked: a fact that is gone is missed where it is used, in a file that is not even open."""
    uri = client.open(facts(tree))
    client.replace(uri, "12 enable_invpcid;", "12 enable_invpcidd;")
    client.diagnostics(uri)
    other = client.wait(lambda one: one.get("params", {}).get("uri") == small(tree).as_uri())
    assert names(other["params"]["diagnostics"]) == ["unknown-name"]
    client.replace(uri, "12 enable_invpcidd;", "12 enable_invpcid;")
    client.diagnostics(uri)
    client.wait(lambda one: one.get("params", {}) == {"uri": small(tree).as_uri(), "diagnostics": []})


def test_a_file_that_is_closed_counts_as_it_is_on_disk(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    client.replace(uri, "hide vmx;", "hide vmxx;")
    assert names(client.diagnostics(uri)) == ["unknown-name"]
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    found = client.wait(lambda one: one.get("params", {}).get("uri") == uri and not one["params"]["diagnostics"]
                        and "version" not in one["params"])
    assert found


def test_changes_on_disk_are_seen(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    assert client.diagnostics(uri) == []
    path = facts(tree)
    path.write_text(read(path).replace("12 enable_invpcid;", "12 enable_invpcidd;"), encoding="utf-8")
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": path.as_uri(), "type": 2}]})
    client.wait(lambda one: one.get("params", {}).get("uri") == uri and one["params"]["diagnostics"])
    path.unlink()
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": path.as_uri(), "type": 3}]})
    client.wait(lambda one: one.get("params", {}).get("uri") == uri and len(one["params"]["diagnostics"]) > 5)


def test_files_are_watched_where_the_editor_can(start: Start) -> None:
    client = start(capabilities={"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}})
    found = client.wait(lambda one: one["method"] == "client/registerCapability")
    assert found["params"]["registrations"][0]["registerOptions"]["watchers"] == [{"globPattern": "**/*.luv"}]


def test_a_new_file_that_is_not_saved_belongs_to_the_spec(client: Client, tree: Path) -> None:
    uri = client.open(tree / "spec" / "tail.luv", "/// A bit.\nconst OTHER : u8 = GATE + 1;\n")
    assert client.diagnostics(uri) == []
    assert "const GATE" in hover(client, client.at(uri, "GATE", 2))


def test_a_file_outside_of_a_spec_is_parsed_alone(client: Client, tree: Path) -> None:
    for uri in (client.open(tree / "alone.luv", "const A : u8 = ;\n"),):
        assert names(client.diagnostics(uri)) == ["syntax"]
    client.change(uri, "const A : u8 = NOWHERE;\n")
    assert client.diagnostics(uri) == []
    assert client.request("textDocument/definition", client.at(uri, "A")) != []


def test_an_unnamed_buffer_is_served(client: Client) -> None:
    uri = "untitled:Untitled-1"
    document = {"uri": uri, "languageId": "luv", "version": 1, "text": "const A : u8 = ;\n"}
    client.texts[uri], client.versions[uri] = document["text"], 1  # type: ignore[assignment]
    client.notify("textDocument/didOpen", {"textDocument": document})
    assert names(client.diagnostics(uri)) == ["syntax"]


def test_two_specs_are_two_worlds(client: Client, tree: Path) -> None:
    other = tree / "other" / "spec"
    other.mkdir(parents=True)
    (other / "only.luv").write_text("/// A bit.\nconst GATE : u8 = 4;\n", encoding="utf-8")
    uri, second = client.open(small(tree)), client.open(other / "only.luv")
    assert client.diagnostics(uri) == []
    assert names(client.diagnostics(second)) != []  # it has no domain
    found = client.request("textDocument/definition", client.at(second, "GATE", 1))
    assert [one["uri"] for one in found] == [second]





def test_quick_edits_end_with_the_newest_version(client: Client, tree: Path) -> None:
    """The edits come faster than they are analysed: fewer reports than edits, the last one about the last text."""
    uri = client.open(small(tree))
    text, count = client.texts[uri], 200
    for number in range(count):
        version = client.change(uri, text.replace("hide vmx;", f"hide vmx{number};"))
    found = client.diagnostics(uri, version)
    assert [client.cut(uri, one["range"]) for one in found] == [f"vmx{count - 1}"]
    published = [one["params"] for one in client.notices if one["method"] == "textDocument/publishDiagnostics"]
    reports = [one for one in published if one["uri"] == uri]
    versions = [one["version"] for one in reports]
    assert versions == sorted(versions) and versions[-1] == version and len(versions) < count / 2
    for one in reports:
        assert len(one["diagnostics"]) == (one["version"] != 1)
    version = client.change(uri, text)
    assert client.diagnostics(uri, version) == []


def test_requests_between_edits_see_the_newest_text(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    for number in range(20):
        client.change(uri, f"/// Number {number}.\nconst FRESH_{number} : u8 = {number};\n\n{read(small(tree))}")
        assert f"Number {number}." in hover(client, client.at(uri, "FRESH_", 2))


def test_a_cancelled_request_is_survived(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    id = client.start("textDocument/hover", client.at(uri, "const GATE", 7))
    client.notify("$/cancelRequest", {"id": id})
    assert client.finish(id)
    client.notify("$/cancelRequest", {"id": 12345})
    assert client.diagnostics(uri) == []


KEYSTROKES = 12
MAX_CPU = 0.2  # seconds for a keystroke: diagnostics of the whole shipped spec


def test_a_keystroke_costs_little(client: Client) -> None:
    """In the longest file of choices and in the longest of facts, with and without an error; the median counts."""
    for name in ("dom0.luv", "facts/vmx/exits.luv"):
        uri = client.open(SPEC / name)
        client.diagnostics(uri)
        text, costs = client.texts[uri], []
        for number in range(KEYSTROKES):
            before = measure_cpu(client.process)
            client.change(uri, f"{text}\n// {'x' * number}" if number % 2 else f"{text}\nconst {'x' * number}")
            client.diagnostics(uri)
            costs.append(measure_cpu(client.process) - before)
        assert sorted(costs)[len(costs) // 2] < MAX_CPU, (name, costs)
