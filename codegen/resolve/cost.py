"""An upper bound of a path's cost, in instructions: what the generated C comes to, roughly."""

from __future__ import annotations

from codegen.model import ir

OUTCOMES = {"advance": 16, "advance_by": 16, "resume": 8, "inject": 30, "return": 4, "fail": 4}
LOG_LINE = 60
POLICY = 20


def cost_of(statements: tuple[ir.Statement, ...]) -> int:
    """The dearest path: branches count with their dearer side."""
    return sum(cost_of_statement(one) for one in statements)


def cost_of_statement(statement: ir.Statement) -> int:
    """One statement's highest cost."""
    match statement:
        case ir.Branch(condition, then, otherwise):
            return 2 + cost_of_expression(condition) + max(cost_of(then), cost_of(otherwise))
        case ir.LetLocal(_, value) | ir.Evaluate(value):
            return 1 + cost_of_expression(value)
        case ir.GuestWrite() | ir.VmcsWrite():
            return (2 if statement.low is None else 6) + cost_of_expression(statement.value)
        case ir.LogLine():
            return LOG_LINE
        case ir.End():
            own = OUTCOMES.get(statement.kind, 0)
            return own + (cost_of_expression(statement.value) if statement.value else 0)


def cost_of_expression(expression: ir.Expression) -> int:
    """One expression's cost."""
    match expression:
        case ir.Constant() | ir.Local() | ir.ControlRead() | ir.MsrRead() | ir.FeatureRead() | ir.Predicate():
            return 0
        case ir.PayloadRead() | ir.GuestRead():
            return 1
        case ir.VmcsRead():
            return 2
        case ir.Bits(operand) | ir.Field(operand):
            return 1 + cost_of_expression(operand)
        case ir.Cast(operand):
            return cost_of_expression(operand)
        case ir.UnaryOperation(_, operand):
            return 1 + cost_of_expression(operand)
        case ir.Operation(_, left, right):
            return 1 + cost_of_expression(left) + cost_of_expression(right)
        case ir.ExternCall(extern, arguments):
            return extern.cost + sum(1 + cost_of_expression(one) for one in arguments)
        case ir.PolicyCall(_, arguments):
            return POLICY + sum(cost_of_expression(one) for one in arguments)
