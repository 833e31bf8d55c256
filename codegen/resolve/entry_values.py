"""What the words of entry checks mean: bits of the VMCS to be entered, and what the processor says of itself."""

from __future__ import annotations

from codegen import errors, syntax
from codegen.model import ir
from codegen.model.entry_checks import PREDICATES
from codegen.model.facts import CapabilityTable, ControlWord, Facts
from codegen.model.types import BOOL, U64, scalar_for
from codegen.resolve.scope import Scope

ROOTS = ("cpuid", *PREDICATES)


def resolve_entry_member(root: syntax.Name, name: syntax.Name, scope: Scope) -> tuple[ir.Expression | None, bool]:
    """`word.control`, `table.bit`, `cpuid.feature`: the value, and whether `root` is one of these at all."""
    facts = scope.facts
    if root.text in facts.words:
        return read_control(root, name, scope), True
    if root.text in facts.capabilities:
        return read_capability(facts.capabilities[root.text], name, scope), True
    if root.text == "cpuid":
        return read_feature(name, scope), True
    return None, False


def read_control(word: syntax.Name, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """A control's bit, where its word counts at all."""
    path = f"{word.text}.{name.text}"
    if path not in scope.facts.controls:
        known = [control.name for control in scope.facts.words[word.text].controls]
        errors.unknown_name(scope.reporter, name, f"control in `{word.text}`", known)
        return None
    return control_value(path, scope.facts)


def control_value(path: str, facts: Facts) -> ir.Expression:
    """The bit, and what switches its word on."""
    control = facts.controls[path]
    bit: ir.Expression = ir.Bits(word_value(facts.words[control.word], facts), control.bit, control.bit, BOOL)
    for atom in needed_controls(facts.word_needs[control.word]):
        bit = ir.Operation("and", control_value(atom, facts), bit, BOOL)
    return bit


def needed_controls(condition: ir.Condition) -> list[str]:
    """The controls of a conjunction."""
    match condition:
        case ir.ControlAtom(control):
            return [control]
        case ir.AndCondition(operands):
            return [one for operand in operands for one in needed_controls(operand)]
    return []


def word_value(word: ControlWord, facts: Facts) -> ir.Expression:
    """A control word, as the VMCS has it; one whose field is unknown has been reported."""
    field = facts.vmcs.get(word.field)
    return ir.VmcsRead(field, field.type) if field else ir.Constant(0, U64)


def read_capability(table: CapabilityTable, name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Bits of a capability MSR."""
    bit = next((one for one in table.bits if one.name == name.text), None)
    if bit is None:
        errors.unknown_name(scope.reporter, name, f"bit of `{table.name}`", [one.name for one in table.bits])
        return None
    return ir.Bits(ir.MsrRead(table.msr), bit.low, bit.high, scalar_for(bit.width))


def read_feature(name: syntax.Name, scope: Scope) -> ir.Expression | None:
    """Whether the processor has a feature."""
    feature = scope.facts.features.get(name.text)
    if feature is None:
        errors.unknown_name(scope.reporter, name, "CPUID feature", scope.facts.features)
        return None
    return ir.FeatureRead(feature)


def make_allowed(word: ControlWord, facts: Facts) -> ir.Expression:
    """Against the TRUE capability MSR where the processor has it. SDM: A.2"""
    value = word_value(word, facts)
    plain = ask_allowed(value, word.msr, word.allowed1_only)
    basic = facts.capabilities.get("basic")
    bit = next((one for one in basic.bits if one.name == "true_controls"), None) if basic else None
    if word.true_msr is None or basic is None or bit is None:
        return plain
    has_true = ir.Bits(ir.MsrRead(basic.msr), bit.low, bit.high, BOOL)
    lacks_true = ir.UnaryOperation("not", has_true, BOOL)
    exact = ir.Operation("and", has_true, ask_allowed(value, word.true_msr, False), BOOL)
    return ir.Operation("or", exact, ir.Operation("and", lacks_true, plain, BOOL), BOOL)


def ask_allowed(value: ir.Expression, msr: str, only_ones: bool) -> ir.Expression:
    """`allowed`: ones and zeros by the halves of the MSR; `allowed_ones`: a 64-bit word by the whole."""
    name = "allowed_ones" if only_ones else "allowed"
    return ir.Predicate(name, (ir.Cast(value, U64), ir.MsrRead(msr)))
