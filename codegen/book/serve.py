"""The book over HTTP, on this machine only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADDRESS = "127.0.0.1"
PORT = 8000


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and does not talk about it."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def open_server(site: Path, port: int = PORT) -> ThreadingHTTPServer:
    """A server for a site; on another port where this one is taken."""
    handler = partial(Quiet, directory=str(site))
    try:
        return ThreadingHTTPServer((ADDRESS, port), handler)
    except OSError:
        return ThreadingHTTPServer((ADDRESS, 0), handler)


def serve(site: Path, say: Callable[[str], None]) -> None:
    """Serve until interrupted."""
    with open_server(site) as server:
        say(f"http://{ADDRESS}:{server.server_port}/  (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended")
