"""Exits that come or go, and how those that stay end."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.emit.statements import statements
from codegen.insight.diff.change import CHANGE, GAIN, LOSS, Change
from codegen.insight.ledger import Row, make_ledger
from codegen.insight.words import outcomes_of, say_list, say_place
from codegen.model.choices import Domain, Model

GOING_ON = {"advance", "resume", "native"}  # the guest goes on as if nothing had been
TABLES = ("msr_read", "msr_write", "io")  # their rules are compared number by number


def compare_exits(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Every number of both editions, then bodies that differ and end alike."""
    was, now = ({row.number: row for row in make_ledger(*one).rows} for one in ((old, before), (new, after)))
    for number in sorted(was.keys() & now.keys()):
        yield from compare_exit(was[number], now[number], after.name)
    for event in sorted(before.handlers.keys() & after.handlers.keys()):
        bodies = [domain.handlers[event].body.statements for domain in (before, after)]
        same_ends = set(outcomes_of(bodies[0])) == set(outcomes_of(bodies[1]))
        if same_ends and statements(bodies[0]) != statements(bodies[1]):
            text = f"on {event}: another body; it still ends in {say_list(outcomes_of(bodies[1]))}"
            yield Change(CHANGE, "exit", after.name, text)


def compare_exit(was: Row, now: Row, domain: str) -> Iterator[Change]:
    """One reason: native, trapped, or trapped with other ends."""
    name = now.name or was.name
    if not was.answers and now.answers:
        yield Change(LOSS, "exit", domain, f"exit {name}: native -> trapped, {say_answers(now)}")
    elif was.answers and not now.answers:
        yield Change(GAIN, "exit", domain, f"exit {name}: trapped -> native ({now.status}); it was {say_answers(was)}")
    else:
        yield from compare_ends(was, now, domain)


def say_answers(row: Row) -> str:
    """Who handles it and how that ends."""
    parts = [
        f"handled by {one.by} at {say_place(one.span)} ({say_list(one.outcomes)})" if one.handled else "unhandled"
        for one in dict.fromkeys(row.answers)
    ]
    return "; ".join(parts)


def compare_ends(was: Row, now: Row, domain: str) -> Iterator[Change]:
    """Ways to end that came or went."""
    ends = [[word for one in row.answers if one.event not in TABLES for word in one.outcomes] for row in (was, now)]
    came, went = set(ends[1]) - set(ends[0]), set(ends[0]) - set(ends[1])
    if came or went:
        kind = GAIN if came & GOING_ON else LOSS if went & GOING_ON else CHANGE
        text = f"exit {now.name} ended in {say_list(ends[0]) or 'nothing'}, now in {say_list(ends[1]) or 'nothing'}"
        yield Change(kind, "exit", domain, text)
