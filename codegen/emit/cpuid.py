"""The CPUID policy in C: masks by leaf, rules for what a mask alone does not answer, masks decided at boot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from codegen.check.evaluate import evaluate
from codegen.emit.c import expression
from codegen.model import ir
from codegen.model.choices import Domain, Model
from codegen.model.facts import CpuidLeaf, Feature
from codegen.model.types import BOOL, U64

REGISTERS = ("eax", "ebx", "ecx", "edx")
WHOLE = 0xFFFFFFFF
TABLES = ("basic", "extended", "rules")
ALL_SUBLEAVES = (0, WHOLE)
EXTENDED = 0x80000000
DENSE = 0x100  # so many basic and extended leaves may lie in tables by leaf


@dataclass(frozen=True)
class RowView:
    """A row of `table`: what some leaves show, what they hide."""

    table: str
    index: str
    first: int
    last: int
    subleaves: tuple[int, int]
    masks: tuple[str, ...]
    hidden: str
    has_bits: bool


@dataclass(frozen=True)
class BitView:
    """A feature that is set in answers of a leaf where a test, if there is one, holds, whatever the processor returns.

    `basic`: the leaf is in the basic table, and `leaf` asks for its index there.
    """

    basic: bool
    leaf: str
    test: str
    register: str
    mask: str
    feature: str


@dataclass(frozen=True)
class LateView:
    """Bits that one register of a row loses at boot where this processor lacks a control."""

    target: str
    condition: str
    mask: int
    feature: str


@dataclass(frozen=True)
class CpuidView:
    """The whole policy: tables by leaf, rules for the rest, single bits, what is decided at boot."""

    basic: tuple[RowView, ...]
    extended: tuple[RowView, ...]
    rules: tuple[RowView, ...]
    bits: tuple[BitView, ...]
    late: tuple[LateView, ...]

    @property
    def special(self) -> list[int]:
        """Return the basic leaves that a mask alone does not answer."""
        rows = [*self.rules, *(one for one in self.basic if one.has_bits)]
        return sorted({leaf for one in rows for leaf in range(one.first, one.last + 1) if leaf < DENSE})

    @property
    def other(self) -> int:
        """Return the index that stands for all leaves after the last basic one."""
        return max([-1, *(one.last for one in self.basic), *self.special]) + 1

    @property
    def extended_count(self) -> int:
        """Return how many extended leaves the table has, at least one: C has no empty array."""
        return max([EXTENDED, *(one.last for one in self.extended)]) + 1 - EXTENDED


def make_cpuid(model: Model, domain: Domain) -> CpuidView:
    """Return the policy of a domain."""
    leaves = sorted(domain.cpuid.leaves, key=lambda leaf: (leaf.first, leaf.subleaves or (0, 0)))
    rows = [make_row(leaf, model, domain) for leaf in leaves]
    late = [one for leaf, row in zip(leaves, rows, strict=True) for one in late_views(leaf, row, domain)]
    bits = [make_bit(one, domain, model) for one in domain.cpuid.shown if is_set(one, domain)]
    basic, extended, rules = (tuple(row for row in rows if row.table == name) for name in TABLES)
    return CpuidView(basic, extended, rules, tuple(bits), tuple(late))


def make_row(leaf: CpuidLeaf, model: Model, domain: Domain) -> RowView:
    """Return the row of one leaf."""
    shown = [one for one in domain.cpuid.shown if one.leaf is leaf]
    subleaves = leaf.subleaves or ALL_SUBLEAVES
    masks = tuple(make_mask(leaf, register, shown) for register in REGISTERS)
    table = choose_table(leaf)
    if table == "rules":
        part = f"_{subleaves[0]:X}" if subleaves != ALL_SUBLEAVES else ""
        index = f"{domain.name}_CPUID_{leaf.first:X}{part}".upper()
    else:
        base = " - CPUID_EXTENDED" if table == "extended" else ""
        index = " ... ".join(f"{one:#x}{base}" for one in dict.fromkeys((leaf.first, leaf.last)))
    has_bits = any(is_set(one, domain) for one in shown)
    return RowView(table, index, leaf.first, leaf.last, subleaves, masks, say_hidden(leaf, shown, model), has_bits)


def choose_table(leaf: CpuidLeaf) -> str:
    """Return which table a leaf is in: by leaf where all its subleaves have the same mask."""
    if leaf.subleaves not in (None, ALL_SUBLEAVES):
        return "rules"
    if leaf.last < DENSE:
        return "basic"
    return "extended" if leaf.first >= EXTENDED and leaf.last < EXTENDED + DENSE else "rules"


def is_set(feature: Feature, domain: Domain) -> bool:
    """Return whether a feature is not the processor's bit."""
    return feature.mirrors is not None or feature in domain.cpuid.forced


def make_bit(feature: Feature, domain: Domain, model: Model) -> BitView:
    """Return a bit that is always 1, or follows one of the guest's registers."""
    leaf, basic = feature.leaf, choose_table(feature.leaf) == "basic"
    number = "index" if basic else "leaf"
    which, test = f"{number} == {leaf.first:#x}", ""
    if leaf.first != leaf.last:
        which = f"{number} >= {leaf.first:#x} && {number} <= {leaf.last:#x}"
    if subleaf_test(leaf):
        which += f" && {subleaf_test(leaf)}"
    if feature.mirrors:
        state, bit = feature.mirrors
        layout = model.facts.state[state].layout
        assert layout is not None
        test = f"guest_{state}() & " + f"{layout.name}_{bit.name}".upper()
    return BitView(basic, which, test, feature.register, f"{feature_mask(feature):#x}", feature.name)


def subleaf_test(leaf: CpuidLeaf) -> str:
    """Return the condition for its subleaves, or nothing."""
    if leaf.subleaves in (None, ALL_SUBLEAVES):
        return ""
    assert leaf.subleaves is not None
    first, last = leaf.subleaves
    if first == last:
        return f"subleaf == {first}"
    return f"subleaf >= {first} && subleaf <= {last}" if first else f"subleaf <= {last}"


def make_mask(leaf: CpuidLeaf, register: str, shown: list[Feature]) -> str:
    """Return the bits that are shown of one register."""
    if dict(leaf.registers).get(register) == "value":
        return "CPUID_ALL"
    mask = sum(feature_mask(one) for one in shown if one.register == register and one.mirrors is None)
    return "CPUID_ALL" if mask == WHOLE else f"{mask:#x}" if mask else "0"


def say_hidden(leaf: CpuidLeaf, shown: list[Feature], model: Model) -> str:
    """Return the features that a leaf hides, by register and name, and whether it has reserved bits."""
    known = [one for one in model.facts.features.values() if one.leaf is leaf]
    parts, reserved = [], False
    for register in REGISTERS:
        some = [one for one in known if one.register == register]
        hidden = [one.name for one in some if one not in shown]
        parts += [f"{register} {', '.join(hidden)}"] if hidden else []
        reserved |= bool(some) and sum(map(feature_mask, some)) != WHOLE
    return "; ".join([*parts, *(["reserved bits"] if reserved else [])])


def feature_mask(feature: Feature) -> int:
    """Return a feature's bits in its register."""
    return ((1 << (feature.high - feature.low + 1)) - 1) << feature.low


def is_late(feature: Feature, domain: Domain) -> bool:
    """Return whether the feature depends on what the processor grants."""
    return evaluate(feature.needs, domain).can_fail


def late_views(leaf: CpuidLeaf, row: RowView, domain: Domain) -> list[LateView]:
    """Return what is decided at boot about a leaf."""
    return [
        LateView(name_mask(row, one.register, domain), expression(lower_condition(one.needs, domain)),
                 feature_mask(one), one.name)
        for one in domain.cpuid.shown if one.leaf is leaf and is_late(one, domain)
    ]


def name_mask(row: RowView, register: str, domain: Domain) -> str:
    """Return the C name of a mask."""
    table = f"{domain.name}_cpuid_{row.table}"
    match row.table:
        case "basic":
            return f"{table}.{register}[{row.index}]"
        case "extended":
            return f"{table}[{row.index}].{register}"
    return f"{table}[{row.index}].shown.{register}"


def lower_condition(condition: ir.Condition, domain: Domain) -> ir.Expression:
    """Return a condition over what the processor granted: what the domain's choices settle is settled here."""
    truth = evaluate(condition, domain)
    if not (truth.can_hold and truth.can_fail):
        return ir.Constant(int(truth.can_hold), BOOL)
    match condition:
        case ir.ControlAtom(control):
            return lower_control(control, domain)
        case ir.FeatureAtom(_, leaf, subleaf, register, bit):
            return ir.Local(f"feature_read({leaf:#x}, {subleaf}, {REGISTERS.index(register)}, {bit})", BOOL)
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
