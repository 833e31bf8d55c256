"""A measured figure and its aim."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure, its unit, and the aim that it is compared with."""

    name: str
    value: float
    aim: float
    unit: str
