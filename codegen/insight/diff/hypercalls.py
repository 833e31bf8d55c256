"""Hypercalls: who may ask what."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.emit.statements import statements
from codegen.insight.diff.change import CHANGE, GAIN, LOSS, Change
from codegen.model.choices import Hypercall, Model


def compare_hypercalls(old: Model, new: Model) -> Iterator[Change]:
    """By number: that is what callers know them by."""
    was, now = ({one.number: one for one in model.hypercalls.values()} for model in (old, new))
    for number in sorted(was.keys() | now.keys()):
        if number not in was:
            yield Change(GAIN, "hypercall", "", f"hypercall {say_call(now[number])} is new")
        elif number not in now:
            yield Change(LOSS, "hypercall", "", f"hypercall {say_call(was[number])} is gone")
        else:
            yield from compare_call(was[number], now[number])


def compare_call(was: Hypercall, now: Hypercall) -> Iterator[Change]:
    """Its callers, its signature, its errors, its body."""
    if set(was.callers) != set(now.callers):
        kind = GAIN if set(now.callers) - set(was.callers) else LOSS
        callers = [", ".join(one.callers) for one in (was, now)]
        text = f"hypercall {now.number} {now.name}: from {callers[0]} -> from {callers[1]}"
        yield Change(kind, "hypercall", "", text)
    if was.errors != now.errors:
        failures = [", ".join(one.errors) or "none" for one in (was, now)]
        text = f"hypercall {now.number} {now.name}: errors {failures[0]} -> {failures[1]}"
        yield Change(CHANGE, "hypercall", "", text)
    signatures = [f"{say_call(one)}" for one in (was, now)]
    if signatures[0] != signatures[1]:
        yield Change(CHANGE, "hypercall", "", f"hypercall {signatures[0]} is now {signatures[1]}")
    elif statements(was.body.statements) != statements(now.body.statements):
        yield Change(CHANGE, "hypercall", "", f"hypercall {now.number} {now.name}: another body")


def say_call(call: Hypercall) -> str:
    return f"{call.number} {call.signature}"
