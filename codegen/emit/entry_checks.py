"""The entry checks in C: a function for each rule, and a table that names them."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.check.entry_rules import list_open_rules
from codegen.emit.c import OPERATORS, ExpressionPrinter, c_number, c_type, is_wrapped
from codegen.emit.files import Output, header_comment, render
from codegen.model import ir
from codegen.model.choices import Model
from codegen.model.entry_checks import EntryGroup, EntryRule
from codegen.model.facts import VmcsField
from codegen.model.types import BOOL, Scalar

WIDE = 64
MAX_LINE = 100


@dataclass(frozen=True)
class RuleView:
    """One function: `unless` is empty where the rule always counts."""

    name: str
    summary: str
    section: str
    unless: str
    holds: str


def make_entry_checks(model: Model) -> list[Output]:
    """Generate checks.c with the rules that are not decided here, in order, and checks.h with their count."""
    groups = [one for one in model.facts.entry_checks.values() if one.rules]
    if not groups:
        return []
    first = header_comment("spec/facts/vmx/", "What VM entry checks.")
    left = {rule.name for rule in list_open_rules(model)}
    made = [(group, [make_rule(rule) for rule in group.rules if rule.name in left]) for group in groups]
    views = [(group, rules) for group, rules in made if rules]
    view = {"first": first, "groups": views, "count": len(left),
            "errors": say_errors(groups), "say": say_group}
    return [Output(f"vmx/checks.{kind}", render(f"checks.{kind}.j2", **view)) for kind in ("c", "h")]


def say_errors(groups: list[EntryGroup]) -> str:
    """Return a test whether a VM-instruction error is one of those that the groups fail with."""
    numbers = sorted({group.error for group in groups if group.error})
    return " || ".join(f"error == {number}" for number in numbers) or "(void)error, false"


def say_group(group: EntryGroup) -> str:
    """Return a group's heading: its subject, and how it fails."""
    how = f"exit {group.exit}" if group.exit else f"VM-instruction error {group.error}"
    return f"{group.summary} Failure: {how}."


def make_rule(rule: EntryRule) -> RuleView:
    """Return a rule as C."""
    unless = PRINTER.lines(negate(rule.when)) if rule.when else ""
    return RuleView(rule.name, rule.summary, ", ".join(rule.sections), unless, PRINTER.lines(rule.holds))


def negate(value: ir.Expression) -> ir.Expression:
    """Return the opposite; `not` moves inward, so that none stands before another."""
    match value:
        case ir.UnaryOperation("not", operand):
            return operand
        case ir.Operation("and", left, right, kind):
            return ir.Operation("or", negate(left), negate(right), kind)
        case ir.Operation("or", left, right, kind):
            return ir.Operation("and", negate(left), negate(right), kind)
    return ir.UnaryOperation("not", value, BOOL)


class CheckPrinter(ExpressionPrinter):
    """Print rules: fields and the processor are read by the runtime, and all values are 64 bits wide on their way."""

    computed = WIDE

    def constant(self, value: ir.Constant) -> str:
        """Return the number: the headers of names are not included."""
        return c_number(value.value)

    def vmcs(self, field: VmcsField) -> str:
        """Return how a field of the VMCS to be entered is read."""
        return f"field_read(VMCS_{field.name.upper()})"

    def processor(self, value: ir.MsrRead | ir.FeatureRead | ir.Predicate) -> str:
        """Return how an MSR, a CPUID feature or a predicate is asked for."""
        match value:
            case ir.MsrRead(msr):
                return f"msr_read({msr})"
            case ir.FeatureRead(feature):
                leaf = f"{feature.leaf.first:#x}, {(feature.leaf.subleaves or (0, 0))[0]}"
                return f"feature_read({leaf}, {'abcd'.index(feature.register[1])}, {feature.low})"
            case ir.Predicate(name, arguments):
                return f"is_{name}({', '.join(self.bare(one) for one in arguments)})"

    def unary(self, value: ir.UnaryOperation) -> str:
        """Return what is computed in parentheses, a truth without."""
        text = super().unary(value)
        return text if value.operator == "not" else f"({text})"

    def cast(self, value: ir.Cast) -> str:
        """Return a cast only where it narrows."""
        found, wanted = value.operand.type, value.type
        fits = isinstance(found, Scalar) and isinstance(wanted, Scalar) and found.bits <= wanted.bits
        return self.text(value.operand) if fits else f"({c_type(wanted)}){self.operand(value.operand)}"

    def bits(self, value: ir.Bits) -> str:
        """Return bits low..high, with a mask only where there is something above them."""
        base = self.operand(value.base)
        shifted = f"{base} >> {value.low}" if value.low else base
        top = value.base.type.bits if isinstance(value.base.type, Scalar) else WIDE
        mask = c_number((1 << (value.high - value.low + 1)) - 1)
        return f"({shifted})" if value.high == top - 1 else f"({shifted} & {mask})"

    def bare(self, value: ir.Expression) -> str:
        """Return an expression without parentheses around it."""
        text = self.text(value)
        return text[1:-1] if is_wrapped(text) else text

    def lines(self, value: ir.Expression) -> str:
        """Return a truth, a line for each operand of the outermost `and` or `or` where one line would be long."""
        text = self.bare(value)
        if len(text) <= MAX_LINE or not isinstance(value, ir.Operation) or value.operator not in OPERATORS:
            return text
        joint = f"\n        {OPERATORS[value.operator]} "
        return joint.join(self.operand(one) for one in flatten(value, value.operator))


PRINTER = CheckPrinter()


def flatten(value: ir.Expression, operator: str) -> list[ir.Expression]:
    """Return all operands of a chain of one operator."""
    if isinstance(value, ir.Operation) and value.operator == operator:
        return [*flatten(value.left, operator), *flatten(value.right, operator)]
    return [value]
