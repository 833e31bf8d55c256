"""Hypercalls: there is a way for each caller."""

from __future__ import annotations

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.model.choices import Model


def check_root_port(model: Model, reporter: Reporter) -> None:
    """Root's calls need a port that takes them."""
    rules = [rule for domain in model.domains.values() for rule in domain.io.rules]
    if any(rule.write.kind == "hypercalls" for rule in rules):
        return
    for call in model.hypercalls.values():
        if "root" in call.callers:
            message = f"`{call.name}` can come from root, and no port takes such calls"
            help = "add to the io block of a domain: PORT write hypercalls;"
            errors.not_valid_here(reporter, call.span, message, help)
