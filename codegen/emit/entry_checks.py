"""The entry checks in C: a function for each rule, and a table that names them."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.emit.c import c_number, c_type
from codegen.emit.files import Output, header_comment, render
from codegen.model import ir
from codegen.model.choices import Model
from codegen.model.entry_checks import EntryGroup, EntryRule
from codegen.model.types import BOOL, Scalar, Type

OPERATORS = {"and": "&&", "or": "||"}
OVERFLOWING = {"+", "-", "*", "<<", "~"}
WIDE = 64
LONGEST = 100


@dataclass(frozen=True)
class RuleView:
    """One function: `unless` is empty where the rule always counts."""

    name: str
    summary: str
    section: str
    unless: str
    holds: str


def make_entry_checks(model: Model) -> list[Output]:
    """checks.c with the rules in their order, checks.h with their count; nothing where the facts have none."""
    groups = [one for one in model.facts.entry_checks.values() if one.rules]
    if not groups:
        return []
    first = header_comment("spec/facts/vmx/", "What VM entry checks.")
    views = [(group, [make_rule(rule) for rule in group.rules]) for group in groups]
    view = {"first": first, "groups": views, "count": sum(len(group.rules) for group in groups),
            "errors": say_errors(groups), "say": say_group}
    return [Output(f"checks.{kind}", render(f"checks.{kind}.j2", **view)) for kind in ("c", "h")]


def say_errors(groups: list[EntryGroup]) -> str:
    """A test of a VM-instruction error: the groups' own, each once."""
    numbers = sorted({group.error for group in groups if group.error})
    return " || ".join(f"error == {number}" for number in numbers) or "(void)error, false"


def say_group(group: EntryGroup) -> str:
    """A group's heading: what it is about, and how it fails."""
    how = f"exit {group.exit}" if group.exit else f"VM-instruction error {group.error}"
    return f"{group.summary} Failure: {how}."


def make_rule(rule: EntryRule) -> RuleView:
    """A rule as C."""
    unless = c_lines(negate(rule.when)) if rule.when else ""
    return RuleView(rule.name, rule.summary, ", ".join(rule.sections), unless, c_lines(rule.holds))


def negate(value: ir.Expression) -> ir.Expression:
    """The opposite, `not` inside where there is one already, so that none stands twice."""
    match value:
        case ir.UnaryOperation("not", operand):
            return operand
        case ir.Operation("and", left, right, kind):
            return ir.Operation("or", negate(left), negate(right), kind)
        case ir.Operation("or", left, right, kind):
            return ir.Operation("and", negate(left), negate(right), kind)
    return ir.UnaryOperation("not", value, BOOL)


def c_lines(value: ir.Expression) -> str:
    """A truth: what is joined outermost stands on lines of its own where one line would be long."""
    text = c_truth(value)
    if len(text) <= LONGEST or not isinstance(value, ir.Operation) or value.operator not in OPERATORS:
        return text
    joint = f"\n        {OPERATORS[value.operator]} "
    return joint.join(c_value(one) for one in flatten(value, value.operator))


def flatten(value: ir.Expression, operator: str) -> list[ir.Expression]:
    """All operands of a chain of one operator."""
    if isinstance(value, ir.Operation) and value.operator == operator:
        return [*flatten(value.left, operator), *flatten(value.right, operator)]
    return [value]


def c_truth(value: ir.Expression) -> str:
    """An expression without the parentheses around it."""
    text = c_value(value)
    return text[1:-1] if text.startswith("(") and closes_last(text) else text


def closes_last(text: str) -> bool:
    """Whether the first parenthesis is closed by the last character."""
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return index == len(text) - 1
    return False


def c_value(value: ir.Expression) -> str:
    """An expression that can stand anywhere."""
    match value:
        case ir.Constant(number):
            return c_number(number)
        case ir.VmcsRead(field):
            return f"field_read(VMCS_{field.name.upper()})"
        case ir.MsrRead(msr):
            return f"msr_read({msr})"
        case ir.FeatureRead(feature):
            leaf = f"{feature.leaf.first:#x}, {(feature.leaf.subleaves or (0, 0))[0]}"
            return f"feature_read({leaf}, {'abcd'.index(feature.register[1])}, {feature.low})"
        case ir.Predicate(name, arguments):
            return f"is_{name}({', '.join(c_truth(one) for one in arguments)})"
        case ir.Bits():
            return c_bits(value)
        case ir.Cast(operand, wanted):
            return c_value(operand) if fits(operand, wanted) else f"({c_type(wanted)}){c_value(operand)}"
        case ir.UnaryOperation("not", operand):
            return f"!{c_value(operand)}"
        case ir.UnaryOperation(operator, operand, wanted):
            return narrow(f"({operator}{c_value(operand)})", operator, wanted)
        case ir.Operation(operator, left, right, wanted):
            text = f"({c_value(left)} {OPERATORS.get(operator, operator)} {c_value(right)})"
            return narrow(text, operator, wanted)
    raise AssertionError(f"{type(value).__name__} is no part of an entry check")


def fits(operand: ir.Expression, wanted: Type) -> bool:
    """Whether a cast changes nothing: all values are 64 bits wide on their way."""
    return isinstance(operand.type, Scalar) and isinstance(wanted, Scalar) and operand.type.bits <= wanted.bits


def narrow(text: str, operator: str, wanted: Type) -> str:
    """What may have grown beyond its type is cut."""
    bits = wanted.bits if isinstance(wanted, Scalar) else WIDE
    return f"({c_type(wanted)}){text}" if operator in OVERFLOWING and bits < WIDE else text


def c_bits(value: ir.Bits) -> str:
    """Bits low..high; a mask only where there is something above them."""
    base = c_value(value.base)
    shifted = f"{base} >> {value.low}" if value.low else base
    width = value.high - value.low + 1
    top = value.base.type.bits if isinstance(value.base.type, Scalar) else WIDE
    return f"({shifted})" if value.high == top - 1 else f"({shifted} & {c_number((1 << width) - 1)})"
