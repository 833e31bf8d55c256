"""Connect the user's terminal to the machine's serial port: in raw mode while dom0's shell runs, then restored."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from machine.bochs import Machine, Result, Run
from machine.markers import OUTPUT
from machine.progress import Reporter

ESCAPE = b"\x1d"  # Ctrl-]
MOMENT = 0.05  # seconds


@contextmanager
def make_raw(descriptor: int) -> Iterator[None]:
    """Put the terminal in raw mode; restore it at the end."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)  # keeps what is typed already
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class Line:
    """The serial line: one end of a pseudo-terminal whose other end is the machine's COM1."""

    def __init__(self, record: BinaryIO) -> None:
        self.ours, self.other = os.openpty()
        tty.setraw(self.other)
        self.setting = f"mode=term, dev={os.ttyname(self.other)}"
        self.record = record

    def read(self, seconds: float) -> bytes:
        """Return the machine's output within a short time, and record it."""
        if not select.select([self.ours], [], [], seconds)[0]:
            return b""
        taken = os.read(self.ours, 65536)
        self.record.write(taken)
        self.record.flush()
        return taken

    def close(self) -> None:
        """Close both ends."""
        os.close(self.ours)
        os.close(self.other)


def wait_for_shell(run: Run, line: Line, timeout: float) -> bytes | None:
    """Show progress until dom0's shell starts; return the output after its marker, or None if it never started."""
    reporter, heard = Reporter(), b""
    marker = OUTPUT.strip().encode() + b"\r\n"
    while run.step() and run.seconds < timeout:
        heard += line.read(MOMENT)
        if marker in heard:
            reporter.clear()
            return heard.partition(marker)[2]
        reporter.show(run.report())
    reporter.clear()
    return None


def bridge(run: Run, line: Line, greeting: bytes) -> str:
    """Copy key strokes and output until the machine ends or the user presses the escape key; return the outcome."""
    keys, display = sys.stdin.fileno(), sys.stdout.fileno()
    os.write(display, greeting)
    while run.step(MOMENT):
        while taken := line.read(0):
            os.write(display, taken)
        if select.select([keys], [], [], 0)[0]:
            typed = os.read(keys, 1024)
            if not typed or ESCAPE in typed:
                return "stopped"
            os.write(line.ours, typed)
    os.write(display, line.read(0))
    return "ended"


def run_shell(machine: Machine, timeout: float) -> Result:
    """Run the machine with COM1 on the user's terminal. `timeout` (seconds) applies until the shell starts."""
    with Path(machine.folder / "serial.txt").open("wb") as record:
        line = Line(record)
        try:
            with Run(machine, line.setting) as run:
                greeting = wait_for_shell(run, line, timeout)
                if greeting is None:
                    return run.finish("timeout" if run.seconds >= timeout else "ended")
                with make_raw(sys.stdin.fileno()):
                    return run.finish(bridge(run, line, greeting))
        finally:
            line.close()
