"""VMCS fields: what a domain's bodies touch exists under its controls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from codegen import errors
from codegen.checks.controls import split
from codegen.checks.evaluate import evaluate, explain
from codegen.diagnostics import Reporter
from codegen.model import ir
from codegen.model.choices import Body, Domain, Model
from codegen.source import Span


def check_fields(model: Model, domain: Domain, reporter: Reporter) -> None:
    """A field that a `prefer` brings may be used: the body can ask for the control."""
    for span, used in list_uses(model, domain):
        for name in sorted(used & model.facts.field_needs.keys()):
            for need in split(model.facts.field_needs[name]):
                if not evaluate(need, domain).can_hold:
                    why, help = explain(need, domain, model.facts), suggest(need)
                    errors.field_needs(reporter, span, name, why, model.facts.field_needs_spans[name], help)


def suggest(need: ir.Condition) -> str:
    """Which control brings the field."""
    match need:
        case ir.ControlAtom(control):
            return f"turn `{control}` on, or leave the field alone"
        case ir.OrCondition(operands):
            return "or ".join(suggest(one).split("or leave")[0].replace(", ", " ") for one in operands).strip()
    return "leave the field alone"


def list_uses(model: Model, domain: Domain) -> Iterator[tuple[Span, set[str]]]:
    """Fields that each body reads or writes, and where the body is."""
    yield domain.span, {field.field for field, _ in domain.reset if field.field}
    for handler in domain.handlers.values():
        yield handler.span, set(find_fields(handler.body))
    for rule in (*domain.msr.read, *domain.msr.write):
        yield rule.action.span, set(find_fields(rule.action.body))
    for port in domain.io.rules:
        yield port.read.span, set(find_fields(port.read.body))
        yield port.write.span, set(find_fields(port.write.body))
    for call in model.hypercalls.values():
        yield call.span, set(find_fields(call.body))


def find_fields(node: object) -> Iterator[str]:
    """Names of VMCS fields anywhere below a body."""
    match node:
        case None:
            return
        case ir.VmcsRead() | ir.VmcsWrite():
            yield node.field.name
        case ir.GuestRead() | ir.GuestWrite() if node.field.field:
            yield node.field.field
        case tuple():
            for one in node:
                yield from find_fields(one)
            return
    if isinstance(node, Body) or (is_dataclass(node) and type(node).__module__ == ir.__name__):
        for part in fields(node):
            yield from find_fields(getattr(node, part.name))
