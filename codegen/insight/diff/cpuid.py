"""CPUID: features that a domain sees, values that it reads."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.insight.diff.change import CHANGE, GAIN, LOSS, Change
from codegen.model.choices import Domain, Model
from codegen.model.facts import CpuidLeaf, Feature


def place_of(feature: Feature) -> tuple[int, int, str, int]:
    return (feature.leaf.first, (feature.leaf.subleaves or (0, 0))[0], feature.register, feature.low)


def compare_cpuid(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Features by their place, so that a new name for a bit is no news; values; leaves of our own."""
    was, now = ({place_of(one): one for one in domain.cpuid.shown} for domain in (before, after))
    for place in sorted(now.keys() - was.keys()):
        yield Change(GAIN, "cpuid", after.name, f"now sees CPUID feature {now[place].name} ({say_feature(now[place])})")
    for place in sorted(was.keys() - now.keys()):
        text = f"no longer sees CPUID feature {was[place].name} ({say_feature(was[place])})"
        yield Change(LOSS, "cpuid", after.name, text)
    forced_was, forced_now = ({place_of(one) for one in domain.cpuid.forced} for domain in (before, after))
    for place in sorted((forced_was ^ forced_now) & was.keys() & now.keys()):
        how = "whatever the processor says" if place in forced_now else "where the processor has it"
        kind = GAIN if place in forced_now else LOSS
        yield Change(kind, "cpuid", after.name, f"now sees CPUID feature {now[place].name} {how}")
    yield from compare_values(before, after)
    yield from compare_own(before, after)


def say_feature(feature: Feature) -> str:
    leaf, subleaf, register, bit = place_of(feature)
    return f"{leaf:#x}.{subleaf}.{register}.{bit}"


def compare_values(before: Domain, after: Domain) -> Iterator[Change]:
    """Registers that are passed whole."""
    was, now = ({value for leaf in domain.cpuid.leaves for value in values_of(leaf)} for domain in (before, after))
    for kind, some, words in ((GAIN, now - was, "now reads"), (LOSS, was - now, "no longer reads")):
        for first, last, subleaf, register in sorted(some):
            leaf = f"{first:#x}" if first == last else f"{first:#x}..{last:#x}"
            yield Change(kind, "cpuid", after.name, f"{words} CPUID leaf {leaf}{subleaf} {register}")


def values_of(leaf: CpuidLeaf) -> Iterator[tuple[int, int, str, str]]:
    subleaf = f", subleaves {leaf.subleaves[0]:#x}..{leaf.subleaves[1]:#x}" if leaf.subleaves else ""
    yield from ((leaf.first, leaf.last, subleaf, register) for register, kind in leaf.registers if kind == "value")


def compare_own(before: Domain, after: Domain) -> Iterator[Change]:
    was, now = dict(before.cpuid.own), dict(after.cpuid.own)
    for leaf in sorted(was.keys() | now.keys()):
        if was.get(leaf) != now.get(leaf):
            values = [", ".join(f"{value:#x}" for value in one.get(leaf, ())) or "nothing" for one in (was, now)]
            yield Change(CHANGE, "cpuid", after.name, f"CPUID leaf {leaf:#x} of our own: {values[0]} -> {values[1]}")
