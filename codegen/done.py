"""What a command comes to; cli.py prints it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """The exit status of a command, what it has to say, and what it complains about."""

    status: int
    text: str
    complaint: str = ""
