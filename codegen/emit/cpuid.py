"""The CPUID policy in C: masks for each leaf; what rests on `prefer` is decided once, at boot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from codegen.check.evaluate import evaluate
from codegen.emit.c import expression
from codegen.model import ir
from codegen.model.choices import Domain
from codegen.model.facts import CpuidLeaf, Feature
from codegen.model.types import BOOL, U64

REGISTERS = ("eax", "ebx", "ecx", "edx")
WHOLE = 0xFFFFFFFF


@dataclass(frozen=True)
class LeafView:
    """One `case` of the policy's switch."""

    label: str
    subleaf_test: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class LateView:
    """A mask that is computed at boot: features whose controls this processor may lack."""

    variable: str
    mask: int
    removals: tuple[tuple[str, int], ...]


def feature_mask(feature: Feature) -> int:
    """Return a feature's bits in its register."""
    return ((1 << (feature.high - feature.low + 1)) - 1) << feature.low


def shown_in(domain: Domain, leaf: CpuidLeaf, register: str) -> list[Feature]:
    """Return the features of one register that the domain sees."""
    return [one for one in domain.cpuid.shown if one.leaf is leaf and one.register == register]


def is_late(feature: Feature, domain: Domain) -> bool:
    """Return whether the feature depends on what the processor grants."""
    return evaluate(feature.needs, domain).can_fail


def make_views(domain: Domain) -> tuple[list[LeafView], list[LateView]]:
    """Return all leaves, subleaves of one leaf together, and the masks that are computed at boot."""
    leaves = sorted(domain.cpuid.leaves, key=lambda leaf: (leaf.first, leaf.subleaves or (0, 0)))
    late: list[LateView] = []
    views = [make_view(leaf, domain, late) for leaf in leaves]
    return views, late


def make_view(leaf: CpuidLeaf, domain: Domain, late: list[LateView]) -> LeafView:
    """Return the `case` of one leaf."""
    label = f"{leaf.first:#x}" + (f" ... {leaf.last:#x}" if leaf.last != leaf.first else "")
    lines = [line for register in REGISTERS for line in register_lines(leaf, register, domain, late)]
    return LeafView(label, subleaf_test(leaf), tuple(lines))


def subleaf_test(leaf: CpuidLeaf) -> str:
    """Return the condition for its subleaves, or nothing."""
    if leaf.subleaves is None or leaf.subleaves == (0, WHOLE):
        return ""
    first, last = leaf.subleaves
    if first == last:
        return f"subleaf == {first}"
    return f"subleaf >= {first} && subleaf <= {last}" if first else f"subleaf <= {last}"


def register_lines(leaf: CpuidLeaf, register: str, domain: Domain, late: list[LateView]) -> list[str]:
    """Return what masks one register."""
    kind = dict(leaf.registers).get(register)
    if kind == "value":
        return []
    features = shown_in(domain, leaf, register)
    mask = sum(feature_mask(one) for one in features if one.mirrors is None)
    removable = [one for one in features if is_late(one, domain)]
    text = f"{mask:#x}"
    if removable:
        variable = f"{domain.name}_cpuid_{leaf.first:x}_{(leaf.subleaves or (0, 0))[0]:x}_{register}"
        removals = tuple((expression(lower_condition(one.needs, domain)), feature_mask(one)) for one in removable)
        late.append(LateView(variable, mask, removals))
        text = variable
    return [f"out.{register} &= {text};" if mask else f"out.{register} = 0;", *extra_lines(features, register, domain)]


def extra_lines(features: list[Feature], register: str, domain: Domain) -> list[str]:
    """Return lines for bits that follow the guest's registers, and for those shown whatever the processor says."""
    lines = []
    for one in features:
        if one.mirrors is not None:
            state, bit = one.mirrors
            lines.append(f"out.{register} |= (u32)(guest_{state}() >> {bit.low} & 1) << {one.low};")
        elif one in domain.cpuid.forced:
            lines.append(f"out.{register} |= {feature_mask(one):#x};")
    return lines


def lower_condition(condition: ir.Condition, domain: Domain) -> ir.Expression:
    """Return a condition over what the processor granted: what the domain's choices settle is settled here."""
    truth = evaluate(condition, domain)
    if not (truth.can_hold and truth.can_fail):
        return ir.Constant(int(truth.can_hold), BOOL)
    match condition:
        case ir.ControlAtom(control):
            return lower_control(control, domain)
        case ir.NotCondition(operand):
            return ir.UnaryOperation("not", lower_condition(operand, domain), BOOL)
        case ir.AndCondition(operands):
            return join("and", operands, domain)
        case ir.OrCondition(operands):
            return join("or", operands, domain)
    raise AssertionError(f"the choices settle {condition}")


def lower_control(path: str, domain: Domain) -> ir.Expression:
    """Return the bit of a control in the word that this processor granted."""
    word, control = path.split(".")
    granted = ir.Local(f"{domain.name}_control_word[{f'{domain.name}_WORD_{word}'.upper()}]", U64)
    return ir.Operation("&", granted, ir.Constant(0, U64, f"{word}_{control}".upper()), U64)


def join(operator: str, operands: tuple[ir.Condition, ...], domain: Domain) -> ir.Expression:
    """Return those operands under one operator that the choices leave open."""
    parts = [lower_condition(one, domain) for one in operands]
    left = [one for one in parts if not isinstance(one, ir.Constant)]
    return reduce(lambda a, b: ir.Operation(operator, a, b, BOOL), left)
