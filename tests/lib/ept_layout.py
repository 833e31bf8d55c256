"""The semantics of runtime/vmx/nested_paging.c for one guest-physical address, over numbers or z3's bit vectors.

Addresses stay below 2^49, so that signed and unsigned comparisons of 64 bits agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from codegen.model.choices import MemoryRule

PAGE, ENTRIES = 4096, 512
MIB = 1 << 20
ADDRESS_END = 1 << 48
NO_LEAVES = ("hide", "alias")  # mapped by 4 KiB entries, however large the range

# A number or z3's bit vector, a bool or z3's; z3 has no types that distinguish them.
Value = Any
Truth = Any


@dataclass(frozen=True)
class Range:
    """The addresses of [lo, hi)."""

    lo: Value
    hi: Value

    def holds(self, address: Value) -> Truth:
        return both(self.lo <= address, address < self.hi)


@dataclass(frozen=True)
class Machine:
    """Where the regions are, the range of one memory type around the address, and the processor's page sizes."""

    regions: dict[str, Range]
    typed: Range
    page_1g: Truth
    ones_page: Value


@dataclass(frozen=True)
class Choice:
    """A rule, the condition under which it applies, and the range around the address that it and one type cover."""

    what: str
    rights: str
    chosen: Truth
    range: Range
    shift: int = 0


@dataclass(frozen=True)
class Fill:
    """Entries of `size` bytes that one EPT violation fills: from `first` on, below `last`."""

    size: int
    first: Value
    last: Value


def both(a: Truth, b: Truth) -> Truth:
    """Return `and`, of bools or of formulas."""
    if isinstance(a, bool):
        return b if a else False
    if isinstance(b, bool):
        return a if b else False
    return a & b


def opposite(a: Truth) -> Truth:
    """Return `not`, of a bool or of a formula."""
    return not a if isinstance(a, bool) else ~a


def select(condition: Truth, yes: Value, no: Value) -> Value:
    """Return one of two values."""
    if isinstance(condition, bool):
        return yes if condition else no
    import z3

    return z3.If(condition, yes, no)


def larger(a: Value, b: Value) -> Value:
    return select(a > b, a, b)


def smaller(a: Value, b: Value) -> Value:
    return select(a < b, a, b)


def round_down(value: Value, size: int) -> Value:
    return value & -size


def round_up(value: Value, size: int) -> Value:
    return round_down(value + (size - 1), size)


def list_choices(rules: Sequence[MemoryRule], machine: Machine, address: Value) -> Iterator[Choice]:
    """Yield what ept_range chooses: the first rule that covers the address, bounded by regions of earlier rules."""
    around: Range = Range(0, ADDRESS_END)
    open_: Truth = True
    for rule in rules:
        if rule.region.kind == "all":
            yield Choice(rule.kind, rule.rights, open_, narrow(rule.kind, around, machine))
            return
        region = machine.regions[rule.region.name]
        inside = region.holds(address)
        meeting = Range(larger(around.lo, region.lo), smaller(around.hi, region.hi))
        shift = rule.region.base - rule.onto if rule.kind == "alias" else 0
        yield Choice(rule.kind, rule.rights, both(open_, inside), narrow(rule.kind, meeting, machine), shift)
        open_ = both(open_, opposite(inside))
        around = bound(around, region, address)
    yield Choice("hide", "", open_, around)


def bound(around: Range, region: Range, address: Value) -> Range:
    """Return the range without the region, which does not contain the address."""
    below = both(address < region.lo, region.lo < region.hi)
    above = both(opposite(below), address >= region.hi)
    return Range(select(above, larger(around.lo, region.hi), around.lo),
                 select(below, smaller(around.hi, region.lo), around.hi))


def narrow(what: str, around: Range, machine: Machine) -> Range:
    """Return the range of one memory type: all of a hidden range, otherwise the part with the address's type."""
    if what == "hide":
        return around
    return Range(larger(around.lo, machine.typed.lo), smaller(around.hi, machine.typed.hi))


def level_size(level: int) -> int:
    return PAGE << 9 * (level - 1)


def leaf_fits(choice: Choice, machine: Machine, address: Value, level: int) -> Truth:
    """Return true if a leaf entry of this level may map the address."""
    if level == 1:
        return True
    if choice.what in NO_LEAVES or "w" not in choice.rights or level > 3:
        return False
    lo = round_down(address, level_size(level))
    whole = both(choice.range.lo <= lo, lo + level_size(level) <= choice.range.hi)
    return both(machine.page_1g, whole) if level == 3 else whole


def leaves_fill(choice: Choice, address: Value, level: int) -> Fill:
    """Return every entry of the table that lies completely in the range."""
    size = level_size(level)
    start = round_down(address, size * ENTRIES)
    first = larger(start, round_up(choice.range.lo, size))
    return Fill(size, first, smaller(start + size * ENTRIES, round_down(choice.range.hi, size)))


def frame_of(choice: Choice, machine: Machine, address: Value) -> Value:
    """Return the physical address that a guest-physical one is mapped to."""
    if choice.what == "hide":
        return machine.ones_page
    return address - choice.shift
