"""One difference in what a domain can do."""

from __future__ import annotations

from dataclasses import dataclass

GAIN, LOSS, CHANGE = "gain", "loss", "change"


@dataclass(frozen=True)
class Change:
    """`kind`: gain, loss or change; `topic`: msr, port, cpuid, control, owned, exit, memory, hypercall ..."""

    kind: str
    topic: str
    domain: str
    text: str


def rank(before: int | tuple[int, bool], after: int | tuple[int, bool]) -> str:
    """More is a gain, less a loss."""
    if before == after:
        return CHANGE
    return GAIN if max(before, after) == after else LOSS
