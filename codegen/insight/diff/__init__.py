"""`build.py diff`: what each domain gains and loses between two specs. Nothing here is about text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codegen.insight.diff.access import compare_msrs, compare_ports
from codegen.insight.diff.change import CHANGE, GAIN, LOSS, Change
from codegen.insight.diff.controls import compare_controls, compare_exceptions, compare_owned, compare_switched
from codegen.insight.diff.cpuid import compare_cpuid
from codegen.insight.diff.exits import compare_exits
from codegen.insight.diff.hypercalls import compare_hypercalls
from codegen.insight.diff.memory import compare_memory
from codegen.model.choices import Model

COMPARISONS = (
    compare_exits,
    compare_msrs,
    compare_ports,
    compare_cpuid,
    compare_controls,
    compare_owned,
    compare_exceptions,
    compare_switched,
    compare_memory,
)
TITLES = {GAIN: "Gains", LOSS: "Losses", CHANGE: "Changes that are neither"}


def compare(old: Model, new: Model) -> list[Change]:
    """Every difference, domain by domain."""
    return [*compare_domains(old, new), *compare_hypercalls(old, new)]


def compare_domains(old: Model, new: Model) -> Iterator[Change]:
    """Domains that came, went, or can do something else."""
    for name in [*new.domains, *(name for name in old.domains if name not in new.domains)]:
        if name not in old.domains:
            yield Change(GAIN, "domain", name, "is a new domain")
        elif name not in new.domains:
            yield Change(LOSS, "domain", name, "is no longer a domain")
        else:
            if old.domains[name].under != new.domains[name].under:
                yield Change(GAIN, "domain", name, say_runner(new.domains[name].under))
            for comparison in COMPARISONS:
                yield from comparison(old, new, old.domains[name], new.domains[name])


def say_runner(under: str) -> str:
    """Who runs a domain now."""
    return f"is now run under {under}" if under else "is now run by the hypervisor itself"


def write_changes(changes: Iterable[Change]) -> str:
    """Gains first: they are what a reviewer looks for."""
    listed = list(changes)
    blocks = [write_kind(kind, [one for one in listed if one.kind == kind]) for kind in TITLES]
    return "\n\n".join(block for block in blocks if block) or "No domain gains or loses anything."


def write_kind(kind: str, changes: list[Change]) -> str:
    lines = [f"  {one.domain + ' ' if one.domain else ''}{one.text}" for one in changes]
    return "\n".join([f"{TITLES[kind]} ({len(lines)}):", *lines]) if lines else ""


__all__ = ["CHANGE", "GAIN", "LOSS", "Change", "compare", "write_changes"]
