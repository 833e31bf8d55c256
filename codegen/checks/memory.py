"""Memory: no rule of a domain maps the hypervisor; rules do not overlap but for the map of everything."""

from __future__ import annotations

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.model.choices import Domain, MemoryRule, Model


def check_memory(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Rules in order: the hypervisor hidden first, nothing overlapping, nothing out of reach."""
    hidden: list[str] = []
    for index, rule in enumerate(domain.memory):
        if rule.kind == "hide":
            hidden.append(rule.region.name)
        elif may_hold_hypervisor(rule) and "hypervisor" not in hidden:
            errors.maps_hypervisor(reporter, rule.span, domain.name, rule.region.name)
        check_reached(rule, domain.memory[:index], reporter)
        check_overlap(rule, domain.memory[:index], reporter)


def may_hold_hypervisor(rule: MemoryRule) -> bool:
    """A fixed region lies where firmware put it, outside RAM; any other may be anywhere."""
    return rule.region.kind == "runtime" or (rule.kind == "map" and rule.region.kind != "at")


def check_reached(rule: MemoryRule, before: tuple[MemoryRule, ...], reporter: Reporter) -> None:
    """Behind a rule for everything no other rule is asked."""
    cover = next((one for one in before if one.region.kind == "all"), None)
    if cover and rule.region.kind == "at":
        errors.memory_unreached(reporter, rule.span, rule.region.name, cover.region.name, cover.span)


def check_overlap(rule: MemoryRule, before: tuple[MemoryRule, ...], reporter: Reporter) -> None:
    """At most one message for a rule."""
    name = rule.region.name
    for other in before:
        if name == other.region.name or overlaps(rule, other):
            same = name == other.region.name
            what = f"`{name}` has two rules" if same else f"`{name}` overlaps `{other.region.name}`"
            errors.memory_overlap(reporter, rule.span, f"{what}: which should hold?", other.span)
            return


def overlaps(a: MemoryRule, b: MemoryRule) -> bool:
    """Whether two fixed regions share a byte."""
    if a.region.kind != "at" or b.region.kind != "at":
        return False
    return a.region.base < b.region.base + b.region.size and b.region.base < a.region.base + a.region.size
