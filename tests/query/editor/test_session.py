"""The language server's session: how it begins and ends, and messages that are none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lib.support import ROOT, SPEC
from tests.query.editor.client import (
    Client,
    ServerError,
    facts,
    hover,
    list_references,
    small,
)

Start = Callable[..., Client]


def test_capabilities_are_announced() -> None:
    client = Client()
    try:
        found = client.initialize()["capabilities"]
        for name in ("hover", "definition", "references", "documentHighlight", "documentSymbol", "documentFormatting"):
            assert found[f"{name}Provider"]
        assert found["renameProvider"] and found["completionProvider"]["triggerCharacters"]
        assert found["positionEncoding"] == "utf-16"
        assert client.stop() == 0
        assert client.errors == b""
    finally:
        client.end()


def test_build_py_starts_it() -> None:
    client = Client([sys.executable, str(ROOT / "build.py"), "lsp"])
    try:
        client.initialize()
        uri = client.open(SPEC / "dom0.luv")
        assert client.diagnostics(uri) == []
        assert client.stop() == 0
    finally:
        client.end()


def test_exit_without_shutdown_is_a_failure(start: Start) -> None:
    client = start()
    client.notify("exit")
    assert client.process.wait(60) == 1


def test_a_client_that_is_gone_ends_the_server(start: Start, tree: Path) -> None:
    client = start()
    client.open(small(tree))
    assert client.process.stdin
    client.process.stdin.close()
    assert client.process.wait(60) == 0


def test_requests_before_initialize_are_refused() -> None:
    client = Client()
    client.texts["file:///x.luv"] = ""
    try:
        with pytest.raises(ServerError) as fault:
            client.request("textDocument/hover", client.at("file:///x.luv", ""))
        assert fault.value.code == -32002
        client.initialize()
        assert client.stop() == 0
    finally:
        client.end()


def test_requests_after_shutdown_are_refused(start: Start, tree: Path) -> None:
    client = start()
    uri = client.open(small(tree))
    client.request("shutdown")
    with pytest.raises(ServerError) as fault:
        client.request("textDocument/hover", client.at(uri, "guest"))
    assert fault.value.code == -32600
    client.notify("exit")
    assert client.process.wait(60) == 0


MALFORMED = [
    (b"{", -32700),
    (b"\xff\xfe", -32700),
    (b"[1, 2]", -32600),
    (b"7", -32600),
    (b'"text"', -32600),
    (b'{"jsonrpc": "2.0", "id": 77, "method": "textDocument/hover", "params": {"position": 5}}', -32602),
    (b'{"jsonrpc": "2.0", "id": 78, "method": "textDocument/hover"}', -32602),
    (b'{"jsonrpc": "2.0", "id": 79, "method": "no/such", "params": {}}', -32601),
]


@pytest.mark.parametrize(("body", "code"), MALFORMED)
def test_malformed_messages_are_answered_and_survived(start: Start, tree: Path, body: bytes, code: int) -> None:
    client = start()
    client.send_body(body)
    data = json.loads(body) if code in (-32602, -32601) else {}
    with pytest.raises(ServerError) as fault:
        client.finish(data.get("id"))
    assert fault.value.code == code
    uri = client.open(small(tree))
    assert client.diagnostics(uri) == []
    assert "cpuid" in hover(client, client.at(uri, "on cpuid", 4))


SILENT = [
    b"garbage without a header\r\n",
    b"X-Other: 3\r\n\r\n",
    b'Content-Length: 45\r\n\r\n{"jsonrpc": "2.0", "method": "no/such_notice"}'[:-1],
    b'Content-Type: application/json\r\nContent-Length: 41\r\n\r\n{"jsonrpc": "2.0", "method": "$/unknown"}\n',
]


@pytest.mark.parametrize("data", SILENT)
def test_noise_between_messages_is_survived(start: Start, tree: Path, data: bytes) -> None:
    client = start()
    if data.startswith(b"Content-Length"):
        data = data.replace(b"45", str(len(data.partition(b"\r\n\r\n")[2])).encode())
    client.send_bytes(data)
    uri = client.open(small(tree))
    assert client.diagnostics(uri) == []


def test_notices_about_files_that_are_not_open_are_survived(start: Start, tree: Path) -> None:
    client = start()
    document = {"uri": facts(tree).as_uri(), "version": 3}
    client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": "nonsense"}]})
    client.notify("textDocument/didClose", {"textDocument": document})
    client.notify("textDocument/didClose", {"textDocument": {"uri": "untitled:Untitled-1"}})
    uri = client.open(small(tree))
    assert client.diagnostics(uri) == []


def test_positions_outside_of_the_text_mean_nothing(client: Client, tree: Path) -> None:
    uri = client.open(small(tree))
    for line, character in ((99999, 0), (0, 99999), (99999, 99999)):
        place = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        for method in ("hover", "definition", "documentHighlight", "completion", "prepareRename"):
            client.request(f"textDocument/{method}", place)
        client.request("textDocument/rename", {**place, "newName": "x"})
        list_references(client, place)
