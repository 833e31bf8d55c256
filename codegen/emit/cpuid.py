"""The CPUID policy in C: masks for each leaf; what rests on `prefer` is decided once, at boot."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.check.evaluate import evaluate
from codegen.model import ir
from codegen.model.choices import Domain
from codegen.model.facts import CpuidLeaf, Feature

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
    """A feature's bits in its register."""
    return ((1 << (feature.high - feature.low + 1)) - 1) << feature.low


def shown_in(domain: Domain, leaf: CpuidLeaf, register: str) -> list[Feature]:
    """The features of one register that the domain sees."""
    return [one for one in domain.cpuid.shown if one.leaf is leaf and one.register == register]


def is_late(feature: Feature, domain: Domain) -> bool:
    """Whether the feature depends on what the processor grants."""
    return evaluate(feature.needs, domain).can_fail


def make_views(domain: Domain) -> tuple[list[LeafView], list[LateView]]:
    """Subleaves of one leaf stand together, the ones with a single subleaf first."""
    leaves = sorted(domain.cpuid.leaves, key=lambda leaf: (leaf.first, leaf.subleaves or (0, 0)))
    late: list[LateView] = []
    views = [make_view(leaf, domain, late) for leaf in leaves]
    return views, late


def make_view(leaf: CpuidLeaf, domain: Domain, late: list[LateView]) -> LeafView:
    """One leaf."""
    label = f"{leaf.first:#x}" + (f" ... {leaf.last:#x}" if leaf.last != leaf.first else "")
    lines = [line for register in REGISTERS for line in register_lines(leaf, register, domain, late)]
    return LeafView(label, subleaf_test(leaf), tuple(lines))


def subleaf_test(leaf: CpuidLeaf) -> str:
    """The condition for its subleaves, or nothing."""
    if leaf.subleaves is None or leaf.subleaves == (0, WHOLE):
        return ""
    first, last = leaf.subleaves
    if first == last:
        return f"subleaf == {first}"
    return f"subleaf >= {first} && subleaf <= {last}" if first else f"subleaf <= {last}"


def register_lines(leaf: CpuidLeaf, register: str, domain: Domain, late: list[LateView]) -> list[str]:
    """What is left of one register."""
    kind = dict(leaf.registers).get(register)
    if kind == "value":
        return []
    features = shown_in(domain, leaf, register)
    mask = sum(feature_mask(one) for one in features if one.mirrors is None)
    removable = [one for one in features if is_late(one, domain)]
    text = f"{mask:#x}"
    if removable:
        variable = f"{domain.name}_cpuid_{leaf.first:x}_{(leaf.subleaves or (0, 0))[0]:x}_{register}"
        removals = tuple((c_condition(one.needs, domain), feature_mask(one)) for one in removable)
        late.append(LateView(variable, mask, removals))
        text = variable
    return [f"out.{register} &= {text};" if mask else f"out.{register} = 0;", *extra_lines(features, register, domain)]


def extra_lines(features: list[Feature], register: str, domain: Domain) -> list[str]:
    """Bits that follow the guest's registers, and bits that are shown whatever the processor says."""
    lines = []
    for one in features:
        if one.mirrors is not None:
            state, bit = one.mirrors
            lines.append(f"out.{register} |= (u32)(vmread(VMCS_GUEST_{state.upper()}) >> {bit.low} & 1) << {one.low};")
        elif one in domain.cpuid.forced:
            lines.append(f"out.{register} |= {feature_mask(one):#x};")
    return lines


def c_condition(condition: ir.Condition, domain: Domain) -> str:
    """What the choices settle is settled here; only `prefer` is left for the processor."""
    truth = evaluate(condition, domain)
    if not truth.can_fail:
        return "true"
    if not truth.can_hold:
        return "false"
    match condition:
        case ir.ControlAtom(control):
            word, bit = control.split(".")
            index = f"{domain.name}_WORD_{word}".upper()
            return f"{domain.name}_control_word[{index}] & {word.upper()}_{bit.upper()}"
        case ir.NotCondition(operand):
            return f"!({c_condition(operand, domain)})"
        case ir.AndCondition(operands):
            return join(operands, " && ", "true", domain)
        case ir.OrCondition(operands):
            return join(operands, " || ", "false", domain)
    return "true"


def join(operands: tuple[ir.Condition, ...], operator: str, neutral: str, domain: Domain) -> str:
    """Conditions under one operator, what decides nothing left out."""
    parts = [part for part in (c_condition(one, domain) for one in operands) if part != neutral]
    return operator.join(f"({part})" if len(parts) > 1 else part for part in parts) or neutral
