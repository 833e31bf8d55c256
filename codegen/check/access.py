"""What reaches a guest: no guarded MSR; and a port for root's hypercalls."""

from __future__ import annotations

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.model.choices import Action, Domain, Model, MsrRule
from codegen.model.facts import Msr
from codegen.source import Span

WRITES = {"pass": "passed", "try": "written by `try`"}


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
