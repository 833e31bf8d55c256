"""The VM-entry checks evaluated in Python from the model: an oracle for generated/vmx/checks.c."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from codegen.model import ir
from codegen.model.entry_checks import EntryRule
from codegen.model.facts import Facts
from codegen.model.types import Scalar, Type

WIDEST = 64
MEMORY_TYPES = {0, 1, 4, 5, 6, 7}  # SDM: 12.12


@dataclass(frozen=True)
class Processor:
    """A processor's capabilities; an MSR that is not listed reads as 0."""

    physical_bits: int
    linear_bits: int = 48
    msrs: Mapping[str, int] = field(default_factory=dict)
    features: frozenset[str] = frozenset()


@dataclass(frozen=True)
class State:
    """A VMCS by field name, on a processor; a field that is not listed reads as 0."""

    processor: Processor
    fields: Mapping[str, int]


@dataclass(frozen=True)
class Prediction:
    """How a VM entry ends: "enters", "error 7", "error 8" or "exit 33"; `broken` are the violated rules."""

    outcome: str
    broken: tuple[str, ...]


def find_broken(facts: Facts, state: State) -> tuple[str, ...]:
    """Return the names of the rules that the state violates, in the order of the facts."""
    return tuple(rule.name for rule in facts.entry_rules.values() if not rule_holds(rule, state))


def rule_holds(rule: EntryRule, state: State) -> bool:
    """Return true if the state keeps the rule, or the rule does not apply."""
    return bool((rule.when is not None and not evaluate(rule.when, state)) or evaluate(rule.holds, state))


def predict(facts: Facts, state: State) -> Prediction:
    """Predict how an entry ends: VM-instruction errors come before the exit, by group. SDM: 27.2, 27.3"""
    broken = find_broken(facts, state)
    outcomes = [say_outcome(facts, name) for name in broken]
    return Prediction(next((one for one in sorted(outcomes) if one), "enters"), broken)


def say_outcome(facts: Facts, rule: str) -> str:
    """Return how an entry ends that violates the rule."""
    group = facts.entry_checks[facts.entry_rules[rule].group]
    return f"exit {facts.exits[group.exit].number}" if group.exit else f"error {group.error}"


def evaluate(value: ir.Expression, state: State) -> int:
    """Return the value of an expression; a truth is 0 or 1."""
    match value:
        case ir.Constant(number):
            return number
        case ir.VmcsRead(one):
            return state.fields.get(one.name, 0)
        case ir.MsrRead(msr):
            return state.processor.msrs.get(msr, 0)
        case ir.FeatureRead(feature):
            return int(feature.name in state.processor.features)
        case ir.Bits(base, low, high):
            return evaluate(base, state) >> low & ((1 << (high - low + 1)) - 1)
        case ir.Cast(operand, wanted):
            return cut(evaluate(operand, state), wanted)
        case ir.Predicate(name, arguments):
            return int(PREDICATES[name](*(evaluate(one, state) for one in arguments), state.processor))
        case ir.UnaryOperation(operator, operand, wanted):
            number = evaluate(operand, state)
            return int(not number) if operator == "not" else cut(-number if operator == "-" else ~number, wanted)
        case ir.Operation():
            return operate(value, state)
    raise AssertionError(f"{type(value).__name__} is no part of an entry check")


def operate(value: ir.Operation, state: State) -> int:
    """Evaluate a binary operator; `and` and `or` evaluate the right side only if they need it."""
    left = evaluate(value.left, state)
    if value.operator == "and":
        return int(bool(left) and bool(evaluate(value.right, state)))
    if value.operator == "or":
        return int(bool(left) or bool(evaluate(value.right, state)))
    return cut(OPERATIONS[value.operator](left, evaluate(value.right, state)), value.type)


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__floordiv__, "%": int.__mod__,
    "&": int.__and__, "|": int.__or__, "^": int.__xor__, "<<": int.__lshift__, ">>": int.__rshift__,
    "==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__,
}  # fmt: skip


def cut(number: int, wanted: Type) -> int:
    """Return the low bits that the type has."""
    return int(number) & ((1 << (wanted.bits if isinstance(wanted, Scalar) else WIDEST)) - 1)


def is_alike(address: int, lowest: int) -> bool:
    """Return true if all bits from `lowest` on are equal."""
    return address >> lowest in (0, (1 << (WIDEST - lowest)) - 1)


def is_physical(address: int, processor: Processor) -> bool:
    """Return true if no bit above the physical-address width is set."""
    return address >> processor.physical_bits == 0


def is_structure(address: int, processor: Processor) -> bool:
    """Return the same, with a limit of 4 GiB if bit 48 of IA32_VMX_BASIC is set. SDM: A.1"""
    low = processor.msrs.get("IA32_VMX_BASIC", 0) >> 48 & 1
    return is_physical(address, processor) and not (low and address >> 32)


def is_allowed(word: int, capability: int) -> bool:
    """Return true if a word agrees with the allowed-0 and allowed-1 halves of a capability MSR. SDM: A.2"""
    return capability & 0xFFFFFFFF & ~word == 0 and word & ~(capability >> 32) == 0


PREDICATES: dict[str, Callable[..., bool]] = {
    "allowed": lambda word, capability, _: is_allowed(word, capability),
    "allowed_ones": lambda word, capability, _: word & ~capability == 0,
    "canonical": lambda address, processor: is_alike(address, processor.linear_bits - 1),
    "linear": lambda address, processor: is_alike(address, processor.linear_bits),
    "physical": is_physical,
    "structure": is_structure,
    "memory_types": lambda value, _: set(value.to_bytes(8, "little")) <= MEMORY_TYPES,
}
