"""`msr`, `io` and `exceptions` of a domain: what happens to each access, and which exceptions cause VM exits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from codegen import errors
from codegen.language import syntax
from codegen.model import choices, ir
from codegen.model.cost import cost_of
from codegen.model.facts import Port, Vector
from codegen.model.types import U32, U64, Scalar
from codegen.resolve.bodies import resolve_body, resolve_forward
from codegen.resolve.expressions import resolve_value
from codegen.resolve.scope import Scope
from codegen.source import NOWHERE, Span

DIRECTIONS = ("read", "write")
NO_ACTION = choices.Action("inject", NOWHERE)

RANKS = {"name": 0, "range": 1, "guarded": 2, "class": 3}

IO_ACTIONS = ("pass", "inject", "hypercalls", "forward", "do")
# What a rule may ask of an access, which it sees as the guest made it; `value` is that of a write.
ACCESS = ("port", "size", "input")


def directions_of(access: syntax.Access) -> tuple[str, ...]:
    """Return the direction that is named, or both."""
    return (access.direction,) if access.direction else DIRECTIONS


def resolve_action(node: syntax.Action, event: str, payload: dict[str, Scalar], scope: Scope) -> choices.Action:
    """Return an action; in its body the payload has the name `e`."""
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
        message = f"`try` accesses the processor's MSR, and {scope.domain} is a domain of a VMM"
        errors.not_valid_here(scope.reporter, node.span, message, "reflect it to the VMM: forward NAME")
    if node.body is not None:
        inner = replace(
            scope, mode="body", binder="e", event=event, payload=payload, taken=frozenset(payload), length="field")
        body = resolve_body(node.body, f"the {event} rule", inner)
    value = resolve_value(node.value, scope, U64) if node.value else None
    number = value.value if isinstance(value, ir.Constant) else 0
    return choices.Action(node.kind, node.span, number, vector, body)


@dataclass(frozen=True)
class Claim:
    """A rule that claims MSRs first..last in a direction; the lower `rank` wins."""

    rank: int
    first: int
    last: int
    name: str
    action: choices.Action
    span: Span


class MsrPolicyResolver:
    """Collect what the rules claim, then settle each MSR by rank."""

    def __init__(self, node: syntax.DomainMsr, scope: Scope) -> None:
        self.node, self.scope, self.facts = node, scope, scope.facts
        self.claims: dict[str, list[Claim]] = {"read": [], "write": []}
        self.defaults: dict[str, choices.Action] = {}

    def resolve(self) -> choices.MsrPolicy:
        """Return the policy, total over all numbers in both directions."""
        for rule in self.node.rules:
            for access in rule.accesses:
                self.add_access(rule.selector, access)
        for direction in DIRECTIONS:
            if direction not in self.defaults:
                wanted = f"default {direction} ...;"
                errors.policy_default(self.scope.reporter, self.node.span, "MSR", direction, wanted)
        read, write = (self.defaults.get(direction, NO_ACTION) for direction in DIRECTIONS)
        rules = {direction: self.settle(direction) for direction in DIRECTIONS}
        return choices.MsrPolicy(rules["read"], rules["write"], read, write, self.node.span)

    def add_access(self, selector: syntax.Selector, access: syntax.Access) -> None:
        """Enter one access for each direction that it means."""
        for direction in directions_of(access):
            payload = {"msr": U32, "value": U64} if direction == "write" else {"msr": U32}
            action = resolve_action(access.action, f"msr_{direction}", payload, self.scope)
            if action.kind == "hypercalls":
                message = "hypercalls come by an instruction or a port, not by an MSR"
                errors.type_mismatch(self.scope.reporter, action.span, message, "not for MSRs")
            if selector.kind == "default":
                self.add_default(selector, direction, action)
                continue
            for first, last, name in self.select(selector):
                self.add_claim(direction, Claim(RANKS[selector.kind], first, last, name, action, selector.span))

    def add_default(self, selector: syntax.Selector, direction: str, action: choices.Action) -> None:
        """Add a default, which stands once."""
        if direction in self.defaults:
            first = self.defaults[direction].span
            errors.duplicate_rule(self.scope.reporter, selector.span, f"`default {direction}` is stated twice", first)
        self.defaults[direction] = action

    def add_claim(self, direction: str, claim: Claim) -> None:
        """Add a claim; claims of one rank do not overlap, for neither would win."""
        for other in self.claims[direction]:
            if other.span == claim.span:
                continue  # MSRs of one rule overlap only where a number is declared twice, which is an error already
            if other.rank == claim.rank and other.first <= claim.last and claim.first <= other.last:
                message = f"{claim.name} has two {direction} rules of the same kind"
                errors.duplicate_rule(self.scope.reporter, claim.span, message, other.span)
                return
        self.claims[direction].append(claim)

    def select(self, selector: syntax.Selector) -> list[tuple[int, int, str]]:
        """Return the MSR numbers that a selector means, as ranges with their names."""
        msrs = self.facts.msrs
        if selector.kind == "guarded":
            return [(one.first, one.last, one.name) for one in msrs.values() if one.guarded]
        if selector.kind == "class":
            return self.select_class(selector.names[0])
        missing = [one for one in selector.names if one.text not in msrs]
        for one in missing:
            errors.unknown_name(self.scope.reporter, one, "MSR", msrs)
        return [] if missing else self.select_range(selector)

    def select_class(self, name: syntax.Name) -> list[tuple[int, int, str]]:
        """Return all MSRs of a class."""
        if name.text not in self.facts.msr_classes:
            errors.unknown_name(self.scope.reporter, name, "MSR class", self.facts.msr_classes)
        return [(one.first, one.last, one.name) for one in self.facts.msrs.values() if one.group == name.text]

    def select_range(self, selector: syntax.Selector) -> list[tuple[int, int, str]]:
        """Return the range from the first name to the last, which are the same where one is named."""
        first, last = (self.facts.msrs[selector.names[index].text] for index in (0, -1))
        if first.first > last.last:
            message = f"{first.name} ({first.first:#x}) comes after {last.name} ({last.last:#x})"
            errors.out_of_range(self.scope.reporter, selector.span, message, "an empty range")
            return []
        return [(first.first, last.last, first.name)]

    def settle(self, direction: str) -> tuple[choices.MsrRule, ...]:
        """Return ranges without overlap: at each number the claim of the lowest rank."""
        claims = self.claims[direction]
        edges = sorted({edge for one in claims for edge in (one.first, one.last + 1)})
        rules: list[choices.MsrRule] = []
        for low, high in pairwise(edges):
            covering = [one for one in claims if one.first <= low and high - 1 <= one.last]
            if covering:
                best = min(covering, key=lambda one: one.rank)
                rules.append(choices.MsrRule(low, high - 1, best.name, best.action))
        return join_rules(rules)


def join_rules(rules: list[choices.MsrRule]) -> tuple[choices.MsrRule, ...]:
    """Join neighbors with the very same action."""
    joined: list[choices.MsrRule] = []
    for rule in rules:
        last = joined[-1] if joined else None
        if last and last.last + 1 == rule.first and last.action is rule.action:
            joined[-1] = replace(last, last=rule.last)
        else:
            joined.append(rule)
    return tuple(joined)


class IoPolicyResolver:
    """A rule for each port; the direction that it leaves out follows the default."""

    def __init__(self, node: syntax.DomainIo, scope: Scope) -> None:
        self.node, self.scope = node, scope
        event = scope.facts.events.get("io")
        payload = event.payload if event else ()
        self.payload: dict[str, Scalar] = {name: type for name, type in payload if name in ACCESS}
        self.payload["value"] = U32
        self.defaults: dict[str, choices.Action] = {}
        self.places: list[tuple[Port, Span]] = []

    def resolve(self) -> choices.IoPolicy:
        """Return the policy, total over all ports in both directions."""
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
        """Add the default, once; it passes, or forwards to a VMM, since nothing else answers for every port."""
        wanted = "forward" if self.scope.under else "pass"
        for direction, action in self.resolve_accesses(rule).items():
            if direction in self.defaults:
                first = self.defaults[direction].span
                message = f"`default {direction}` is stated twice"
                errors.duplicate_rule(self.scope.reporter, rule.selector.span, message, first)
            if action.kind != wanted:
                message = f"the default of ports can only be `{wanted}`"
                help = "name the ports that cause exits" if wanted == "pass" else "write default forward NAME;"
                errors.type_mismatch(self.scope.reporter, action.span, message, f"no {wanted}", help)
            self.defaults.setdefault(direction, action)

    def make_rule(self, rule: syntax.AccessRule) -> choices.IoRule | None:
        """Return the rule of one named port, or None after reporting."""
        if self.scope.under:
            message = f"accesses to all ports of {self.scope.domain} are reflected to its VMM"
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
        """Return the actions of a rule by direction."""
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
        """Return the port that a selector names."""
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
    """Return the exceptions that cause VM exits: those named, and what the default says of others."""
    named = {name: rule for name, rule in name_vectors(node, scope).items() if name in scope.facts.vectors}
    defaults = [rule.how for rule in node.rules if rule.vector is None and rule.how != "switched"]
    if not defaults:
        errors.policy_default(scope.reporter, node.span, "exception", "", "default pass;")
    trapped = [one for one in scope.facts.vectors.values() if is_trapped(one, named, defaults)]
    return choices.ExceptionPolicy(tuple(trapped), any(rule.how == "switched" for rule in node.rules))


def name_vectors(node: syntax.DomainExceptions, scope: Scope) -> dict[str, syntax.ExceptionRule]:
    """Return the rules that name a vector, each vector once."""
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
    """Return whether a vector causes a VM exit; an NMI is no exception but has a control."""
    if vector.name in named:
        return named[vector.name].how == "trap"
    return "trap" in defaults and vector.name != "nmi"
