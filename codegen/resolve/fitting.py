"""Whether a value fits where it goes. A literal takes the type of what it meets; None means: reported."""

from __future__ import annotations

from codegen import errors
from codegen.model import ir
from codegen.model.types import BOOL, Scalar, StructType
from codegen.resolve.scope import Scope
from codegen.source import Span

LITERAL = Scalar("a number", 0)
NOTHING = Scalar("nothing", 0)


def fit(value: ir.Expression, wanted: Scalar, span: Span, scope: Scope) -> ir.Expression | None:
    """The value in the wanted type, or None after reporting."""
    found = value.type
    if isinstance(found, StructType):
        message = f"a struct {found.name} is no {wanted.name}"
        errors.type_mismatch(scope.reporter, span, message, f"this is {found.name}")
        return None
    if isinstance(value, ir.Constant) and found == LITERAL:
        return fit_literal(value, wanted, span, scope)
    if found == NOTHING:
        errors.type_mismatch(scope.reporter, span, "the call returns nothing", "no value")
        return None
    if (found == BOOL) != (wanted == BOOL):
        help = "compare it: ... != 0" if wanted == BOOL else f"cast it: {wanted.name}(...)"
        message = f"a value of type {found.name} is no {wanted.name}"
        errors.type_mismatch(scope.reporter, span, message, f"this is {found.name}", help)
        return None
    if found.bits > wanted.bits:
        errors.too_wide(scope.reporter, span, found.name, wanted.name)
        return None
    return value


def fit_literal(value: ir.Constant, wanted: Scalar, span: Span, scope: Scope) -> ir.Expression | None:
    """A bare number in the wanted type."""
    if value.value >> wanted.bits:
        errors.too_wide(scope.reporter, span, f"{value.value:#x}", wanted.name, number=True)
        return None
    return ir.Constant(value.value, wanted, value.name)
