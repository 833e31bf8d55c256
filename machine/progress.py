"""Show the progress of a run on standard error, apart from dom0's output."""

from __future__ import annotations

import shutil
import sys

from machine.bochs import Progress

PAUSE = 10.0  # seconds between two lines where there is no terminal


class Reporter:
    """One line that is rewritten on a terminal; else a line every ten seconds."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.next = 0.0
        self.drawn = False

    def show(self, progress: Progress) -> None:
        """Return the line that shows the progress."""
        text = f"[{progress.seconds:4.0f} s] {progress.line or 'firmware and loader'}"
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)
            self.drawn = True
        elif progress.seconds >= self.next:
            print(text, file=sys.stderr, flush=True)
            self.next = progress.seconds + PAUSE

    def watch(self, progress: Progress) -> bool:
        """Show the progress; return true, so that the machine continues."""
        self.show(progress)
        return True

    def clear(self) -> None:
        """Erase the rewritten line."""
        if self.drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.drawn = False
