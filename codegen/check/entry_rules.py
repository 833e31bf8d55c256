"""Entry checks over what is known at compile time: declared host state, and controls that are on or off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from codegen import errors
from codegen.check.evaluate import setting_of
from codegen.diagnostics import Reporter
from codegen.model import ir
from codegen.model.choices import Domain, HostValue, Model
from codegen.model.entry_checks import EntryRule
from codegen.model.types import Scalar

WIDEST = 64
LOW_ADDRESS = 1 << 32  # below it an address is canonical and physical on every processor. SDM: 4.1, A.1
MEMORY_TYPES = {0, 1, 4, 5, 6, 7}  # SDM: 12.12


@dataclass(frozen=True)
class Known:
    """A value of which the bits of `mask` are those of `value`."""

    mask: int
    value: int

    @property
    def truth(self) -> bool | None:
        """Return whether it is not 0, or None where that is not known."""
        return bool(self.value) if self.value or self.mask == ALL else None


ALL = (1 << WIDEST) - 1
NOTHING = Known(0, 0)
TRUE, FALSE = Known(ALL, 1), Known(ALL, 0)


class RuleJudge:
    """Evaluates rules for a domain as far as they depend on constants."""

    def __init__(self, model: Model, domain: Domain) -> None:
        self.fields = {
            one.state.field or "": self.extend(one.mask, one.value, one.state.type) for one in list_host(model)
        }
        self.msrs = {msr: self.fields[field] for msr, field in list_host_msrs(model)}
        for word in model.facts.words.values():
            mask, value = 0, 0
            for control in word.controls:
                setting = setting_of(domain, control.path)
                mask |= (setting in ("on", "off")) << control.bit
                value |= (setting == "on") << control.bit
            self.fields[word.field] = Known(mask, value)

    @staticmethod
    def extend(mask: int, value: int, type: Scalar) -> Known:
        """Return known bits of a register, with zeros above it."""
        return Known(mask | ALL & ~((1 << type.bits) - 1), value)

    def decide(self, rule: EntryRule) -> bool | None:
        """Return whether every entry keeps a rule, or breaks it; None: it depends on what is known at run time."""
        counts = True if rule.when is None else self.value(rule.when).truth
        if counts is False:
            return True
        holds = self.value(rule.holds).truth
        return holds if counts or holds else None

    def value(self, node: ir.Expression) -> Known:
        """Return what is known of an expression's value; a truth is 0 or 1."""
        match node:
            case ir.Constant(number):
                return Known(ALL, number)
            case ir.VmcsRead(field):
                return self.fields.get(field.name, NOTHING)
            case ir.MsrRead(msr):
                return self.msrs.get(msr, NOTHING)
            case ir.Bits(base, low, high):
                found, width = self.value(base), (1 << (high - low + 1)) - 1
                return Known(found.mask >> low & width | ALL & ~width, found.value >> low & width)
            case ir.Cast(operand, type) if isinstance(type, Scalar):
                found = self.value(operand)
                return self.extend(found.mask, found.value & ((1 << type.bits) - 1), type)
            case ir.UnaryOperation("not", operand):
                return say(None if (truth := self.value(operand).truth) is None else not truth)
            case ir.UnaryOperation("~", operand, type) if isinstance(type, Scalar):
                found, width = self.value(operand), (1 << type.bits) - 1
                return self.extend(found.mask, ~found.value & found.mask & width, type)
            case ir.Operation():
                return self.operation(node)
            case ir.Predicate(name, arguments):
                return say(ask(name, [self.value(one) for one in arguments]))
        return NOTHING

    def operation(self, node: ir.Operation) -> Known:
        """Return what is known of an operation."""
        left, right = self.value(node.left), self.value(node.right)
        match node.operator:
            case "and":
                return say(both(left.truth, right.truth))
            case "or":
                return say(invert(both(invert(left.truth), invert(right.truth))))
            case "&":
                zeros = left.mask & ~left.value | right.mask & ~right.value
                return Known(left.mask & right.mask | zeros, left.value & right.value)
            case "|":
                ones = left.value | right.value
                return Known(left.mask & right.mask | ones, ones)
            case "==" | "!=":
                alike = find_equal(left, right)
                return say(alike if node.operator == "==" else invert(alike))
        return NOTHING


def list_host(model: Model) -> list[HostValue]:
    """Return declared host state that the VMCS has."""
    return [one for one in model.host.values.values() if one.state.field]


def list_host_msrs(model: Model) -> list[tuple[str, str]]:
    """Return MSRs that hold declared host state in root mode, and the field from which VM exits load each."""
    declared = {one.state.field for one in list_host(model)}
    return [(one.name, one.switched.host) for one in model.facts.msrs.values()
            if one.switched and one.switched.host and one.switched.host in declared]


def say(truth: bool | None) -> Known:
    """Return a truth as a value."""
    return Known(ALL & ~1, 0) if truth is None else TRUE if truth else FALSE


def invert(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def both(left: bool | None, right: bool | None) -> bool | None:
    """Return whether both are true: false where one is, whatever the other."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def find_equal(left: Known, right: Known) -> bool | None:
    """Return whether two values are equal: not, where a bit that is known of both differs."""
    shared = left.mask & right.mask
    if (left.value ^ right.value) & shared:
        return False
    return True if shared == ALL else None


def ask(name: str, arguments: list[Known]) -> bool | None:
    """Return a predicate of constants that is the same on every processor."""
    if any(one.mask != ALL for one in arguments):
        return None
    value = arguments[0].value
    if name == "memory_types":
        return set(value.to_bytes(8, "little")) <= MEMORY_TYPES
    return True if name in ("canonical", "linear", "physical", "structure") and value < LOW_ADDRESS else None


def list_open_rules(model: Model) -> list[EntryRule]:
    """Return the rules that some entry of some domain may break: what is known at compile time does not decide them."""
    judges = [RuleJudge(model, domain) for domain in model.domains.values()]
    return [rule for rule in model.facts.entry_rules.values()
            if not judges or not all(judge.decide(rule) for judge in judges)]


def check_host(model: Model, reporter: Reporter) -> None:
    """Report rules that the declared host state breaks at every entry of a domain."""
    places = {one.state.field: one.span for one in list_host(model)}
    msrs = dict(list_host_msrs(model))
    for domain in model.domains.values():
        judge = RuleJudge(model, domain)
        for rule in model.facts.entry_rules.values():
            names = [msrs.get(name, name) for name in find_reads((rule.holds, rule.when))]
            read = [name for name in names if name in places]
            if read and judge.decide(rule) is False:
                sections = ", ".join(rule.sections)
                errors.host_state(reporter, places[read[0]], rule.name, rule.text, sections, rule.span)


def find_reads(node: object) -> Iterator[str]:
    """Yield the names of the fields and MSRs that an expression reads."""
    if isinstance(node, ir.VmcsRead):
        yield node.field.name
    elif isinstance(node, ir.MsrRead):
        yield node.msr
    elif isinstance(node, tuple):
        for one in node:
            yield from find_reads(one)
    elif is_dataclass(node) and type(node).__module__ == ir.__name__:
        for field in fields(node):
            yield from find_reads(getattr(node, field.name))
