"""Compare what a domain can reach in two specs: MSRs, ports, CPUID, memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from codegen.emit.statements import statements
from codegen.model.choices import Action, Domain, MemoryRule, Model, Region
from codegen.model.facts import CpuidLeaf, Feature
from codegen.query.words import io_action, msr_action, outcomes_of_action, say_action

GAIN, LOSS, CHANGE = "gain", "loss", "change"


@dataclass(frozen=True)
class Change:
    """`kind`: gain, loss or change; `topic`: msr, port, cpuid, control, owned, exit, memory, hypercall ..."""

    kind: str
    topic: str
    domain: str
    text: str


def rank(before: int | tuple[int, bool], after: int | tuple[int, bool]) -> str:
    """Return whether more (a gain) or less (a loss) is allowed now."""
    if before == after:
        return CHANGE
    return GAIN if max(before, after) == after else LOSS


# ---- MSRs and ports: which numbers a domain may read and write, and how


ACTION_RANKS = {"inject": 0, "value": 1, "forward": 1, "do": 2, "hypercalls": 2, "try": 3, "pass": 4}
DIRECTIONS = ("read", "write")
Range = tuple[int, int, Action, Action]  # from, to, what was done, what is done now
MSR_NUMBERS, PORT_NUMBERS = 1 << 32, 1 << 16


def say_actions(action: Action) -> str:
    """Return everything that an action does, as C: equal texts do the same."""
    body = "\n".join(statements(action.body.statements)) if action.body else ""
    return f"{say_action(action)}\n{body}"


def compare_msrs(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare both directions of every number; ranges that change alike become one line."""
    names = [(one.first, one.last, one.name) for facts in (new.facts, old.facts) for one in facts.msrs.values()]
    for direction in DIRECTIONS:
        edges = {0, MSR_NUMBERS}
        for domain in (before, after):
            rules = domain.msr.read if direction == "read" else domain.msr.write
            edges |= {edge for one in rules for edge in (one.first, one.last + 1)}
        edges |= {edge for first, last, _ in names for edge in (first, last + 1)}
        found = [
            (low, high - 1, msr_action(low, direction, before)[0], msr_action(low, direction, after)[0])
            for low, high in pairwise(sorted(edges))
        ]
        yield from compare_ranges(found, names, direction, "MSR", after.name)


def compare_ports(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare ports in the same way."""
    names = [(one.first, one.last, one.name) for facts in (new.facts, old.facts) for one in facts.ports.values()]
    edges = {0, PORT_NUMBERS, *(edge for first, last, _ in names for edge in (first, last + 1))}
    for direction in DIRECTIONS:
        found = [
            (low, high - 1, io_action(low, direction, before)[0], io_action(low, direction, after)[0])
            for low, high in pairwise(sorted(edges))
        ]
        yield from compare_ranges(found, names, direction, "port", after.name)


def rank_action(action: Action) -> tuple[int, bool]:
    """Return how much an action allows; a body that can advance allows more than one that cannot."""
    return ACTION_RANKS[action.kind], "advance" in outcomes_of_action(action)


def compare_ranges(
    found: list[Range], names: list[tuple[int, int, str]], direction: str, what: str, domain: str
) -> Iterator[Change]:
    """Yield a line for each named number, and one for all unnamed neighbors that change alike."""
    lines: list[tuple[int, int, str, str, str]] = []
    for first, last, old, new in found:
        if say_actions(old) == say_actions(new):
            continue
        name = next((name for low, high, name in names if low <= first <= high), "")
        kind = rank(rank_action(old), rank_action(new))
        text = say_access(direction, old, new)
        if lines and not name and lines[-1][1] + 1 == first and lines[-1][2:] == ("", kind, text):
            lines[-1] = (lines[-1][0], last, "", kind, text)
        else:
            lines.append((first, last, name, kind, text))
    for first, last, name, kind, text in lines:
        number = f"{first:#x}" if first == last else f"{first:#x}..{last:#x}"
        yield Change(kind, what.lower(), domain, text.format(f"{what} {number}{f' ({name})' if name else ''}"))


def say_access(direction: str, old: Action, new: Action) -> str:
    """Return `may now write {}`, where {} is the MSR or port."""
    was, now = (escape(say_action(one)) for one in (old, new))
    if new.kind == "inject" and old.kind != "inject":
        return f"may no longer {direction} {{}}: {was} -> {now}"
    if ACTION_RANKS[new.kind] > ACTION_RANKS[old.kind]:
        return f"may now {direction} {{}}{' natively' if new.kind == 'pass' else ''}: {was} -> {now}"
    if ACTION_RANKS[new.kind] < ACTION_RANKS[old.kind]:
        return f"may {direction} {{}} less freely: {was} -> {now}"
    return f"{direction} of {{}}: {was} -> {now}{'' if was != now else ', different body'}"


def escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


# ---- CPUID: features that a domain sees, values that it reads


def place_of(feature: Feature) -> tuple[int, int, str, int]:
    return (feature.leaf.first, (feature.leaf.subleaves or (0, 0))[0], feature.register, feature.low)


def compare_cpuid(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare features by their place, not their name; then values, and leaves of the hypervisor."""
    was, now = ({place_of(one): one for one in domain.cpuid.shown} for domain in (before, after))
    for place in sorted(now.keys() - was.keys()):
        yield Change(GAIN, "cpuid", after.name, f"now sees CPUID feature {now[place].name} ({say_feature(now[place])})")
    for place in sorted(was.keys() - now.keys()):
        text = f"no longer sees CPUID feature {was[place].name} ({say_feature(was[place])})"
        yield Change(LOSS, "cpuid", after.name, text)
    forced_was, forced_now = ({place_of(one) for one in domain.cpuid.forced} for domain in (before, after))
    for place in sorted((forced_was ^ forced_now) & was.keys() & now.keys()):
        how = "on every processor" if place in forced_now else "only if the processor has it"
        kind = GAIN if place in forced_now else LOSS
        yield Change(kind, "cpuid", after.name, f"now sees CPUID feature {now[place].name} {how}")
    yield from compare_values(before, after)
    yield from compare_own(before, after)


def say_feature(feature: Feature) -> str:
    leaf, subleaf, register, bit = place_of(feature)
    return f"{leaf:#x}.{subleaf}.{register}.{bit}"


def compare_values(before: Domain, after: Domain) -> Iterator[Change]:
    """Compare the registers that are passed whole."""
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
            text = f"CPUID leaf {leaf:#x} of the hypervisor: {values[0]} -> {values[1]}"
            yield Change(CHANGE, "cpuid", after.name, text)


# ---- memory: what a domain finds in each region


RULE_RANKS = {"hide": 0, "watch": 1, "alias": 2, "map": 3}


def compare_memory(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare rules by region, then their order, then the addresses of regions."""
    was, now = ({rule.region.name: rule for rule in domain.memory} for domain in (before, after))
    for name in sorted(was.keys() | now.keys()):
        yield from compare_rules(name, was.get(name), now.get(name), after.name)
    order = [[name for name in rules if name in was.keys() & now.keys()] for rules in (was, now)]
    if order[0] != order[1]:
        text = f"memory rules reordered: {', '.join(order[0])} -> {', '.join(order[1])}"
        yield Change(GAIN, "memory", after.name, text)
    for name in sorted(was.keys() & now.keys()):
        yield from compare_regions(was[name], now[name], after.name)


def compare_rules(name: str, was: MemoryRule | None, now: MemoryRule | None, domain: str) -> Iterator[Change]:
    """Compare the rules of a region. Removing a rule uncovers what it restrained."""
    texts = [say_rule(one) for one in (was, now)]
    if texts[0] != texts[1]:
        kind = rank(rank_rule(was), rank_rule(now)) if was and now else rank_single_rule(was or now, now is not None)
        yield Change(kind, "memory", domain, f"memory {name}: {texts[0]} -> {texts[1]}")


def rank_rule(rule: MemoryRule | None) -> int:
    """Rank rules by what their kind allows, then by rights."""
    return RULE_RANKS[rule.kind] * 8 + sum(1 << "rwx".index(letter) for letter in rule.rights) if rule else 0


def rank_single_rule(rule: MemoryRule | None, came: bool) -> str:
    """Rank a rule that is new or gone: a map gives memory; any other rule takes mapped memory away."""
    gives = rule is not None and rule.kind == "map"
    return GAIN if gives == came else LOSS


def say_rule(rule: MemoryRule | None) -> str:
    if rule is None:
        return "no rule"
    return f"{rule.kind} {rule.rights}" + (f" onto {rule.onto:#x}" if rule.kind == "alias" else "")


def compare_regions(was: MemoryRule, now: MemoryRule, domain: str) -> Iterator[Change]:
    """Compare a region's address and size: less of a region that restrains is a gain."""
    one, other = was.region, now.region
    if (one.kind, one.base, one.size) != (other.kind, other.base, other.size):
        kind = rank(one.size, other.size) if now.kind == "map" else rank(other.size, one.size)
        yield Change(kind, "memory", domain, f"memory {other.name}: {say_region(one)} -> {say_region(other)}")


def say_region(region: Region) -> str:
    return f"{region.base:#x}+{region.size:#x}" if region.kind == "at" else region.kind
