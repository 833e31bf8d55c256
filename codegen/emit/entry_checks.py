"""The entry checks in C: for each group a function that evaluates its rules, one by one."""

from __future__ import annotations

from dataclasses import replace

from codegen.check.entry_rules import list_open_rules
from codegen.emit.c import PRIMARY, WIDE, ExpressionPrinter, Shown
from codegen.emit.files import Output, header_comment, render
from codegen.model import ir
from codegen.model.choices import Model
from codegen.model.entry_checks import EntryGroup, EntryRule
from codegen.model.events import needed_controls
from codegen.model.facts import CapabilityTable, Control, Facts, VmcsField
from codegen.model.types import BOOL, Scalar

OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def make_entry_checks(model: Model) -> list[Output]:
    """Generate checks.c with the rules that are not decided here, in order, and checks.h with their count."""
    groups = [one for one in model.facts.entry_checks.values() if one.rules]
    if not groups:
        return []
    processor = model.facts.processor
    first = header_comment(f"spec/facts/{processor}/", "What VM entry checks.")
    printer = CheckPrinter(model.facts)
    left = {rule.name for rule in list_open_rules(model)}
    made = [(group, [(rule, print_rule(rule, printer)) for rule in group.rules if rule.name in left])
            for group in groups]
    views = [(group, rules) for group, rules in made if rules]
    view = {"first": first, "processor": processor, "groups": views, "count": len(left),
            "errors": say_errors(groups), "say": say_group, "words": list_words(model.facts, views)}
    return [Output(f"{processor}/checks.{kind}", render(f"checks.{kind}.j2", **view)) for kind in ("c", "h")]


def say_errors(groups: list[EntryGroup]) -> str:
    """Return a test whether a VM-instruction error is one of those that the groups fail with."""
    numbers = sorted({group.error for group in groups if group.error})
    return " || ".join(f"error == {number}" for number in numbers) or "(void)error, false"


def say_group(group: EntryGroup) -> str:
    """Return a group's heading: its subject, and how it fails."""
    how = f"exit {group.exit}" if group.exit else f"VM-instruction error {group.error}"
    return f"{group.summary} Failure: {how}."


def list_words(facts: Facts, views: list[tuple[EntryGroup, list[tuple[EntryRule, str]]]]) -> list[tuple[str, str, str]]:
    """Return name, VMCS field and activation (or nothing) of the control words that rules ask for."""
    words = [(one.name.upper(), one.field.upper(), say_activation(facts.word_needs[one.name]))
             for one in facts.words.values() if one.field in facts.vmcs]
    texts = [holds for _, rules in views for _, holds in rules]
    kept: list[tuple[str, str, str]] = []
    for word in reversed(words):
        if any(f"has({word[0]}," in text for text in (*texts, *(activation for _, _, activation in kept))):
            kept.insert(0, word)
    return kept


def say_activation(condition: ir.Condition) -> str:
    """Return the test of the controls that activate a word."""
    return " && ".join(f"has({one.replace('.', ', ').upper()})" for one in needed_controls(condition))


def print_rule(rule: EntryRule, printer: CheckPrinter) -> str:
    """Return what must hold, as C: the rule does not count where its condition is false."""
    if rule.when is None:
        return printer.truth(rule.holds)
    return printer.truth(ir.Operation("or", negate(rule.when, printer), rule.holds, BOOL))


def negate(value: ir.Expression, printer: CheckPrinter) -> ir.Expression:
    """Return the opposite; `not` moves inward, so that none stands before another."""
    match value:
        case ir.UnaryOperation("not", operand):
            return operand
        case ir.Operation("and", left, right, kind) if not printer.find_control(value):
            return ir.Operation("or", negate(left, printer), negate(right, printer), kind)
        case ir.Operation("or", left, right, kind):
            return ir.Operation("and", negate(left, printer), negate(right, printer), kind)
        case ir.Operation(operator, left, right, kind) if operator in OPPOSITES:
            return ir.Operation(OPPOSITES[operator], left, right, kind)
    return ir.UnaryOperation("not", value, BOOL)


class CheckPrinter(ExpressionPrinter):
    """Print rules: fields and the processor are read by the runtime, and all values are 64 bits wide on their way."""

    computed = WIDE

    def __init__(self, facts: Facts) -> None:
        """Know the control words and the tables of capabilities, whose bits have names."""
        self.facts = facts
        self.words = {one.field: one for one in facts.words.values()}
        self.tables: dict[str, CapabilityTable] = {one.msr: one for one in facts.capabilities.values()}

    def vmcs(self, field: VmcsField) -> str:
        """Return how a field of the VMCS to be entered is read."""
        return f"field({field.name.upper()})"

    def processor(self, value: ir.MsrRead | ir.FeatureRead | ir.Predicate) -> str:
        """Return how an MSR, a CPUID feature or a predicate is asked for."""
        match value:
            case ir.MsrRead(msr):
                return f"msr_read({msr})"
            case ir.FeatureRead(feature):
                leaf = f"{feature.leaf.first:#x}, {(feature.leaf.subleaves or (0, 0))[0]}"
                return f"feature_read({leaf}, {'abcd'.index(feature.register[1])}, {feature.low} /* {feature.name} */)"
            case ir.Predicate(name, arguments):
                return f"is_{name}({', '.join(map(self.text, arguments))})"

    def operation(self, value: ir.Operation) -> Shown:
        """Return a control with what activates its word as one question."""
        control = self.find_control(value)
        return self.has(control) if control else super().operation(value)

    def cast(self, value: ir.Cast) -> Shown:
        """Return a cast only where it narrows."""
        found, wanted = value.operand.type, value.type
        fits = isinstance(found, Scalar) and isinstance(wanted, Scalar) and found.bits <= wanted.bits
        return self.show(value.operand) if fits else super().cast(value)

    def bits(self, value: ir.Bits) -> Shown:
        """Return bits by name, as far as they have one."""
        control = self.find_control(value)
        if control:
            return self.has(control)
        name = self.find_capability(value)
        return super().bits(replace(value, name=name) if name else value)

    def has(self, control: Control) -> Shown:
        """Return the question for a control."""
        return f"has({control.path.replace('.', ', ').upper()})", PRIMARY

    def find_control(self, value: ir.Expression) -> Control | None:
        """Return the control that an expression asks for, if it is one: with the controls that activate its word."""
        bit = value.right if isinstance(value, ir.Operation) and value.operator == "and" else value
        if not (isinstance(bit, ir.Bits) and isinstance(bit.base, ir.VmcsRead) and bit.low == bit.high):
            return None
        word = self.words.get(bit.base.field.name)
        control = next((one for one in word.controls if one.bit == bit.low), None) if word else None
        return control if control and self.make_question(control.path) == value else None

    def make_question(self, path: str) -> ir.Expression:
        """Return the expression that asks for a control: its bit, and what activates its word."""
        control = self.facts.controls[path]
        field = self.facts.vmcs[self.facts.words[control.word].field]
        made: ir.Expression = ir.Bits(ir.VmcsRead(field, field.type), control.bit, control.bit, BOOL)
        for one in needed_controls(self.facts.word_needs[control.word]):
            made = ir.Operation("and", self.make_question(one), made, BOOL)
        return made

    def find_capability(self, value: ir.Bits) -> str:
        """Return the constant of a bit of a capability MSR, or nothing."""
        table = self.tables.get(value.base.msr) if isinstance(value.base, ir.MsrRead) else None
        bits = table.bits if table else ()
        names = [one.name for one in bits if (one.low, one.high) == (value.low, value.high)]
        return f"{table.name}_{names[0]}".upper() if table and names else ""
