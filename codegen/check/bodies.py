"""Bodies read every local that they name, and touch only VMCS fields that exist under the domain's controls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from codegen import errors
from codegen.check.evaluate import evaluate, explain, split
from codegen.diagnostics import Reporter
from codegen.model import ir
from codegen.model.choices import Body, Domain, Model
from codegen.source import Span


def check_locals(model: Model, reporter: Reporter) -> None:
    """Report locals that no statement reads."""
    for body in find_bodies(model):
        used = {name for one in body.statements for name in find_reads(one)}
        for made in find_locals(body.statements):
            if made.name not in used:
                errors.unused_local(reporter, made.span, made.name)


def find_bodies(model: Model) -> Iterator[Body]:
    """Yield the bodies of hypercalls, handlers and rules."""
    yield from (call.body for call in model.hypercalls.values())
    for domain in model.domains.values():
        yield from (handler.body for handler in domain.handlers.values())
        yield from find_rule_bodies(domain)


def find_rule_bodies(domain: Domain) -> Iterator[Body]:
    """Yield the bodies of the MSR and I/O policies."""
    msr = domain.msr
    actions = [rule.action for rule in (*msr.read, *msr.write)] + [msr.default_read, msr.default_write]
    actions += [action for rule in domain.io.rules for action in (rule.read, rule.write)]
    yield from (action.body for action in actions if action.body)


def find_locals(statements: tuple[ir.Statement, ...]) -> Iterator[ir.LetLocal]:
    """Yield every `let`, also those in branches."""
    for one in statements:
        if isinstance(one, ir.LetLocal):
            yield one
        elif isinstance(one, ir.Branch):
            yield from find_locals((*one.then, *one.otherwise))


def find_reads(node: object) -> Iterator[str]:
    """Yield the names of the locals that are read anywhere below a node."""
    if isinstance(node, ir.Local):
        yield node.name
    elif isinstance(node, tuple):
        for one in node:
            yield from find_reads(one)
    elif is_dataclass(node) and type(node).__module__ == ir.__name__:
        for field in fields(node):
            yield from find_reads(getattr(node, field.name))


def check_fields(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report VMCS fields that cannot exist. One that a `prefer` brings may be used: the body can ask for it."""
    for span, used in list_uses(model, domain):
        for name in sorted(used & model.facts.field_needs.keys()):
            for need in split(model.facts.field_needs[name]):
                if not evaluate(need, domain).can_hold:
                    why, help = explain(need, domain, model.facts), suggest(need)
                    errors.field_needs(reporter, span, name, why, model.facts.field_needs_spans[name], help)


def suggest(need: ir.Condition) -> str:
    """Return which control brings the field."""
    match need:
        case ir.ControlAtom(control):
            return f"turn `{control}` on, or leave the field alone"
        case ir.OrCondition(operands):
            return "or ".join(suggest(one).split("or leave")[0].replace(", ", " ") for one in operands).strip()
    return "leave the field alone"


def list_uses(model: Model, domain: Domain) -> Iterator[tuple[Span, set[str]]]:
    """Yield the fields that each body reads or writes, and where the body is."""
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
    """Yield the names of VMCS fields anywhere below a body."""
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
