"""What an explanation is made of, and how it stands on the screen."""

from __future__ import annotations

from dataclasses import dataclass, field

MARGIN = 8
WIDTH = 118
MOST_LINES = 16


@dataclass
class Page:
    """`fact`, `choice`, `code`, `tests`: lines each; what has none is left out."""

    title: str
    fact: list[str] = field(default_factory=list)
    choice: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    def write(self) -> str:
        """The title, then each part beside its name."""
        parts = {"fact": self.fact, "choice": self.choice, "code": self.code, "tests": self.tests or ["none names it"]}
        blocks = [write_part(name, lines) for name, lines in parts.items() if lines]
        return "\n".join([self.title, *blocks])


def write_part(name: str, lines: list[str]) -> str:
    """Lines in a column behind the part's name; long ones end in an ellipsis."""
    room = WIDTH - MARGIN
    cut = [line if len(line) <= room else line[: room - 3] + "..." for line in lines]
    margin = " " * MARGIN
    return "\n".join(["", *(f"{f'{name:<{MARGIN}}' if not index else margin}{line}" for index, line in enumerate(cut))])


def shorten(lines: list[str], most: int = MOST_LINES) -> list[str]:
    """The first lines, and how many more there are."""
    return lines if len(lines) <= most else [*lines[: most - 1], f"... {len(lines) - most + 1} more lines"]
