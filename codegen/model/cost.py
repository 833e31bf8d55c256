"""An upper bound of a path's cost, in instructions of the generated C, roughly."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.model import ir
from codegen.source import Span

OUTCOMES = {"advance": 16, "advance_by": 16, "resume": 8, "inject": 30, "forward": 60, "return": 4, "fail": 4}
LOG_LINE = 60
POLICY = 20


@dataclass(frozen=True)
class Part:
    """A statement on a path, or the test of an `if` with the branch that the path takes."""

    cost: int
    span: Span
    branch: str = ""


Path = tuple[Part, ...]


def cost_of(statements: tuple[ir.Statement, ...]) -> int:
    """Return the cost of the most expensive path, where it ends in these statements and where it continues."""
    return cost_of_path(find_path(statements))


def find_path(statements: tuple[ir.Statement, ...]) -> Path:
    """Return the most expensive path."""
    return most_expensive(*follow(statements)) or ()


def cost_of_path(path: Path) -> int:
    """Return what all parts cost together."""
    return sum(one.cost for one in path)


def most_expensive(*paths: Path | None) -> Path | None:
    """Return the path that costs most, of those that there are."""
    return max((one for one in paths if one is not None), key=cost_of_path, default=None)


def follow(statements: tuple[ir.Statement, ...]) -> tuple[Path | None, Path | None]:
    """Return the most expensive path that ends here, and the one that continues; None where there is none."""
    ended: Path | None = None
    path: Path = ()
    for one in statements:
        if isinstance(one, ir.End):
            return most_expensive(ended, (*path, Part(cost_of_statement(one), one.span))), None
        if not isinstance(one, ir.Branch):
            path = (*path, Part(cost_of_statement(one), one.span))
            continue
        sides = [follow_branch(one, one.then, "if"), follow_branch(one, one.otherwise, "else")]
        ended = most_expensive(ended, *((*path, *end) for end, _ in sides if end is not None))
        onward = most_expensive(*(rest for _, rest in sides))
        if onward is None:
            return ended, None
        path = (*path, *onward)
    return ended, path


def follow_branch(
    branch: ir.Branch, statements: tuple[ir.Statement, ...], name: str
) -> tuple[Path | None, Path | None]:
    """Return the paths through one branch, with the test before them."""
    test = Part(2 + cost_of_expression(branch.condition), branch.span, name if statements else "")
    ended, onward = follow(statements)
    return (test, *ended) if ended is not None else None, (test, *onward) if onward is not None else None


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
