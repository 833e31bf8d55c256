"""Controls, owned bits, exceptions, switched MSRs."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.check.evaluate import setting_of
from codegen.insight.diff.change import CHANGE, GAIN, LOSS, Change
from codegen.model.choices import Domain, Model

ISOLATING = {"secondary.enable_ept", "primary.use_io_bitmaps", "primary.activate_secondary"}


def compare_controls(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """What a control is set to. Where its direction is not known to be a loss, it counts as a gain."""
    for control in sorted(set(before.settings) | set(after.settings)):
        was, now = setting_of(before, control), setting_of(after, control)
        if was != now:
            yield Change(rank_control(control, was, now), "control", after.name, f"control {control}: {was} -> {now}")


def rank_control(control: str, was: str, now: str) -> str:
    """Exits that are switched on take something away; anything else that is switched on gives something."""
    word, name = control.split(".")
    if word in ("exit", "entry"):
        return CHANGE
    if "off" not in (was, now):
        return CHANGE
    restrains = name.endswith("_exiting") or control in ISOLATING
    return LOSS if (now == "off") != restrains else GAIN


def compare_owned(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """Bits of CR0 and CR4 that are the hypervisor's."""
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
    """Vectors that leave the guest."""
    was, now = ({one.number: one.name for one in domain.exceptions.trapped} for domain in (before, after))
    for number in sorted(was.keys() ^ now.keys()):
        text = f"exception {(was | now)[number]}: " + ("native -> trapped" if number in now else "trapped -> native")
        yield Change(LOSS if number in now else GAIN, "exception", after.name, text)
    if before.exceptions.switched != after.exceptions.switched:
        how = "may now be trapped at times" if after.exceptions.switched else "are no longer trapped at times"
        yield Change(CHANGE, "exception", after.name, f"exceptions {how}")


def compare_switched(old: Model, new: Model, before: Domain, after: Domain) -> Iterator[Change]:
    """An MSR that is no longer switched is shared with root mode."""
    was, now = ({one.msr.name: one for one in domain.switched} for domain in (before, after))
    for name in sorted(was.keys() - now.keys()):
        yield Change(GAIN, "switch", after.name, f"shares {name} with root mode: it is no longer switched")
    for name in sorted(now.keys() - was.keys()):
        yield Change(CHANGE, "switch", after.name, f"has {name} of its own: it is switched now")
    for name in sorted(name for name in was.keys() & now.keys() if was[name].how != now[name].how):
        yield Change(CHANGE, "switch", after.name, f"{name} is now switched by {now[name].means}")
