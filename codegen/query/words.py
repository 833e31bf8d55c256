"""Places and outcomes in words, and what a domain's tables do with an access."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codegen.model import ir
from codegen.model.choices import Action, Domain, IoRule, MsrRule
from codegen.source import NOWHERE, Span

ACTIONS = {"pass": ("native",), "try": ("advance", "inject gp"), "value": ("advance",),
           "hypercalls": ("advance",)}


def say_place(span: Span) -> str:
    """Return `file:line`, or nothing."""
    return "" if span == NOWHERE else f"{span.path}:{span.line}"


def say_list(words: Iterable[str]) -> str:
    """Return each word once, in order."""
    return ", ".join(dict.fromkeys(words))


def walk(statements: Iterable[ir.Statement]) -> Iterator[ir.Statement]:
    """Yield every statement of a body, in order."""
    for one in statements:
        yield one
        if isinstance(one, ir.Branch):
            yield from walk(one.then)
            yield from walk(one.otherwise)


def outcomes_of(statements: Iterable[ir.Statement]) -> tuple[str, ...]:
    """Return how a body's paths can end, each way once."""
    return tuple(dict.fromkeys(say_end(one) for one in walk(statements) if isinstance(one, ir.End)))


def say_end(end: ir.End) -> str:
    """Return an outcome in a word or two."""
    if end.kind == "inject" and end.vector is not None:
        return f"inject {end.vector.name}"
    if end.kind in ("fail", "forward") and isinstance(end.value, ir.Constant):
        return f"{end.kind} {end.value.name}"
    return "advance" if end.kind == "advance_by" else end.kind


def outcomes_of_action(action: Action) -> tuple[str, ...]:
    """Return how an access with this action can end."""
    if action.body is not None:
        return outcomes_of(action.body.statements)
    if action.kind == "inject" and action.vector is not None:
        return (f"inject {action.vector.name}",)
    return ACTIONS.get(action.kind, (action.kind,))


def say_action(action: Action) -> str:
    """Return what a table's rule does, in the spec's words."""
    match action.kind:
        case "value":
            return f"{action.value:#x}"
        case "inject":
            return say_list(outcomes_of_action(action))
        case "do":
            return f"do {{ {say_list(outcomes_of_action(action))} }}"
        case "forward":
            return say_list(outcomes_of_action(action))
        case kind:
            return kind


# ---- an MSR or port in one direction


def msr_action(number: int, direction: str, domain: Domain) -> tuple[Action, MsrRule | None]:
    """Return the action for an MSR, and its rule if it is not the default."""
    policy = domain.msr
    rules, default = (policy.read, policy.default_read) if direction == "read" else (policy.write, policy.default_write)
    rule = next((one for one in rules if one.first <= number <= one.last), None)
    return (rule.action if rule else default), rule


def io_action(port: int, direction: str, domain: Domain) -> tuple[Action, IoRule | None]:
    """Return the same for a port."""
    policy = domain.io
    rule = next((one for one in policy.rules if one.port.first <= port <= one.port.last), None)
    if rule:
        return (rule.read if direction == "read" else rule.write), rule
    return (policy.default_read if direction == "read" else policy.default_write), None
