"""Conditions of facts under a domain's choices: can it hold, can it fail, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen.model import ir
from codegen.model.choices import Domain
from codegen.model.facts import Facts

POSSIBLE = {"on": (True, False), "off": (False, True), "prefer": (True, True), "switched": (True, True)}


@dataclass(frozen=True)
class Truth:
    """`can_hold`, `can_fail`: over processors and time."""

    can_hold: bool
    can_fail: bool


HOLDS, FAILS = Truth(True, False), Truth(False, True)


def setting_of(domain: Domain, control: str) -> str:
    """Return what the domain says of a control; one that it does not mention is off."""
    setting = domain.settings.get(control)
    return setting.value if setting else "off"


def evaluate(condition: ir.Condition, domain: Domain) -> Truth:
    """Return whether a condition can hold, and whether it can fail."""
    match condition:
        case ir.Always(value):
            return HOLDS if value else FAILS
        case ir.ControlAtom(control):
            return Truth(*POSSIBLE[setting_of(domain, control)])
        case ir.TableAtom(table):
            return HOLDS if table_traps(table, domain) else FAILS
        case ir.MsrAtom(msr):
            return HOLDS if msr_reachable(msr, domain) else FAILS
        case ir.FeatureAtom(name):
            return HOLDS if any(one.name == name for one in domain.required_features) else Truth(True, True)
        case ir.NotCondition(operand):
            inner = evaluate(operand, domain)
            return Truth(inner.can_fail, inner.can_hold)
        case ir.AndCondition(operands):
            truths = [evaluate(one, domain) for one in operands]
            return Truth(all(one.can_hold for one in truths), any(one.can_fail for one in truths))
        case ir.OrCondition(operands):
            truths = [evaluate(one, domain) for one in operands]
            return Truth(any(one.can_hold for one in truths), all(one.can_fail for one in truths))


def table_traps(table: str, domain: Domain) -> bool:
    """Return whether a table of the domain causes any VM exit."""
    msr, io = domain.msr, domain.io
    traps = {
        "exceptions.traps": bool(domain.exceptions.trapped) or domain.exceptions.switched,
        "io.traps": bool(io.rules) or io.default_read.kind != "pass" or io.default_write.kind != "pass",
        "msr.read_traps": msr.default_read.kind != "pass" or any(rule.action.kind != "pass" for rule in msr.read),
        "msr.write_traps": msr.default_write.kind != "pass" or any(rule.action.kind != "pass" for rule in msr.write),
        **{f"{register}.owned": mask != 0 for register, mask in domain.owned.items()},
    }
    return traps[table]


def msr_reachable(name: str, domain: Domain) -> bool:
    """Return whether some write of the MSR has an effect: the policy does not answer it with an exception."""
    rule = next((one for one in domain.msr.write if one.first <= 0 <= one.last and one.name == name), None)
    rules = [one for one in domain.msr.write if one.name == name]
    action = (rule or (rules[0] if rules else None))
    return (action.action if action else domain.msr.default_write).kind != "inject"


def explain(condition: ir.Condition, domain: Domain, facts: Facts) -> str:
    """Return why a condition holds or not, in the words of facts and choices."""
    match condition:
        case ir.Always(value):
            return "no control prevents it" if value else "never on this backend"
        case ir.ControlAtom(control):
            return f"`{control}` is {setting_of(domain, control)}"
        case ir.TableAtom(table):
            return f"`{table}` is {'true' if table_traps(table, domain) else 'false'}"
        case ir.MsrAtom(msr):
            return f"MSR {msr} is {'in' if msr_reachable(msr, domain) else 'out of'} reach"
        case ir.FeatureAtom(name):
            required = not evaluate(condition, domain).can_fail
            return f"CPUID feature {name} is {'required' if required else 'not on every processor'}"
        case ir.NotCondition(operand):
            return explain(operand, domain, facts)
        case ir.AndCondition(operands):
            return explain_some(operands, domain, facts, evaluate(condition, domain).can_hold)
        case ir.OrCondition(operands):
            return explain_some(operands, domain, facts, evaluate(condition, domain).can_hold)


def explain_some(operands: tuple[ir.Condition, ...], domain: Domain, facts: Facts, holds: bool) -> str:
    """Explain the operands that decide, each once; what always holds decides nothing."""
    parts = [one for one in operands if not isinstance(one, ir.Always)]
    deciding = [one for one in parts if evaluate(one, domain).can_hold == holds]
    return " and ".join(dict.fromkeys(explain(one, domain, facts) for one in deciding)) or "no control prevents it"


def split(condition: ir.Condition) -> Iterator[ir.Condition]:
    """Yield the parts of a condition that must all hold."""
    if isinstance(condition, ir.AndCondition):
        for operand in condition.operands:
            yield from split(operand)
    else:
        yield condition
