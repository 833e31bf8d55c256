"""The rules across tables, in one ordered list. Each reports what it finds and lets the next one run."""

from __future__ import annotations

from collections.abc import Mapping

from codegen import errors
from codegen.check.access import check_guarded, check_root_port
from codegen.check.bodies import check_fields, check_locals
from codegen.check.controls import check_control_needs, check_features, check_ports, check_switched_msrs, check_tables
from codegen.check.entry_rules import check_host
from codegen.check.exits import check_coverage, check_natives, check_traps
from codegen.check.memory import check_memory, check_regions
from codegen.diagnostics import Reporter, merge_reports
from codegen.model.choices import Model

DOMAIN_CHECKS = (
    check_control_needs,
    check_switched_msrs,
    check_ports,
    check_tables,
    check_natives,
    check_traps,
    check_coverage,
    check_guarded,
    check_features,
    check_fields,
    check_memory,
)


def check_each(models: Mapping[str, Model], reporter: Reporter) -> None:
    """Hold the model of each processor against every rule."""
    reports = {name: Reporter() for name in models}
    for name, model in models.items():
        check(model, reports[name])
    merge_reports(reports, reporter)


def check(model: Model, reporter: Reporter) -> None:
    """Hold a resolved model against every rule."""
    if not model.domains:
        errors.no_domain(reporter)
    check_locals(model, reporter)
    check_root_port(model, reporter)
    check_regions(model, reporter)
    check_host(model, reporter)
    for domain in model.domains.values():
        for rule in DOMAIN_CHECKS:
            rule(model, domain, reporter)
