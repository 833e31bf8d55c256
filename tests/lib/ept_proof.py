"""No EPT layout maps the hypervisor's memory: proven by z3 over the semantics of runtime/vmx/nested_paging.c.

The proof covers every placement of the hypervisor, every state of the other regions, every range of one memory type
that MTRRs could define, every address below 2^48 and every leaf entry that an EPT violation there can fill. One page
of the hypervisor may be mapped, read-only: the page of ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import z3

from codegen.model.choices import RUNTIME_REGIONS, Domain, MemoryRule, Region
from tests.lib import ept_layout as layout
from tests.lib.ept_layout import ADDRESS_END, MIB, PAGE, Choice, Machine, Range, Value, frame_of, leaf_fits, leaves_fill

Chooser = Callable[[Sequence[MemoryRule], Machine, Value], Iterator[Choice]]

LEVELS = (3, 2, 1)
BLOCK = 2 * MIB  # the hypervisor consists of such pages; the first one is never part of it


@dataclass(frozen=True)
class Witness:
    """A guest-physical address that maps the hypervisor, and by which rule."""

    domain: str
    rule: str
    touched: int
    leaf: int
    size: int
    shown: int
    hypervisor: tuple[int, int]

    def __str__(self) -> str:
        lo, hi = self.hypervisor
        return (f"in {self.domain}, touching {self.touched:#x} maps {self.size >> 10} KiB at {self.leaf:#x} by "
                f"`{self.rule}`: they show {self.shown:#x} of the hypervisor at {lo:#x}..{hi:#x}")


def prove_memory(domain: Domain, list_choices: Chooser = layout.list_choices) -> list[Witness]:
    """Return a witness for each rule and page size that fails. Tests pass a `list_choices` with a seeded fault."""
    address = z3.BitVec("address", 64)
    machine, given = make_machine(domain.memory)
    found = []
    for choice in list_choices(domain.memory, machine, address):
        for level in LEVELS if choice.chosen is not False else ():
            witness = refute(domain.name, choice, machine, address, level, given)
            if witness:
                found.append(witness)
    return found


def make_machine(rules: Sequence[MemoryRule]) -> tuple[Machine, list[Value]]:
    """Return an arbitrary machine, with the invariants that runtime/boot/region.c and the spec guarantee."""
    names = {rule.region.name: rule.region for rule in rules if rule.region.kind != "all"}
    regions = {name: Range(*z3.BitVecs(f"{name}.lo {name}.hi", 64)) for name in names}
    regions.setdefault("hypervisor", Range(*z3.BitVecs("hypervisor.lo hypervisor.hi", 64)))
    typed = Range(*z3.BitVecs("typed.lo typed.hi", 64))
    machine = Machine(regions, typed, z3.Bool("page_1g"), z3.BitVec("ones_page", 64))
    own = regions["hypervisor"]
    given = [own.lo >= BLOCK, own.lo < own.hi, own.hi <= ADDRESS_END, own.lo % BLOCK == 0, own.hi % BLOCK == 0,
             own.holds(machine.ones_page), machine.ones_page % PAGE == 0]
    given += [place(regions[name], region) for name, region in names.items() if region.kind == "at"]
    return machine, given


def place(range: Range, region: Region) -> Value:
    """Place a fixed region at its address in the spec; one of the runtime's may be nowhere: its rule is inactive."""
    there = z3.And(range.lo == region.base, range.hi == region.base + region.size)
    absent = z3.And(range.lo == 0, range.hi == 0)
    return z3.Or(there, absent) if region.name in RUNTIME_REGIONS else there


def refute(
    name: str, choice: Choice, machine: Machine, address: Value, level: int, given: list[Value]
) -> Witness | None:
    """Return an address at which this rule, with a leaf of this level, maps the hypervisor."""
    fits = leaf_fits(choice, machine, address, level)
    if fits is False:
        return None
    solver = z3.Solver()
    solver.add(*given, *describe(machine, address), choice.chosen, fits)
    fill = leaves_fill(choice, address, level)
    leaf, shown = z3.BitVecs("leaf shown", 64)
    frame = frame_of(choice, machine, leaf)
    solver.add(fill.first <= leaf, leaf < fill.last, leaf % fill.size == 0)
    solver.add(frame <= shown, shown < frame + fill.size, machine.regions["hypervisor"].holds(shown))
    if choice.what == "hide" and "w" not in choice.rights:
        solver.add(z3.Or(frame != machine.ones_page, fill.size != PAGE))
    return make_witness(name, choice, machine, solver.model(), fill.size) if solver.check() == z3.sat else None


def describe(machine: Machine, address: Value) -> Iterator[Value]:
    """Describe the address, and the range of its memory type that contains it."""
    yield z3.And(address >= 0, address < ADDRESS_END)
    yield z3.And(machine.typed.lo >= 0, machine.typed.hi <= 2 * ADDRESS_END, machine.typed.holds(address))


def make_witness(name: str, choice: Choice, machine: Machine, model: z3.ModelRef, size: int) -> Witness:
    """Return the numbers of z3's solution."""
    def number(value: Value) -> int:
        return int(model.eval(value, model_completion=True).as_long())

    touched, leaf, shown = (number(z3.BitVec(one, 64)) for one in ("address", "leaf", "shown"))
    own = machine.regions["hypervisor"]
    return Witness(name, choice.what, touched, leaf, size, shown, (number(own.lo), number(own.hi)))
