"""Bodies: a local that nobody reads is a mistake, and C would say so where no spec is in sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.model import ir
from codegen.model.choices import Body, Domain, Model


def check_locals(model: Model, reporter: Reporter) -> None:
    """In every body: what `let` names is read."""
    for body in find_bodies(model):
        used = {name for one in body.statements for name in find_reads(one)}
        for made in find_locals(body.statements):
            if made.name not in used:
                errors.unused_local(reporter, made.span, made.name)


def find_bodies(model: Model) -> Iterator[Body]:
    """Of hypercalls, handlers and rules."""
    yield from (call.body for call in model.hypercalls.values())
    for domain in model.domains.values():
        yield from (handler.body for handler in domain.handlers.values())
        yield from find_rule_bodies(domain)


def find_rule_bodies(domain: Domain) -> Iterator[Body]:
    """Of the MSR and I/O policies."""
    msr = domain.msr
    actions = [rule.action for rule in (*msr.read, *msr.write)] + [msr.default_read, msr.default_write]
    actions += [action for rule in domain.io.rules for action in (rule.read, rule.write)]
    yield from (action.body for action in actions if action.body)


def find_locals(statements: tuple[ir.Statement, ...]) -> Iterator[ir.LetLocal]:
    """Every `let`, also in branches."""
    for one in statements:
        if isinstance(one, ir.LetLocal):
            yield one
        elif isinstance(one, ir.Branch):
            yield from find_locals((*one.then, *one.otherwise))


def find_reads(node: object) -> Iterator[str]:
    """Names of the locals that are read anywhere below."""
    if isinstance(node, ir.Local):
        yield node.name
    elif isinstance(node, tuple):
        for one in node:
            yield from find_reads(one)
    elif is_dataclass(node) and type(node).__module__ == ir.__name__:
        for field in fields(node):
            yield from find_reads(getattr(node, field.name))
