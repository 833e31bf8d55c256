"""The rules across tables, in one ordered list. Each files what it finds and lets the next go on."""

from __future__ import annotations

from codegen import errors
from codegen.checks.bodies import check_locals
from codegen.checks.controls import check_control_needs, check_ports, check_switched_msrs
from codegen.checks.exits import check_coverage, check_natives, check_traps
from codegen.checks.features import check_features
from codegen.checks.fields import check_fields
from codegen.checks.hypercalls import check_root_port
from codegen.checks.memory import check_memory
from codegen.checks.msrs import check_guarded
from codegen.diagnostics import Reporter
from codegen.model.choices import Domain, Model

DOMAIN_CHECKS = (
    check_control_needs,
    check_switched_msrs,
    check_ports,
    check_natives,
    check_traps,
    check_coverage,
    check_guarded,
    check_features,
    check_fields,
    check_memory,
)


def check(model: Model, reporter: Reporter) -> None:
    """Hold a resolved model against every rule."""
    if not model.domains:
        errors.no_domain(reporter)
    check_locals(model, reporter)
    check_root_port(model, reporter)
    for domain in model.domains.values():
        for rule in DOMAIN_CHECKS:
            rule(model, domain, reporter)


__all__ = ["Domain", "check"]
