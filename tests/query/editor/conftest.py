"""Fixtures: a tree with a small spec, and sessions of the language server in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lib.support import COMPILER
from tests.query.editor.client import Client
from tests.query.trees import share_syntax


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree whose spec are the miniature facts and the small spec of the golden tests."""
    (tmp_path / "spec").mkdir()
    for name, source in (("facts.luv", COMPILER / "facts.luv"), ("small.luv", COMPILER / "golden" / "small.luv")):
        (tmp_path / "spec" / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    share_syntax(tmp_path)
    return tmp_path


@pytest.fixture
def start() -> Iterator[Callable[..., Client]]:
    """Return a function that starts a server and opens a session; all are ended after the test."""
    clients: list[Client] = []

    def start_client(**options: object) -> Client:
        client = Client(**options)  # type: ignore[arg-type]
        clients.append(client)
        client.initialize()
        return client

    yield start_client
    for client in clients:
        client.end()


@pytest.fixture(scope="session")
def shared() -> Iterator[Client]:
    """Start one server for all tests that leave it running: each has a tree, and so a spec, apart in it."""
    client = Client()
    client.initialize()
    yield client
    status = client.stop()
    client.end()
    assert status == 0 and b"Traceback" not in client.errors, client.errors.decode()


@pytest.fixture
def client(shared: Client) -> Client:
    """Return the session that tests share, with nothing to read in it."""
    shared.notices.clear()
    return shared
