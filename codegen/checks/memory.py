"""Memory: no rule of a domain maps the hypervisor; rules do not overlap but for the map of everything."""

from __future__ import annotations

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.model.choices import Domain, MemoryRule, Model


def check_memory(model: Model, domain: Domain, reporter: Reporter) -> None:
    hidden: list[str] = []
    for index, rule in enumerate(domain.memory):
        if rule.kind == "hide":
            hidden.append(rule.region.name)
        elif may_hold_hypervisor(rule) and "hypervisor" not in hidden:
            errors.maps_hypervisor(reporter, rule.span, domain.name, rule.region.name)
        check_overlap(rule, domain.memory[:index], reporter)


def may_hold_hypervisor(rule: MemoryRule) -> bool:
    """A fixed region lies where firmware put it, outside RAM; any other may be anywhere."""
    return rule.kind == "map" and rule.region.kind != "at" or rule.region.kind == "runtime"


def check_overlap(rule: MemoryRule, before: tuple[MemoryRule, ...], reporter: Reporter) -> None:
    for other in before:
        if rule.region.name == other.region.name or overlaps(rule, other):
            message = f"`{rule.region.name}` overlaps `{other.region.name}`: which rule should hold?"
            errors.memory_overlap(reporter, rule.span, message, other.span)


def overlaps(a: MemoryRule, b: MemoryRule) -> bool:
    if a.region.kind != "at" or b.region.kind != "at":
        return False
    return a.region.base < b.region.base + b.region.size and b.region.base < a.region.base + a.region.size
