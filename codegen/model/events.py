"""Which controls decide about an event, and where its exits are in tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from codegen.model import ir
from codegen.model.facts import Event, Exit

BYTE = 0x100


def find_controls(event: Event, exits: Mapping[str, Exit]) -> tuple[str, ...]:
    """Return the controls that are each the whole condition of an exit of the event; or nothing.

    Together they decide about the event: each other exit of it needs one of them too.
    """
    needed = [list_controls(exits[name].condition) for name in event.exits]
    alone = dict.fromkeys(one for controls in needed if len(controls) == 1 for one in controls)
    return tuple(alone) if all(controls & alone.keys() for controls in needed) else ()


def index_exits(exits: Iterable[Exit]) -> dict[str, int]:
    """Return each exit's place in tables: its number where that fits into a byte, else one after the last of those."""
    found = {one.name: one.number for one in exits if 0 <= one.number < BYTE}
    last = max((one.last for one in exits if one.name in found), default=-1)
    for one in sorted((one for one in exits if one.name not in found), key=lambda one: (one.number < 0, one.number)):
        found[one.name] = last + 1
        last += one.last - one.number + 1
    return found


def needed_controls(condition: ir.Condition) -> list[str]:
    """Return the controls of a conjunction, which may have other parts."""
    match condition:
        case ir.ControlAtom(control):
            return [control]
        case ir.AndCondition(operands):
            return [one for operand in operands for one in needed_controls(operand)]
    return []


def list_controls(condition: ir.Condition) -> frozenset[str]:
    """Return the controls that must all be on, where a condition is made of nothing else; or none."""
    match condition:
        case ir.ControlAtom(control):
            return frozenset({control})
        case ir.AndCondition(operands):
            parts = [list_controls(one) for one in operands]
            return frozenset().union(*parts) if all(parts) else frozenset()
    return frozenset()
