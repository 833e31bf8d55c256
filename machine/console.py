"""Bochs's output that is not in files: standard output (with port 0xE9) and the drawing of the text screen.

A Bochs with the debugger draws on its own pseudo-terminal and prints its name; one without draws on standard output.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from pathlib import Path

ROWS, COLUMNS = 30, 100
SCREEN_NAME = re.compile(rb'Bochs connected to screen "([^"]+)"')
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78DEHM])|[\x0e\x0f\x07]")
STOP = re.compile(rb"^Next at t=(\d+)", re.MULTILINE)
E9_START = re.compile(r"^Next at t=0\n.*\n(?:Time breakpoint inserted\..*\n)?", re.MULTILINE)
E9_START_FREE = re.compile(r"^Bochs connected to screen .*\n", re.MULTILINE)  # not under the debugger
E9_END = re.compile(r"\(\d+\) Caught time breakpoint|={72}\nBochs is exiting|\(0\)\.\[\d+\]")


class Console:
    """The terminal that Bochs runs on (`terminal` is Bochs's end) and, once it is known, the one that it draws on."""

    def __init__(self, draws_on_output: bool) -> None:
        self.draws_on_output = draws_on_output
        self.ours, self.terminal = os.openpty()
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.screen: int | None = None
        self.output = bytearray()
        self.drawing = bytearray()

    def read(self, seconds: float) -> bytes:
        """Read for `seconds` (0: only what is there already) and return the part that draws the screen."""
        end = time.monotonic() + seconds
        start = len(self.drawing)
        while ready := select.select(self._ends(), [], [], max(0.0, end - time.monotonic()))[0]:
            for descriptor in ready:
                self._take(descriptor)
        return bytes(self.drawing[start:])

    def _ends(self) -> list[int]:
        return [self.ours] if self.screen is None else [self.ours, self.screen]

    def _take(self, descriptor: int) -> None:
        """Read once from one end; find the screen's terminal when it is named."""
        try:
            taken = os.read(descriptor, 65536)
        except OSError:  # the other end is gone
            taken = b""
        if descriptor == self.screen:
            self.drawing += taken
            if not taken:
                self._close_screen()
            return
        self.output += taken
        if self.draws_on_output:
            self.drawing += taken
        elif self.screen is None and not self.drawing and (named := SCREEN_NAME.search(self.output)):
            self._open_screen(named[1].decode())

    def _open_screen(self, name: str) -> None:
        if Path(name).exists():
            self.screen = os.open(name, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self.screen)  # without this the terminal would echo the drawing as key strokes

    def _close_screen(self) -> None:
        if self.screen is not None:
            os.close(self.screen)
            self.screen = None

    def e9(self) -> str:
        """Return what the guest wrote to port 0xE9: the text between Bochs's own first and last lines."""
        text = ESCAPES.sub("", self.output.decode(errors="replace")).replace("\r\n", "\n")
        start = E9_START.search(text) or E9_START_FREE.search(text)
        text = text[start.end():] if start else text
        end = E9_END.search(text)
        return text[:end.start()] if end else text

    def stops(self) -> tuple[int, ...]:
        """Return the ticks at which the debugger stopped."""
        return tuple(int(tick) for tick in STOP.findall(self.output))

    def close(self) -> None:
        """Close all ends."""
        self._close_screen()
        os.close(self.ours)
        os.close(self.terminal)
