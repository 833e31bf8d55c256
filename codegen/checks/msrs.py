"""MSRs: what the facts guard reaches no guest by a general rule."""

from __future__ import annotations

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.model.choices import Action, Domain, Model, MsrRule
from codegen.model.facts import Msr

HOW = {"pass": "passed", "try": "written by `try`"}


def check_guarded(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Reading a guarded MSR is harmless; writing it by `pass` or `try` is not."""
    for msr in model.facts.msrs.values():
        if msr.guarded:
            action = action_for(msr, domain.msr.write, domain.msr.default_write)
            if action.kind in HOW:
                errors.guarded_passed(reporter, action.span, msr.name, HOW[action.kind], msr.guarded, msr.span)


def action_for(msr: Msr, rules: tuple[MsrRule, ...], default: Action) -> Action:
    """The action for the bank's first MSR that has the least care."""
    near = [one for one in rules if one.first <= msr.last and msr.first <= one.last]
    found = [one.action for one in near]
    covered = sum(min(one.last, msr.last) - max(one.first, msr.first) + 1 for one in near)
    actions = found if covered == msr.last - msr.first + 1 else [*found, default]
    return next((one for one in actions if one.kind in HOW), actions[0])
