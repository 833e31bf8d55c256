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
    """Read until `wanted` appears, and return what was read; nothing after it is read, so the next call finds that."""
    heard, end = bytearray(), time.monotonic() + WALL_CLOCK
    while not heard.endswith(wanted):
        ready = select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]
        assert ready, f"this machine was too slow: no {wanted!r} within {WALL_CLOCK} s, but {bytes(heard[-2000:])!r}"
        try:
            heard += os.read(terminal, 1)
        except OSError as error:  # the other end of the terminal is closed
            raise AssertionError(f"the command ended without {wanted!r}: {bytes(heard[-2000:])!r}") from error
    return bytes(heard)
