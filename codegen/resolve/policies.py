"""A domain's tables: MSR, I/O, exceptions, CPUID. Each states its default."""

from __future__ import annotations

from dataclasses import dataclass, replace

from codegen import errors, syntax
from codegen.model import choices, ir
from codegen.model.facts import Feature, Port
from codegen.model.types import U8, U32, U64, Scalar
from codegen.resolve.bodies import resolve_body
from codegen.resolve.expressions import resolve_value
from codegen.resolve.scope import Scope
from codegen.source import Span

NO_ACTION = choices.Action("inject", Span("", 0, 0, 0))


@dataclass(frozen=True)
class Claim:
    """A rule that wants MSRs first..last in a direction; the lower `rank` wins."""

    rank: int
    first: int
    last: int
    name: str
    action: choices.Action
    span: Span


RANKS = {"name": 0, "range": 1, "guarded": 2, "class": 3}
DIRECTIONS = ("read", "write")


class MsrPolicyResolver:
    """`msr { ... }`: named MSRs before ranges before `guarded` before classes before the default."""

    def __init__(self, node: syntax.DomainMsr, scope: Scope) -> None:
        self.node, self.scope, self.facts = node, scope, scope.facts
        self.claims: dict[str, list[Claim]] = {"read": [], "write": []}
        self.defaults: dict[str, choices.Action] = {}

    def resolve(self) -> choices.MsrPolicy:
        for rule in self.node.rules:
            self.add_rule(rule)
        for direction in DIRECTIONS:
            if direction not in self.defaults:
                errors.policy_default(self.scope.reporter, self.node.span, "MSR", direction)
        read, write = (self.defaults.get(direction, NO_ACTION) for direction in DIRECTIONS)
        rules = {direction: self.settle(direction) for direction in DIRECTIONS}
        return choices.MsrPolicy(rules["read"], rules["write"], read, write, self.node.span)

    def add_rule(self, rule: syntax.AccessRule) -> None:
        for access in rule.accesses:
            for direction in [access.direction] if access.direction else DIRECTIONS:
                self.add_access(rule.selector, direction, access.action)

    def add_access(self, selector: syntax.Selector, direction: str, node: syntax.Action) -> None:
        payload = {"msr": U32, "value": U64} if direction == "write" else {"msr": U32}
        action = resolve_action(node, f"msr_{direction}", payload, self.scope)
        if selector.kind == "default":
            if direction in self.defaults:
                before = self.defaults[direction].span
                errors.duplicate_rule(self.scope.reporter, selector.span, f"`default {direction}` is stated twice", before)
            self.defaults[direction] = action
            return
        for first, last, name in self.select(selector):
            claim = Claim(RANKS[selector.kind], first, last, name, action, selector.span)
            self.add_claim(direction, claim)

    def add_claim(self, direction: str, claim: Claim) -> None:
        for other in self.claims[direction]:
            if other.rank == claim.rank and other.first <= claim.last and claim.first <= other.last:
                message = f"{claim.name} has two {direction} rules of the same kind"
                errors.duplicate_rule(self.scope.reporter, claim.span, message, other.span)
                return
        self.claims[direction].append(claim)

    def select(self, selector: syntax.Selector) -> list[tuple[int, int, str]]:
        """The MSR numbers that a selector means, as ranges."""
        msrs = self.facts.msrs
        if selector.kind == "guarded":
            return [(one.first, one.last, one.name) for one in msrs.values() if one.guarded]
        name = selector.names[0]
        if selector.kind == "class":
            if name.text not in self.facts.msr_classes:
                errors.unknown_name(self.scope.reporter, name, "MSR class", self.facts.msr_classes)
            return [(one.first, one.last, one.name) for one in msrs.values() if one.group == name.text]
        missing = [one for one in selector.names if one.text not in msrs]
        for one in missing:
            errors.unknown_name(self.scope.reporter, one, "MSR", msrs)
        if missing:
            return []
        first, last = msrs[name.text], msrs[selector.names[-1].text]
        if first.first > last.last:
            message = f"{first.name} ({first.first:#x}) comes after {last.name} ({last.last:#x})"
            errors.out_of_range(self.scope.reporter, selector.span, message, "an empty range")
        return [(first.first, last.last, name.text)]

    def settle(self, direction: str) -> tuple[choices.MsrRule, ...]:
        """Ranges without overlap: at each number the claim of the lowest rank."""
        claims = self.claims[direction]
        edges = sorted({edge for one in claims for edge in (one.first, one.last + 1)})
        rules: list[choices.MsrRule] = []
        for low, high in zip(edges, edges[1:], strict=False):
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


def resolve_action(node: syntax.Action, event: str, payload: dict[str, Scalar], scope: Scope) -> choices.Action:
    vector = None
    if node.vector is not None:
        vector = scope.facts.vectors.get(node.vector.text)
        if vector is None:
            errors.unknown_name(scope.reporter, node.vector, "vector", scope.facts.vectors)
    body = None
    if node.body is not None:
        inner = replace(scope, mode="body", binder="e", event=event, payload=payload, length="field")
        body = resolve_body(node.body, f"the {event} rule", inner)
    value = resolve_value(node.value, scope, U64) if node.value else None
    number = value.value if isinstance(value, ir.Constant) else 0
    return choices.Action(node.kind, node.span, number, vector, body)


def resolve_io(node: syntax.DomainIo, scope: Scope) -> choices.IoPolicy:
    payload: dict[str, Scalar] = dict(scope.facts.events["io"].payload) if "io" in scope.facts.events else {"value": U8}
    defaults: dict[str, choices.Action] = {}
    rules: dict[str, choices.IoRule] = {}
    for rule in node.rules:
        actions = resolve_accesses(rule, payload, scope)
        if rule.selector.kind == "default":
            defaults.update(actions)
        elif port := find_port(rule.selector, scope):
            check_io_rule(rule, port, actions, rules, scope)
            passing = choices.Action("pass", rule.selector.span)
            read, write = actions.get("read", passing), actions.get("write", passing)
            rules[port.name] = choices.IoRule(port, read, write)
    for direction in DIRECTIONS:
        if direction not in defaults:
            errors.policy_default(scope.reporter, node.span, "I/O", direction)
    read, write = (defaults.get(direction, NO_ACTION) for direction in DIRECTIONS)
    return choices.IoPolicy(tuple(rules.values()), read, write, node.span)


def resolve_accesses(rule: syntax.AccessRule, payload: dict[str, Scalar], scope: Scope) -> dict[str, choices.Action]:
    actions = {}
    for access in rule.accesses:
        action = resolve_action(access.action, "io", payload, scope)
        for direction in [access.direction] if access.direction else DIRECTIONS:
            actions[direction] = action
    return actions


def check_io_rule(
    rule: syntax.AccessRule, port: Port, actions: dict[str, choices.Action], rules: dict[str, choices.IoRule], scope: Scope
) -> None:
    for other in rules.values():
        if other.port.first <= port.last and port.first <= other.port.last:
            message = f"port `{port.name}` has two rules"
            errors.duplicate_rule(scope.reporter, rule.selector.span, message, other.read.span)


def find_port(selector: syntax.Selector, scope: Scope) -> Port | None:
    ports = scope.facts.ports
    if selector.kind != "name":
        errors.out_of_range(scope.reporter, selector.span, "an I/O rule names one port", "no port")
        return None
    name = selector.names[0]
    if name.text not in ports:
        errors.unknown_name(scope.reporter, name, "port", ports)
    return ports.get(name.text)


def resolve_exceptions(node: syntax.DomainExceptions, scope: Scope) -> choices.ExceptionPolicy:
    vectors = scope.facts.vectors
    trapped, switched, default = [], False, ""
    for rule in node.rules:
        if rule.how == "switched":
            switched = True
        elif rule.vector is None:
            default = rule.how
        elif rule.vector.text not in vectors:
            errors.unknown_name(scope.reporter, rule.vector, "vector", vectors)
        elif rule.how == "trap":
            trapped.append(vectors[rule.vector.text])
    if not default:
        errors.policy_default(scope.reporter, node.span, "exception", "pass")
    passed = {rule.vector.text for rule in node.rules if rule.vector and rule.how == "pass"}
    if default == "trap":
        trapped = [one for one in vectors.values() if one.name not in passed and one.name != "nmi"]
    return choices.ExceptionPolicy(tuple(trapped), switched)


def resolve_cpuid(node: syntax.DomainCpuid, scope: Scope) -> choices.CpuidPolicy:
    facts = scope.facts
    known = any(rule.how == "pass" and [name.text for name in rule.names] == ["known"] for rule in node.rules)
    shown = dict(facts.features) if known else {}
    forced: dict[str, Feature] = {}
    for rule in node.rules:
        for name in rule.names:
            if name.text == "known" and rule.how == "pass":
                continue
            if name.text not in facts.features:
                errors.unknown_name(scope.reporter, name, "CPUID feature", facts.features)
            elif rule.how == "hide":
                shown.pop(name.text, None)
            else:
                shown[name.text] = facts.features[name.text]
                if rule.how == "show":
                    forced[name.text] = facts.features[name.text]
    own = tuple((leaf.leaf.value, make_own_leaf(leaf, scope)) for leaf in node.leaves)
    return choices.CpuidPolicy(tuple(shown.values()), tuple(forced.values()), tuple(facts.leaves), own, node.span)


def make_own_leaf(node: syntax.CpuidLeaf, scope: Scope) -> tuple[int, int, int, int]:
    """EAX, EBX, ECX, EDX; a `name` of 12 letters fills the last three."""
    values = {"eax": 0, "ebx": 0, "ecx": 0, "edx": 0}
    if node.text is not None:
        letters = node.text.value.encode("ascii", "replace")
        if len(letters) != 12:
            message = f'the name "{node.text.value}" has {len(letters)} letters, a leaf holds 12'
            errors.out_of_range(scope.reporter, node.text.span, message, "not 12 letters")
        for index, register in enumerate(("ebx", "ecx", "edx")):
            values[register] = int.from_bytes(letters[index * 4 : index * 4 + 4], "little")
    for name, expr in node.registers:
        value = resolve_value(expr, scope, U32)
        if name.text not in values:
            errors.unknown_name(scope.reporter, name, "CPUID register", values)
        elif isinstance(value, ir.Constant):
            values[name.text] = value.value
    return (values["eax"], values["ebx"], values["ecx"], values["edx"])


