"""`build.py diff`: what each domain gains and loses between two specs. Differences in text alone do not count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from codegen.check.evaluate import setting_of
from codegen.emit.statements import statements
from codegen.model.choices import Domain, Hypercall, Model
from codegen.query.coverage import Row, make_coverage
from codegen.query.diff_access import (
    CHANGE,
    GAIN,
    LOSS,
    Change,
    compare_cpuid,
    compare_memory,
    compare_msrs,
    compare_ports,
)
from codegen.query.words import outcomes_of, say_list, say_place

# ---- exits that appear or disappear, and how those that stay end


CONTINUING = {"advance", "resume", "native"}  # the guest continues
TABLES = ("msr_read", "msr_write", "io")  # their rules are compared number by number


def compare_exits(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare every number of both editions, then bodies that differ but end alike."""
    was, now = ({row.number: row for row in make_coverage(*one).rows} for one in ((old, before), (new, after)))
    for number in sorted(was.keys() & now.keys()):
        yield from compare_exit(was[number], now[number], after.name)
    for event in sorted(before.handlers.keys() & after.handlers.keys()):
        bodies = [domain.handlers[event].body.statements for domain in (before, after)]
        same_ends = set(outcomes_of(bodies[0])) == set(outcomes_of(bodies[1]))
        if same_ends and statements(bodies[0]) != statements(bodies[1]):
            text = f"on {event}: different body, same outcomes: {say_list(outcomes_of(bodies[1]))}"
            yield Change(CHANGE, "exit", after.name, text)


def compare_exit(was: Row, now: Row, domain: str) -> Iterator[Change]:
    """Compare one exit reason: native, trapped, or trapped with other outcomes."""
    name = now.name or was.name
    if not was.answers and now.answers:
        yield Change(LOSS, "exit", domain, f"exit {name}: native -> trapped, {say_answers(now)}")
    elif was.answers and not now.answers:
        yield Change(GAIN, "exit", domain, f"exit {name}: trapped -> native ({now.status}); it was {say_answers(was)}")
    else:
        yield from compare_ends(was, now, domain)


def say_answers(row: Row) -> str:
    """Return what handles an exit and its outcomes."""
    parts = [
        f"handled by {one.by} at {say_place(one.span)} ({say_list(one.outcomes)})" if one.handled else "unhandled"
        for one in dict.fromkeys(row.answers)
    ]
    return "; ".join(parts)


def compare_ends(was: Row, now: Row, domain: str) -> Iterator[Change]:
    """Compare the outcomes of an exit."""
    ends = [[word for one in row.answers if one.event not in TABLES for word in one.outcomes] for row in (was, now)]
    came, went = set(ends[1]) - set(ends[0]), set(ends[0]) - set(ends[1])
    if came or went:
        kind = GAIN if came & CONTINUING else LOSS if went & CONTINUING else CHANGE
        text = f"exit {now.name}: outcomes {say_list(ends[0]) or 'none'} -> {say_list(ends[1]) or 'none'}"
        yield Change(kind, "exit", domain, text)


# ---- controls, owned bits, exceptions, switched MSRs


ISOLATING = {"secondary.enable_ept", "primary.use_io_bitmaps", "primary.activate_secondary"}


def compare_controls(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare the settings of controls. A change that is not known to be a loss counts as a gain."""
    for control in sorted(set(before.settings) | set(after.settings)):
        was, now = setting_of(before, control), setting_of(after, control)
        if was != now:
            text = f"control {control}: {was} -> {now}{say_origin(before, after, control)}"
            yield Change(rank_control(control, was, now), "control", after.name, text)


def say_origin(before: Domain, after: Domain, control: str) -> str:
    """Return the clause that a setting follows from now, or that it followed from before."""
    found = [domain.settings[control] for domain in (after, before) if control in domain.settings]
    return f" (by `{found[0].origin}`)" if found and found[0].origin else ""


def rank_control(control: str, was: str, now: str) -> str:
    """Rank a control: one that causes VM exits restrains when it is on; any other gives something."""
    word, name = control.split(".")
    if word in ("exit", "entry"):
        return CHANGE
    if "off" not in (was, now):
        return CHANGE
    restrains = name.endswith("_exiting") or control in ISOLATING
    return LOSS if (now == "off") != restrains else GAIN


def compare_owned(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare the bits of CR0 and CR4 that the hypervisor owns."""
    for register in sorted(before.owned):
        was, now = before.owned[register], after.owned[register]
        layout = new.facts.layouts.get(register)
        for bit in layout.bits if layout else ():
            if (was ^ now) & bit.mask:
                lost = bool(now & bit.mask)
                words = "no longer owns" if lost else "now owns"
                yield Change(LOSS if lost else GAIN, "owned", after.name, f"{words} {register.upper()}.{bit.name}")
            elif (before.held[register] ^ after.held[register]) & bit.mask:
                state = "on" if after.held[register] & bit.mask else "off"
                yield Change(CHANGE, "owned", after.name, f"{register.upper()}.{bit.name} is now kept {state}")


def compare_exceptions(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare the vectors that cause VM exits."""
    was, now = ({one.number: one.name for one in domain.exceptions.trapped} for domain in (before, after))
    for number in sorted(was.keys() ^ now.keys()):
        text = f"exception {(was | now)[number]}: " + ("native -> trapped" if number in now else "trapped -> native")
        yield Change(LOSS if number in now else GAIN, "exception", after.name, text)
    if before.exceptions.switched != after.exceptions.switched:
        how = "may now trap" if after.exceptions.switched else "no longer traps"
        yield Change(CHANGE, "exception", after.name, f"the runtime {how} exceptions temporarily")


def compare_switched(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Compare switched MSRs; one that is not switched is shared with root mode."""
    was, now = ({one.msr.name: one for one in domain.switched} for domain in (before, after))
    for name in sorted(was.keys() - now.keys()):
        yield Change(GAIN, "switch", after.name, f"shares {name} with root mode: it is no longer switched")
    for name in sorted(now.keys() - was.keys()):
        yield Change(CHANGE, "switch", after.name, f"now has its own {name}: it is switched")
    for name in sorted(name for name in was.keys() & now.keys() if was[name].how != now[name].how):
        yield Change(CHANGE, "switch", after.name, f"{name} is now switched by {now[name].means}")


# ---- hypercalls: who may call what


def compare_hypercalls(old: Model, new: Model) -> Iterator[Change]:
    """Compare by number: callers know hypercalls by number."""
    was, now = ({one.number: one for one in model.hypercalls.values()} for model in (old, new))
    for number in sorted(was.keys() | now.keys()):
        if number not in was:
            yield Change(GAIN, "hypercall", "", f"hypercall {say_call(now[number])} is new")
        elif number not in now:
            yield Change(LOSS, "hypercall", "", f"hypercall {say_call(was[number])} is gone")
        else:
            yield from compare_call(was[number], now[number])


def compare_call(was: Hypercall, now: Hypercall) -> Iterator[Change]:
    """Compare a hypercall's callers, signature, errors and body."""
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
        yield Change(CHANGE, "hypercall", "", f"hypercall {now.number} {now.name}: different body")


def say_call(call: Hypercall) -> str:
    return f"{call.number} {call.signature}"


# ---- the whole


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


def compare_each(old: Mapping[str, Model], new: Mapping[str, Model], processor: str = "") -> list[Change]:
    """Return every difference for each processor, or for one; what is the same for all of them once."""
    names = [name for name in dict.fromkeys([*new, *old]) if processor in ("", name)]
    found = {name: compare(old[name], new[name]) for name in names if name in old and name in new}
    come = [Change(GAIN, "processor", "", f"{name} is a new processor") for name in names if name not in old]
    gone = [Change(LOSS, "processor", "", f"{name} is no longer a processor") for name in names if name not in new]
    changes = dict.fromkeys(one for some in found.values() for one in some)
    return [*come, *gone, *(say_where(one, found) for one in changes)]


def say_where(change: Change, found: Mapping[str, list[Change]]) -> Change:
    """Return a change with the processors that have it, where others do not."""
    names = [name for name, some in found.items() if change in some]
    return change if len(names) == len(found) else replace(change, text=f"{change.text} (on {', '.join(names)})")


def compare(old: Model, new: Model) -> list[Change]:
    """Return every difference, domain by domain."""
    return [*compare_domains(old, new), *compare_hypercalls(old, new)]


def compare_domains(old: Model, new: Model) -> Iterator[Change]:
    """Compare domains: new ones, removed ones, and those that changed."""
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
    """Return what runs a domain now."""
    return f"is now run under {under}" if under else "is now run by the hypervisor itself"


def write_changes(changes: Iterable[Change]) -> str:
    """Return the text; gains come first, as a reviewer looks for them."""
    listed = list(changes)
    blocks = [write_kind(kind, [one for one in listed if one.kind == kind]) for kind in TITLES]
    return "\n\n".join(block for block in blocks if block) or "No domain gains or loses anything."


def write_kind(kind: str, changes: list[Change]) -> str:
    lines = [f"  {one.domain + ' ' if one.domain else ''}{one.text}" for one in changes]
    return "\n".join([f"{TITLES[kind]} ({len(lines)}):", *lines]) if lines else ""
