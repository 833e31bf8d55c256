"""MSRs and ports: which numbers a domain may read and write, and how."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from codegen.emit.statements import statements
from codegen.insight.access import io_action, msr_action
from codegen.insight.diff.change import Change, rank
from codegen.insight.words import outcomes_of_action, say_action
from codegen.model.choices import Action, Domain, Model

RANKS = {"inject": 0, "value": 1, "forward": 1, "do": 2, "hypercalls": 2, "try": 3, "pass": 4}
DIRECTIONS = ("read", "write")
Span = tuple[int, int, Action, Action]  # from, to, what was done, what is done now
MSR_NUMBERS, PORT_NUMBERS = 1 << 32, 1 << 16


def say_actions(action: Action) -> str:
    """All that an action does, as C: the same text does the same."""
    body = "\n".join(statements(action.body.statements)) if action.body else ""
    return f"{say_action(action)}\n{body}"


def compare_msrs(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Both directions of every number, ranges that change alike in one line."""
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
    """The same for ports."""
    names = [(one.first, one.last, one.name) for facts in (new.facts, old.facts) for one in facts.ports.values()]
    edges = {0, PORT_NUMBERS, *(edge for first, last, _ in names for edge in (first, last + 1))}
    for direction in DIRECTIONS:
        found = [
            (low, high - 1, io_action(low, direction, before)[0], io_action(low, direction, after)[0])
            for low, high in pairwise(sorted(edges))
        ]
        yield from compare_ranges(found, names, direction, "port", after.name)


def rank_action(action: Action) -> tuple[int, bool]:
    """How much an action allows; a body that can go on allows more than one that cannot."""
    return RANKS[action.kind], "advance" in outcomes_of_action(action)


def compare_ranges(
    found: list[Span], names: list[tuple[int, int, str]], direction: str, what: str, domain: str
) -> Iterator[Change]:
    """A line for each named one, and one for all neighbours without a name that change alike."""
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
    """`may now write {}`, where {} is the MSR or port."""
    was, now = (escape(say_action(one)) for one in (old, new))
    if new.kind == "inject" and old.kind != "inject":
        return f"may no longer {direction} {{}}: {was} -> {now}"
    if RANKS[new.kind] > RANKS[old.kind]:
        return f"may now {direction} {{}}{' itself' if new.kind == 'pass' else ''}: {was} -> {now}"
    if RANKS[new.kind] < RANKS[old.kind]:
        return f"may {direction} {{}} less freely: {was} -> {now}"
    return f"{direction} of {{}}: {was} -> {now}{'' if was != now else ', by another body'}"


def escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
