"""Memory: what a domain finds in each region."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.insight.diff.change import GAIN, LOSS, Change, rank
from codegen.model.choices import Domain, MemoryRule, Model, Region

RANKS = {"hide": 0, "watch": 1, "alias": 2, "map": 3}


def compare_memory(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Rules by region, then their order, then where the regions are."""
    was, now = ({rule.region.name: rule for rule in domain.memory} for domain in (before, after))
    for name in sorted(was.keys() | now.keys()):
        yield from compare_rules(name, was.get(name), now.get(name), after.name)
    order = [[name for name in rules if name in was.keys() & now.keys()] for rules in (was, now)]
    if order[0] != order[1]:
        text = f"memory rules in another order: {', '.join(order[0])} -> {', '.join(order[1])}"
        yield Change(GAIN, "memory", after.name, text)
    for name in sorted(was.keys() & now.keys()):
        yield from compare_regions(was[name], now[name], after.name)


def compare_rules(name: str, was: MemoryRule | None, now: MemoryRule | None, domain: str) -> Iterator[Change]:
    """A rule that came, went or became another. One that goes uncovers what it restrained."""
    texts = [say_rule(one) for one in (was, now)]
    if texts[0] != texts[1]:
        kind = rank(rank_rule(was), rank_rule(now)) if was and now else rank_alone(was or now, now is not None)
        yield Change(kind, "memory", domain, f"memory {name}: {texts[0]} -> {texts[1]}")


def rank_rule(rule: MemoryRule | None) -> int:
    """Kinds of rules by what they allow, then rights."""
    return RANKS[rule.kind] * 8 + sum(1 << "rwx".index(letter) for letter in rule.rights) if rule else 0


def rank_alone(rule: MemoryRule | None, came: bool) -> str:
    """A new map gives; any other new rule takes from what was mapped."""
    gives = rule is not None and rule.kind == "map"
    return GAIN if gives == came else LOSS


def say_rule(rule: MemoryRule | None) -> str:
    if rule is None:
        return "no rule"
    return f"{rule.kind} {rule.rights}" + (f" onto {rule.onto:#x}" if rule.kind == "alias" else "")


def compare_regions(was: MemoryRule, now: MemoryRule, domain: str) -> Iterator[Change]:
    """A region elsewhere: less of one that restrains is a gain."""
    one, other = was.region, now.region
    if (one.kind, one.base, one.size) != (other.kind, other.base, other.size):
        kind = rank(one.size, other.size) if now.kind == "map" else rank(other.size, one.size)
        yield Change(kind, "memory", domain, f"memory {other.name}: {say_region(one)} -> {say_region(other)}")


def say_region(region: Region) -> str:
    return f"{region.base:#x}+{region.size:#x}" if region.kind == "at" else region.kind
