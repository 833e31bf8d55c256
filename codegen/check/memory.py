"""Memory rules: none maps the hypervisor, each has an effect, and dom0 can run with what is left."""

from __future__ import annotations

from codegen import errors
from codegen.diagnostics import Reporter
from codegen.model.choices import RUNTIME_REGIONS, Domain, MemoryRule, Model, Region

# The hypervisor is in superpages after the first: runtime/boot/region.c.
LOWEST_HYPERVISOR, HYPERVISOR_END = 2 << 20, 4 << 30
CONVENTIONAL_END = 640 << 10
ALL_RIGHTS = "rwx"


def check_memory(model: Model, domain: Domain, reporter: Reporter) -> None:
    """Check rules in order: the hypervisor is hidden first, no rule overlaps another or comes too late."""
    hidden: list[str] = []
    for index, rule in enumerate(domain.memory):
        if rule.kind == "hide":
            hidden.append(rule.region.name)
        elif may_hold_hypervisor(rule) and "hypervisor" not in hidden:
            errors.maps_hypervisor(reporter, rule.span, domain.name, rule.region.name)
            continue
        check_reached(rule, domain.memory[:index], reporter)
        if not check_overlap(rule, domain.memory[:index], reporter):
            check_effect(rule, domain.memory[index + 1 :], reporter)
            check_place(rule, reporter)


def may_hold_hypervisor(rule: MemoryRule) -> bool:
    """Return whether a rule may map the hypervisor; the runtime's own regions lie outside the memory where that is."""
    region = rule.region
    if region.kind == "at" and region.name not in RUNTIME_REGIONS and rule.kind != "alias":
        return region.base < HYPERVISOR_END and region.base + region.size > LOWEST_HYPERVISOR
    return region.kind == "runtime" or (rule.kind == "map" and region.kind != "at")


def check_effect(rule: MemoryRule, after: tuple[MemoryRule, ...], reporter: Reporter) -> None:
    """Report a rule that maps a region as the rule for everything does."""
    cover = next((one for one in after if one.region.kind == "all"), None)
    if cover and rule.kind == cover.kind == "map" and set(rule.rights) == set(cover.rights):
        message = f"`{rule.region.name}` is mapped {rule.rights} by the rule for `{cover.region.name}` already"
        errors.no_effect(reporter, rule.span, message, "give it fewer rights (r, rw, rx), or watch or hide it")


def check_place(rule: MemoryRule, reporter: Reporter) -> None:
    """Report a rule that the runtime cannot carry out for its region, or with which dom0 cannot run."""
    region, wanted = rule.region, RUNTIME_REGIONS.get(rule.region.name, rule.kind)
    if rule.kind != wanted:
        message = f"the runtime places `{region.name}` at times, for the rule `{wanted} {region.name}` alone"
        help = f"declare a region of another name there, and {rule.kind} it"
        errors.not_valid_here(reporter, rule.span, message, help)
    elif region.kind == "all" and (rule.kind != "map" or set(rule.rights) != set(ALL_RIGHTS)):
        message = f"dom0 could not run its first instruction: the rule for `{region.name}` takes rights from all memory"
        help = f"map {region.name} rwx, and give fewer rights to a region: region NAME at ADDRESS size SIZE;"
        errors.not_valid_here(reporter, rule.span, message, help)
    elif rule.kind in ("hide", "alias") and region.kind == "at" and region.base < CONVENTIONAL_END:
        message = f"the BIOS and the boot record use conventional memory, and `{region.name}` lies in it"
        errors.not_valid_here(reporter, rule.span, message, f"begin at {CONVENTIONAL_END:#x} or later")
    elif rule.kind == "alias" and rule.onto + region.size > LOWEST_HYPERVISOR:
        message = f"the alias leads to memory above {LOWEST_HYPERVISOR:#x}, where the hypervisor may be"
        errors.not_valid_here(reporter, rule.span, message, "let it end below 2 MiB")


def check_regions(model: Model, reporter: Reporter) -> None:
    """Report regions that no rule names, and those that nothing places."""
    named = {rule.region.name for domain in model.domains.values() for rule in domain.memory}
    for region in model.regions.values():
        if region.kind == "runtime" and region.name not in RUNTIME_REGIONS:
            message, help = f"nothing places `{region.name}`", f"say where: region {region.name} at ADDRESS size SIZE;"
            errors.not_valid_here(reporter, region.span, message, help)
        elif region.kind == "at" and region.name not in named and region.name not in RUNTIME_REGIONS:
            errors.no_effect(reporter, region.span, f"no rule names region `{region.name}`", suggest_rule(region))


def suggest_rule(region: Region) -> str:
    """Return a rule that would use the region."""
    return f"name it in the memory block of a domain: hide {region.name} as ones;"


def check_reached(rule: MemoryRule, before: tuple[MemoryRule, ...], reporter: Reporter) -> None:
    """Report a rule that comes after the rule for everything: that one decides."""
    cover = next((one for one in before if one.region.kind == "all"), None)
    if cover and rule.region.kind == "at":
        errors.memory_unreached(reporter, rule.span, rule.region.name, cover.region.name, cover.span)


def check_overlap(rule: MemoryRule, before: tuple[MemoryRule, ...], reporter: Reporter) -> bool:
    """Report an overlap with an earlier rule, once for each rule; return whether there is one."""
    name = rule.region.name
    for other in before:
        if name == other.region.name or overlaps(rule, other):
            same = name == other.region.name
            what = f"`{name}` has two rules" if same else f"`{name}` overlaps `{other.region.name}`"
            errors.memory_overlap(reporter, rule.span, f"{what}: which should hold?", other.span)
            return True
    return False


def overlaps(a: MemoryRule, b: MemoryRule) -> bool:
    """Return whether two fixed regions share a byte."""
    if a.region.kind != "at" or b.region.kind != "at":
        return False
    return a.region.base < b.region.base + b.region.size and b.region.base < a.region.base + a.region.size
