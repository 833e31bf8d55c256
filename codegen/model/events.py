"""Which control decides about an event: the one condition of its exits that a domain can turn on and off."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.model import ir
from codegen.model.facts import Event, Exit


def find_control(event: Event, exits: Mapping[str, Exit]) -> str:
    """Return the control that is the whole condition of an exit of the event and a part of all others; or nothing."""
    needed = [list_controls(exits[name].condition) for name in event.exits]
    alone = {one for controls in needed if len(controls) == 1 for one in controls}
    if len(alone) != 1 or not all(alone <= controls for controls in needed):
        return ""
    return alone.pop()


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
