"""A figure that is held against an aim."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure, its unit, and the aim that it is held against."""

    name: str
    value: float
    aim: float
    unit: str
