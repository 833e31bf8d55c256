"""What a table's rule does with an access: pass, try, a value, inject, or a body."""

from __future__ import annotations

from dataclasses import replace

from codegen import errors, syntax
from codegen.model import choices, ir
from codegen.model.types import U64, Scalar
from codegen.resolve.bodies import resolve_body, resolve_forward
from codegen.resolve.cost import cost_of
from codegen.resolve.expressions import resolve_value
from codegen.resolve.scope import Scope
from codegen.source import NOWHERE

DIRECTIONS = ("read", "write")
NO_ACTION = choices.Action("inject", NOWHERE)


def directions_of(access: syntax.Access) -> tuple[str, ...]:
    """The one that is named, or both."""
    return (access.direction,) if access.direction else DIRECTIONS


def resolve_action(node: syntax.Action, event: str, payload: dict[str, Scalar], scope: Scope) -> choices.Action:
    """An action; in its body the payload goes by the name `e`."""
    vector = None
    if node.vector is not None:
        vector = scope.facts.vectors.get(node.vector.text)
        if vector is None:
            errors.unknown_name(scope.reporter, node.vector, "vector", scope.facts.vectors)
    body = None
    if node.forward is not None:
        end = resolve_forward(node.forward, node.span, scope)
        body = choices.Body((end,), cost_of((end,))) if end else None
    if node.kind == "try" and scope.under:
        message = f"`try` asks the processor, and {scope.domain} is only a guest of it"
        errors.not_valid_here(scope.reporter, node.span, message, "tell its VMM: forward NAME")
    if node.body is not None:
        inner = replace(scope, mode="body", binder="e", event=event, payload=payload, length="field")
        body = resolve_body(node.body, f"the {event} rule", inner)
    value = resolve_value(node.value, scope, U64) if node.value else None
    number = value.value if isinstance(value, ir.Constant) else 0
    return choices.Action(node.kind, node.span, number, vector, body)
