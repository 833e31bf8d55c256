"""An upper bound of a path's cost, in instructions of the generated C, roughly."""

from __future__ import annotations

from codegen.model import ir

OUTCOMES = {"advance": 16, "advance_by": 16, "resume": 8, "inject": 30, "forward": 60, "return": 4, "fail": 4}
LOG_LINE = 60
POLICY = 20


def cost_of(statements: tuple[ir.Statement, ...]) -> int:
    """Return the cost of the dearest path, whether it ends in these statements or continues after them."""
    ended, onward_cost = follow(statements)
    return max(ended, onward_cost or 0)


def follow(statements: tuple[ir.Statement, ...]) -> tuple[int, int | None]:
    """Return the dearest path that ends here (0: none does), and the dearest that continues (None: none does)."""
    ended, cost = 0, 0
    for one in statements:
        if isinstance(one, ir.End):
            return max(ended, cost + cost_of_statement(one)), None
        if not isinstance(one, ir.Branch):
            cost += cost_of_statement(one)
            continue
        cost += 2 + cost_of_expression(one.condition)
        sides = [follow(one.then), follow(one.otherwise)]
        ended = max([ended, *(cost + end for end, _ in sides if end)])
        onward = [rest for _, rest in sides if rest is not None]
        if not onward:
            return ended, None
        cost += max(onward)
    return ended, cost


def cost_of_statement(statement: ir.Statement) -> int:
    """Return one statement's highest cost."""
    match statement:
        case ir.Branch():
            return cost_of((statement,))
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
    """Return one expression's cost."""
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
