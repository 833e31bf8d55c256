"""Conditions of facts as C, over what the processor granted."""

from __future__ import annotations

from codegen.checks.evaluate import evaluate
from codegen.model import ir
from codegen.model.choices import Domain


def c_condition(condition: ir.Condition, domain: Domain) -> str:
    """What the choices settle is settled here; only `prefer` is left for the processor."""
    truth = evaluate(condition, domain)
    if not truth.can_fail:
        return "true"
    if not truth.can_hold:
        return "false"
    match condition:
        case ir.ControlAtom(control):
            word, bit = control.split(".")
            index = f"{domain.name}_WORD_{word}".upper()
            return f"{domain.name}_control_word[{index}] & {word.upper()}_{bit.upper()}"
        case ir.NotCondition(operand):
            return f"!({c_condition(operand, domain)})"
        case ir.AndCondition(operands):
            return join(operands, " && ", "true", domain)
        case ir.OrCondition(operands):
            return join(operands, " || ", "false", domain)
    return "true"


def join(operands: tuple[ir.Condition, ...], operator: str, neutral: str, domain: Domain) -> str:
    """Conditions under one operator, what decides nothing left out."""
    parts = [part for part in (c_condition(one, domain) for one in operands) if part != neutral]
    return operator.join(f"({part})" if len(parts) > 1 else part for part in parts) or neutral
