"""A scripted client of the language server, over its standard input and output."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lib.support import ROOT

PATIENCE = 120  # wall-clock seconds, for a busy machine
Message = dict[str, Any]


class ServerError(Exception):
    """The server answered with an error."""

    def __init__(self, error: Message) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


class Client:
    """Start the server; send messages; keep what it sends by itself."""

    def __init__(self, command: list[str] | None = None, capabilities: Message | None = None) -> None:
        command = command or [sys.executable, "-m", "codegen.cli", "lsp"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.received: queue.Queue[Message | None] = queue.Queue()
        self.notices: list[Message] = []
        self.errors = bytearray()
        self.last_id = 0
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.threads = [threading.Thread(target=one, daemon=True) for one in (self.read, self.read_errors)]
        for one in self.threads:
            one.start()
        self.capabilities = capabilities or {}

    # ---- the wire

    def read(self) -> None:
        """Put every message into the queue, then None."""
        stream = self.process.stdout
        assert stream
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                header = stream.readline()
            self.received.put(json.loads(stream.read(length)))
        self.received.put(None)

    def read_errors(self) -> None:
        """Keep what the server writes to standard error."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors += line

    def send_bytes(self, data: bytes) -> None:
        """Write bytes as they are."""
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send_body(self, body: bytes) -> None:
        """Write a message's text under its header."""
        self.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def send(self, message: Message) -> None:
        """Write a message."""
        body = {"jsonrpc": "2.0", **message}
        try:
            self.send_body(json.dumps(body, ensure_ascii=False).encode())
        except UnicodeEncodeError:  # half a character can only be sent as an escape
            self.send_body(json.dumps(body).encode())

    def receive(self) -> Message:
        """Return the next message; answer what the server asks."""
        message = self.received.get(timeout=PATIENCE)
        assert message is not None, self.errors.decode()
        if "method" in message:
            self.notices.append(message)
            if "id" in message:
                self.send({"id": message["id"], "result": None})
        return message

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.send({"method": method, **({} if params is None else {"params": params})})

    def start(self, method: str, params: Any = None) -> int:
        """Send a request; return its id."""
        self.last_id += 1
        self.send({"id": self.last_id, "method": method, **({} if params is None else {"params": params})})
        return self.last_id

    def finish(self, id: int | None) -> Any:
        """Return the answer to a request."""
        while True:
            message = self.receive()
            if "method" not in message and message.get("id") == id:
                if "error" in message:
                    raise ServerError(message["error"])
                return message["result"]

    def request(self, method: str, params: Any = None) -> Any:
        """Send a request; return its answer."""
        return self.finish(self.start(method, params))

    def wait(self, wanted: Callable[[Message], bool]) -> Message:
        """Return the first notification that is wanted, among those that came and those that will."""
        seen = 0
        while True:
            for message in self.notices[seen:]:
                seen += 1
                if wanted(message):
                    return message
            self.receive()

    # ---- a session

    def initialize(self) -> Any:
        """Open the session."""
        params = {"processId": os.getpid(), "rootUri": None, "capabilities": self.capabilities}
        result = self.request("initialize", params)
        self.notify("initialized", {})
        return result

    def stop(self) -> int:
        """End the session as an editor does; return the server's exit status."""
        self.request("shutdown")
        self.notify("exit")
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """End the server, whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for one in self.threads:
            one.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    # ---- files

    def open(self, path: Path, text: str | None = None) -> str:
        """Open a file with its text on disk, or another; return its URI."""
        uri = path.as_uri()
        self.texts[uri] = path.read_text(encoding="utf-8") if text is None else text
        self.versions[uri] = 1
        document = {"uri": uri, "languageId": "luv", "version": 1, "text": self.texts[uri]}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def change(self, uri: str, text: str) -> int:
        """Change a file's text; return its version."""
        self.texts[uri] = text
        self.versions[uri] += 1
        document = {"uri": uri, "version": self.versions[uri]}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        return self.versions[uri]

    def replace(self, uri: str, old: str, new: str) -> int:
        """Replace a text that stands once."""
        assert self.texts[uri].count(old) == 1, (old, self.texts[uri].count(old))
        return self.change(uri, self.texts[uri].replace(old, new))

    def diagnostics(self, uri: str, version: int | None = None) -> list[Message]:
        """Return the diagnostics of a file's newest version, or of another."""
        wanted = self.versions.get(uri) if version is None else version

        def is_wanted(message: Message) -> bool:
            params = message.get("params", {})
            published = message["method"] == "textDocument/publishDiagnostics"
            return published and (params["uri"], params.get("version")) == (uri, wanted)

        found: list[Message] = self.wait(is_wanted)["params"]["diagnostics"]
        return found

    def at(self, uri: str, mark: str, offset: int = 0) -> Message:
        """Return the parameters for the place where a text stands first, counted in UTF-16."""
        before = self.texts[uri][: self.texts[uri].index(mark) + offset]
        lines = before.replace("\r\n", "\n").split("\n")
        character = len(lines[-1].encode("utf-16-le")) // 2
        return {"textDocument": {"uri": uri}, "position": {"line": len(lines) - 1, "character": character}}

    def cut(self, uri: str, range: Message) -> str:
        """Return the text of a range, which is on one line."""
        start, end = range["start"], range["end"]
        assert start["line"] == end["line"]
        line = self.texts[uri].replace("\r\n", "\n").split("\n")[start["line"]].encode("utf-16-le")
        units: bytes = line[2 * start["character"] : 2 * end["character"]]
        return units.decode("utf-16-le")


def apply_edits(text: str, edits: list[Message]) -> str:
    """Return a text after edits, applied from the last to the first."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(place: Message) -> int:
        line = lines[place["line"]] if place["line"] < len(lines) else ""
        return starts[place["line"]] + len(line.encode("utf-16-le")[: 2 * place["character"]].decode("utf-16-le"))

    for one in sorted(edits, key=lambda one: offset(one["range"]["start"]), reverse=True):
        text = text[: offset(one["range"]["start"])] + one["newText"] + text[offset(one["range"]["end"]) :]
    return text


def measure_cpu(process: subprocess.Popen[bytes]) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- what tests ask


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def small(tree: Path) -> Path:
    """Return the file of the tree's choices."""
    return tree / "spec" / "small.luv"


def facts(tree: Path) -> Path:
    """Return the file of the tree's facts."""
    return tree / "spec" / "facts.luv"


def names(found: list[Message]) -> list[str]:
    """Return the names of errors."""
    return [one["code"] for one in found]


def labels(found: Message) -> set[str]:
    """Return what a completion offers."""
    return {one["label"] for one in found["items"]}


def hover(client: Client, place: Message) -> str:
    """Return what is shown of a name, or nothing."""
    found = client.request("textDocument/hover", place)
    return str(found["contents"]["value"]) if found else ""


def list_references(client: Client, place: Message, declaration: bool = True) -> list[Message]:
    """Return all places of a name."""
    params = {**place, "context": {"includeDeclaration": declaration}}
    found: list[Message] = client.request("textDocument/references", params)
    return found


def reformat(client: Client, uri: str) -> list[Message]:
    """Return the edits that bring a file into the one layout."""
    params = {"textDocument": {"uri": uri}, "options": {"tabSize": 4, "insertSpaces": True}}
    found: list[Message] = client.request("textDocument/formatting", params)
    return found
