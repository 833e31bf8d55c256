"""`msr { ... }`: named MSRs before ranges before `guarded` before classes before the default."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from codegen import errors, syntax
from codegen.model import choices
from codegen.model.types import U32, U64
from codegen.resolve.actions import DIRECTIONS, NO_ACTION, directions_of, resolve_action
from codegen.resolve.scope import Scope
from codegen.source import Span

RANKS = {"name": 0, "range": 1, "guarded": 2, "class": 3}


@dataclass(frozen=True)
class Claim:
    """A rule that wants MSRs first..last in a direction; the lower `rank` wins."""

    rank: int
    first: int
    last: int
    name: str
    action: choices.Action
    span: Span


class MsrPolicyResolver:
    """Collects what the rules claim, then settles each MSR by rank."""

    def __init__(self, node: syntax.DomainMsr, scope: Scope) -> None:
        self.node, self.scope, self.facts = node, scope, scope.facts
        self.claims: dict[str, list[Claim]] = {"read": [], "write": []}
        self.defaults: dict[str, choices.Action] = {}

    def resolve(self) -> choices.MsrPolicy:
        """The policy, total over all numbers in both directions."""
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
        """A default stands once."""
        if direction in self.defaults:
            first = self.defaults[direction].span
            errors.duplicate_rule(self.scope.reporter, selector.span, f"`default {direction}` is stated twice", first)
        self.defaults[direction] = action

    def add_claim(self, direction: str, claim: Claim) -> None:
        """Claims of one rank do not overlap: neither would win."""
        for other in self.claims[direction]:
            if other.rank == claim.rank and other.first <= claim.last and claim.first <= other.last:
                message = f"{claim.name} has two {direction} rules of the same kind"
                errors.duplicate_rule(self.scope.reporter, claim.span, message, other.span)
                return
        self.claims[direction].append(claim)

    def select(self, selector: syntax.Selector) -> list[tuple[int, int, str]]:
        """The MSR numbers that a selector means, as ranges with their names."""
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
        """All MSRs of a class."""
        if name.text not in self.facts.msr_classes:
            errors.unknown_name(self.scope.reporter, name, "MSR class", self.facts.msr_classes)
        return [(one.first, one.last, one.name) for one in self.facts.msrs.values() if one.group == name.text]

    def select_range(self, selector: syntax.Selector) -> list[tuple[int, int, str]]:
        """From the first name to the last, which are the same where one is named."""
        first, last = (self.facts.msrs[selector.names[index].text] for index in (0, -1))
        if first.first > last.last:
            message = f"{first.name} ({first.first:#x}) comes after {last.name} ({last.last:#x})"
            errors.out_of_range(self.scope.reporter, selector.span, message, "an empty range")
            return []
        return [(first.first, last.last, first.name)]

    def settle(self, direction: str) -> tuple[choices.MsrRule, ...]:
        """Ranges without overlap: at each number the claim of the lowest rank."""
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
    """Neighbours with the very same action become one rule."""
    joined: list[choices.MsrRule] = []
    for rule in rules:
        last = joined[-1] if joined else None
        if last and last.last + 1 == rule.first and last.action is rule.action:
            joined[-1] = replace(last, last=rule.last)
        else:
            joined.append(rule)
    return tuple(joined)
