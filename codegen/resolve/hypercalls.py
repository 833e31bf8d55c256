"""Hypercalls: signatures, who may call, which errors they return, and bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from codegen import errors
from codegen.language import syntax
from codegen.model import choices, ir
from codegen.model.cost import cost_of
from codegen.model.facts import Doc
from codegen.model.types import SCALARS, HandleType, Scalar, Type, handle_of
from codegen.resolve.bodies import resolve_body
from codegen.resolve.declarations import declare, of_kind
from codegen.resolve.scope import Scope

MAX_ARGUMENTS = 4
MAX_BY_PORT = 2  # RDX is the port
MAX_NUMBER = 63  # the dispatcher has a row for each number up to the highest
EXTERN_COST = 20
# What the dispatcher itself answers.
IMPLIED = {"": (), "domain": ("ENOENT",), "vcpu": ("ENOENT", "EBUSY")}
TOO_WIDE = "EINVAL"
Parameters = Callable[[Iterable[syntax.Parameter]], tuple[tuple[str, Type], ...]]


class HypercallResolver:
    """All hypercalls of a spec; `parameters` resolves names and types."""

    def __init__(self, items: list[syntax.Item], scope: Scope, parameters: Parameters) -> None:
        self.items, self.scope, self.parameters = items, scope, parameters
        self.reporter, self.facts = scope.reporter, scope.facts
        self.externs: dict[str, choices.Extern] = {}

    def resolve(self) -> dict[str, choices.Hypercall]:
        """Return hypercalls by name, their numbers distinct."""
        made: dict[str, choices.Hypercall] = {}
        numbers: dict[int, Any] = {}
        for node, doc in of_kind(self.items, syntax.Hypercall):
            self.check_number(node.number, numbers)
            numbers.setdefault(node.number.value, node.number.span)
            declare(made, node.name, "hypercall", self.make(node, doc), self.reporter)
        return made

    def check_number(self, number: syntax.Number, numbers: dict[int, Any]) -> None:
        """Report a number that is taken, or too high for the dispatcher."""
        if number.value in numbers:
            message = f"hypercall {number.value} is taken"
            errors.duplicate_number(self.reporter, number.span, message, numbers[number.value])
        if number.value > MAX_NUMBER:
            message = f"{number.text}: no hypercall has such a number"
            errors.out_of_range(self.reporter, number.span, message, f"the last one is {MAX_NUMBER}")

    def make(self, node: syntax.Hypercall, doc: Doc) -> choices.Hypercall:
        """Return a hypercall and its typed body."""
        parameters = self.parameters(node.parameters)
        self.check_handles(node, parameters)
        self.check_callers(node, handle_of(parameters))
        self.check_count(node)
        places = {one.name.text: one.name.span for one in node.parameters}
        returns = self.returns(node.returns) if node.returns else None
        failures = self.failures(node, parameters)
        scope = replace(
            self.scope, mode="body", hypercall=True, locals={name: ir.Local(name, type) for name, type in parameters},
            taken=frozenset(places), places=places, returns=returns, failures=failures,
        )
        what = f"hypercall `{node.name.text}`"
        body = resolve_body(node.body, what, scope) if node.body else self.forward(node, parameters, doc)
        callers = tuple(one.text for one in node.callers)
        return choices.Hypercall(
            node.number.value, node.name.text, parameters, returns, callers, failures, body, doc, node.name.span
        )

    def forward(self, node: syntax.Hypercall, parameters: tuple[tuple[str, Type], ...], doc: Doc) -> choices.Body:
        """Return the body of a hypercall without one: the runtime's function of the same name answers."""
        name, answer = node.name.text, self.scope.structs.get("answer")
        if answer is None:
            errors.unknown_name(self.reporter, replace(node.name, text="answer"), "struct", self.scope.structs)
        if name in self.scope.externs:
            errors.duplicate_name(self.reporter, node.name, "extern", self.scope.externs[name].span)
        extern = choices.Extern(name, parameters, answer, True, EXTERN_COST, doc, node.name.span)
        self.externs[name] = extern
        call = ir.ExternCall(extern, tuple(ir.Local(one, type) for one, type in parameters), answer or SCALARS["u64"])
        statements = (ir.End("return", call, None, "", node.name.span),)
        return choices.Body(statements, cost_of(statements))

    def returns(self, name: syntax.Name) -> Scalar:
        """Return the type of the result: a number, since RDX holds no more."""
        if name.text not in SCALARS:
            errors.unknown_name(self.reporter, name, "type", SCALARS)
        return SCALARS.get(name.text, SCALARS["u64"])

    def check_handles(self, node: syntax.Hypercall, parameters: tuple[tuple[str, Type], ...]) -> None:
        """Report handles after the first parameter: the dispatcher looks up that one alone."""
        for one, (_, type) in list(zip(node.parameters, parameters, strict=True))[1:]:
            if isinstance(type, HandleType):
                message = f"`{one.name.text}` is a handle and not the first parameter"
                help = "put it first: that one is looked up, and acquired for the call"
                errors.not_valid_here(self.reporter, one.type.span, message, help)

    def check_callers(self, node: syntax.Hypercall, handle: str) -> None:
        """Report callers that are unknown, listed twice, or that the handle cannot be checked against."""
        known = self.scope.abi.callers
        fitting = [one.name for one in known.values() if handle in one.handles]
        seen: dict[str, syntax.Name] = {}
        for name in node.callers:
            if name.text not in known:
                errors.unknown_name(self.reporter, name, "caller", known)
            elif name.text in seen:
                errors.duplicate_name(self.reporter, name, "caller", seen[name.text].span)
            elif name.text not in fitting:
                what = f"with a `{handle}`" if handle else "without a handle"
                message = f"a call {what} cannot come from `{name.text}`"
                errors.not_valid_here(self.reporter, name.span, message, f"it has: {', '.join(fitting)}")
            seen.setdefault(name.text, name)

    def check_count(self, node: syntax.Hypercall) -> None:
        """Report more arguments than there are registers for."""
        ways = {one.name: one.way for one in self.scope.abi.callers.values()}
        by_port = any(ways.get(one.text) == "port" for one in node.callers)
        most = MAX_BY_PORT if by_port else MAX_ARGUMENTS
        if len(node.parameters) > most:
            what = "a hypercall from root" if by_port else "a hypercall"
            message = f"{what} has at most {most} arguments, this one {len(node.parameters)}"
            errors.out_of_range(self.reporter, node.name.span, message, "more than there are registers for")

    def failures(self, node: syntax.Hypercall, parameters: tuple[tuple[str, Type], ...]) -> tuple[str, ...]:
        """Return declared errors, and those of the dispatcher, by number."""
        known = self.facts.errnos
        seen: dict[str, syntax.Name] = {}
        for name in node.errors:
            if name.text not in known:
                errors.unknown_name(self.reporter, name, "error number", known)
            elif name.text in seen:
                errors.duplicate_name(self.reporter, name, "error", seen[name.text].span)
            seen.setdefault(name.text, name)
        narrow = any(isinstance(type, Scalar) and type.bits < 64 for _, type in parameters)
        found = {*seen, *IMPLIED[handle_of(parameters)], *([TOO_WIDE] if narrow else [])}
        return tuple(sorted(found & known.keys(), key=lambda one: known[one].number))
