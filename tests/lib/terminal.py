"""Run a command on a pseudo-terminal, as a user does."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from machine.paths import ROOT

WALL_CLOCK = 1800  # seconds; a run that ends in a shell has no limit of emulated time


@contextmanager
def run_on_terminal(command: list[str]) -> Iterator[tuple[int, int]]:
    """Start a command in the project's folder; yield its process and our end of its terminal, and end it afterwards."""
    process, terminal = pty.fork()
    if not process:
        os.chdir(ROOT)
        os.execv(command[0], command)
    try:
        yield process, terminal
    except BaseException:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        raise
    finally:
        os.close(terminal)


def expect(terminal: int, wanted: bytes) -> bytes:
    """Read until `wanted` appears, and return all that was read."""
    heard, end = b"", time.monotonic() + WALL_CLOCK
    while wanted not in heard:
        ready = select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]
        assert ready, f"this machine was too slow: no {wanted!r} within {WALL_CLOCK} s, but {heard[-2000:]!r}"
        heard += os.read(terminal, 4096)
    return heard
