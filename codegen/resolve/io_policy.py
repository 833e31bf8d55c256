"""`io { ... }` and `exceptions { ... }`: which ports and which vectors leave the guest."""

from __future__ import annotations

from codegen import errors, syntax
from codegen.model import choices
from codegen.model.facts import Port, Vector
from codegen.model.types import Scalar
from codegen.resolve.actions import DIRECTIONS, NO_ACTION, directions_of, resolve_action
from codegen.resolve.scope import Scope
from codegen.source import Span

IO_ACTIONS = ("pass", "inject", "hypercalls", "forward", "do")
# A wide access reaches a rule byte by byte, so this is all of the event that it may ask for.
BYTE = ("port", "input")


class IoPolicyResolver:
    """A rule for each port; the direction that it leaves out follows the default."""

    def __init__(self, node: syntax.DomainIo, scope: Scope) -> None:
        self.node, self.scope = node, scope
        event = scope.facts.events.get("io")
        payload = event.payload if event else ()
        self.payload: dict[str, Scalar] = {name: type for name, type in payload if name in BYTE}
        self.defaults: dict[str, choices.Action] = {}
        self.places: list[tuple[Port, Span]] = []

    def resolve(self) -> choices.IoPolicy:
        """The policy, total over all ports in both directions."""
        for rule in self.node.rules:
            if rule.selector.kind == "default":
                self.add_default(rule)
        for direction in DIRECTIONS:
            if direction not in self.defaults:
                errors.policy_default(self.scope.reporter, self.node.span, "I/O", direction, "default pass;")
        made = [self.make_rule(rule) for rule in self.node.rules if rule.selector.kind != "default"]
        read, write = (self.defaults.get(direction, NO_ACTION) for direction in DIRECTIONS)
        return choices.IoPolicy(tuple(rule for rule in made if rule), read, write, self.node.span)

    def add_default(self, rule: syntax.AccessRule) -> None:
        """The default stands once. It passes, or forwards to a VMM: nothing else answers for every port."""
        wanted = "forward" if self.scope.under else "pass"
        for direction, action in self.resolve_accesses(rule).items():
            if direction in self.defaults:
                first = self.defaults[direction].span
                message = f"`default {direction}` is stated twice"
                errors.duplicate_rule(self.scope.reporter, rule.selector.span, message, first)
            if action.kind != wanted:
                message = f"the default of ports can only be `{wanted}`"
                help = "name the ports that leave" if wanted == "pass" else "write default forward NAME;"
                errors.type_mismatch(self.scope.reporter, action.span, message, f"no {wanted}", help)
            self.defaults.setdefault(direction, action)

    def make_rule(self, rule: syntax.AccessRule) -> choices.IoRule | None:
        """The rule of one named port, or None after reporting."""
        if self.scope.under:
            message = f"every port of {self.scope.domain} leaves to its VMM"
            errors.not_valid_here(self.scope.reporter, rule.selector.span, message, "say default forward NAME;")
            return None
        actions = self.resolve_accesses(rule)
        port = self.find_port(rule.selector)
        if port is None:
            return None
        for other, place in self.places:
            if other.first <= port.last and port.first <= other.last:
                message = f"port `{port.name}` has two rules"
                errors.duplicate_rule(self.scope.reporter, rule.selector.span, message, place)
        self.places.append((port, rule.selector.span))
        read, write = (actions.get(one) or self.defaults.get(one, NO_ACTION) for one in DIRECTIONS)
        return choices.IoRule(port, read, write)

    def resolve_accesses(self, rule: syntax.AccessRule) -> dict[str, choices.Action]:
        """The actions of a rule by direction."""
        actions = {}
        for access in rule.accesses:
            action = resolve_action(access.action, "io", self.payload, self.scope)
            if action.kind not in IO_ACTIONS:
                message = "an access to a port passes, injects, or runs a body"
                errors.type_mismatch(self.scope.reporter, action.span, message, "not for ports", "write do { ... }")
            if action.kind == "hypercalls" and access.direction != "write":
                message = "a hypercall is written to its port"
                errors.type_mismatch(self.scope.reporter, action.span, message, "not read", "say write hypercalls")
            actions.update(dict.fromkeys(directions_of(access), action))
        return actions

    def find_port(self, selector: syntax.Selector) -> Port | None:
        """The port that a selector names."""
        ports = self.scope.facts.ports
        if selector.kind != "name":
            message, help = "an I/O rule names one port", "give the range a name in `ports`"
            errors.type_mismatch(self.scope.reporter, selector.span, message, "no port", help)
            return None
        name = selector.names[0]
        if name.text not in ports:
            errors.unknown_name(self.scope.reporter, name, "port", ports)
        return ports.get(name.text)


def resolve_exceptions(node: syntax.DomainExceptions, scope: Scope) -> choices.ExceptionPolicy:
    """Named vectors, and what happens to the others."""
    named = {name: rule for name, rule in name_vectors(node, scope).items() if name in scope.facts.vectors}
    defaults = [rule.how for rule in node.rules if rule.vector is None and rule.how != "switched"]
    if not defaults:
        errors.policy_default(scope.reporter, node.span, "exception", "", "default pass;")
    trapped = [one for one in scope.facts.vectors.values() if is_trapped(one, named, defaults)]
    return choices.ExceptionPolicy(tuple(trapped), any(rule.how == "switched" for rule in node.rules))


def name_vectors(node: syntax.DomainExceptions, scope: Scope) -> dict[str, syntax.ExceptionRule]:
    """The rules that name a vector, each vector once."""
    found: dict[str, syntax.ExceptionRule] = {}
    for rule in node.rules:
        if rule.vector is None:
            continue
        first = found.get(rule.vector.text)
        if first and first.vector:
            message = f"vector `{rule.vector.text}` has two rules"
            errors.duplicate_rule(scope.reporter, rule.vector.span, message, first.vector.span)
        elif rule.vector.text not in scope.facts.vectors:
            errors.unknown_name(scope.reporter, rule.vector, "vector", scope.facts.vectors)
        found.setdefault(rule.vector.text, rule)
    return found


def is_trapped(vector: Vector, named: dict[str, syntax.ExceptionRule], defaults: list[str]) -> bool:
    """An NMI is no exception: a control of its own takes it."""
    if vector.name in named:
        return named[vector.name].how == "trap"
    return "trap" in defaults and vector.name != "nmi"
