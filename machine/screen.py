"""The guest's text screen, 80 by 25, as Bochs draws it on a terminal."""

from __future__ import annotations

import pyte

from machine.console import COLUMNS, ROWS

TEXT_ROWS, TEXT_COLUMNS = 25, 80


class Screen:
    """A small model of a terminal, to which Bochs's output is written."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)

    def feed(self, drawn: bytes) -> None:
        """Process output of Bochs."""
        self.stream.feed(drawn)

    def text(self) -> str:
        """Return the screen's lines, without blanks at their ends and without empty lines at the end."""
        lines = [line[:TEXT_COLUMNS].rstrip() for line in self.screen.display[:TEXT_ROWS]]
        return "\n".join(lines).rstrip()
