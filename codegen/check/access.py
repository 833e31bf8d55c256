"""What reaches a guest: no memory of the hypervisor, no guarded MSR; and a port for root's hypercalls."""

from __future__ import annotations

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.model.choices import Action, Domain, MemoryRule, Model, MsrRule
from codegen.model.facts import Msr
from codegen.source import Span

WRITES = {"pass": "passed", "try": "written by `try`"}


def check_memory(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Check rules in order: the hypervisor is hidden first, no rule overlaps another or comes too late."""
    hidden: list[str] = []
    for index, rule in enumerate(domain.memory):
        if rule.kind == "hide":
            hidden.append(rule.region.name)
        elif may_hold_hypervisor(rule) and "hypervisor" not in hidden:
            errors.maps_hypervisor(reporter, rule.span, domain.name, rule.region.name)
        check_reached(rule, domain.memory[:index], reporter)
        check_overlap(rule, domain.memory[:index], reporter)


def may_hold_hypervisor(rule: MemoryRule) -> bool:
    """Return whether a rule may map the hypervisor; a fixed region lies where firmware put it, outside RAM."""
    return rule.region.kind == "runtime" or (rule.kind == "map" and rule.region.kind != "at")


def check_reached(rule: MemoryRule, before: tuple[MemoryRule, ...], reporter: Reporter) -> None:
    """Report a rule that comes after the rule for everything: that one decides."""
    cover = next((one for one in before if one.region.kind == "all"), None)
    if cover and rule.region.kind == "at":
        errors.memory_unreached(reporter, rule.span, rule.region.name, cover.region.name, cover.span)


def check_overlap(rule: MemoryRule, before: tuple[MemoryRule, ...], reporter: Reporter) -> None:
    """Report an overlap with an earlier rule, once for each rule."""
    name = rule.region.name
    for other in before:
        if name == other.region.name or overlaps(rule, other):
            same = name == other.region.name
            what = f"`{name}` has two rules" if same else f"`{name}` overlaps `{other.region.name}`"
            errors.memory_overlap(reporter, rule.span, f"{what}: which should hold?", other.span)
            return


def overlaps(a: MemoryRule, b: MemoryRule) -> bool:
    """Return whether two fixed regions share a byte."""
    if a.region.kind != "at" or b.region.kind != "at":
        return False
    return a.region.base < b.region.base + b.region.size and b.region.base < a.region.base + a.region.size


def check_guarded(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Report guarded MSRs that are written by `pass` or `try`, once for each rule; reading one is harmless."""
    found: dict[Span, tuple[Action, list[Msr]]] = {}
    for msr in model.facts.msrs.values():
        action = action_for(msr, domain.msr.write, domain.msr.default_write)
        if msr.guarded and action.kind in WRITES:
            found.setdefault(action.span, (action, []))[1].append(msr)
    for span, (action, msrs) in found.items():
        places = {one.name: one.span for one in msrs}
        errors.guarded_passed(reporter, span, places, WRITES[action.kind], msrs[0].guarded)


def action_for(msr: Msr, rules: tuple[MsrRule, ...], default: Action) -> Action:
    """Return the action for the bank of MSRs; of several the one that writes by `pass` or `try`."""
    near = [one for one in rules if one.first <= msr.last and msr.first <= one.last]
    found = [one.action for one in near]
    covered = sum(min(one.last, msr.last) - max(one.first, msr.first) + 1 for one in near)
    actions = found if covered == msr.last - msr.first + 1 else [*found, default]
    return next((one for one in actions if one.kind in WRITES), actions[0])


def check_root_port(model: Model, reporter: Reporter) -> None:
    """Report hypercalls from root where no port takes them."""
    rules = [rule for domain in model.domains.values() for rule in domain.io.rules]
    if any(rule.write.kind == "hypercalls" for rule in rules):
        return
    by_port = {one.name for one in model.abi.callers.values() if one.way == "port"}
    for call in model.hypercalls.values():
        callers = by_port.intersection(call.callers)
        if callers:
            message = f"`{call.name}` can come from {min(callers)}, and no port takes such calls"
            help = "add to the io block of a domain: PORT write hypercalls;"
            errors.not_valid_here(reporter, call.span, message, help)
