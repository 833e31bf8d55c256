"""CPUID: a feature that the guest sees has what it needs."""

from __future__ import annotations

from codegen import errors
from codegen.checks.controls import split
from codegen.checks.evaluate import evaluate, explain
from codegen.diagnostics import Reporter
from codegen.model.choices import Domain, Model


def check_features(model: Model, domain: Domain, reporter: Reporter) -> None:
    """What rests on a `prefer` is shown where the processor has it: that much is allowed."""
    for feature in domain.cpuid.shown:
        for need in split(feature.needs):
            if not evaluate(need, domain).can_hold:
                missing = explain(need, domain, model.facts)
                help = f"hide {feature.name}; or give it what it needs"
                errors.feature_needs(reporter, domain.cpuid.span, feature.name, missing, feature.needs_span, help)
