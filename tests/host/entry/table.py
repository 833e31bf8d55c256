"""The table of VMCS states for tests/guests/entry/, with the predicted outcome of each VM entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codegen.model.facts import Facts
from tests.host.entry.bases import make_bases
from tests.host.entry.search import Searcher
from tests.lib.entry_rules import Processor, State, predict

PAGE_TABLES, EPT_TABLES, VIRTUAL_APIC = 0x60000, 0x400000, 0x404000  # the kit's, and those of entry.c
TIMER = 1 << 6
UNREACHED = 100
LISTS = ("vm_exit_msr_store_count", "vm_exit_msr_load_count", "vm_entry_msr_load_count")
WAIT_FOR_SIPI = 3


@dataclass(frozen=True)
class Entry:
    """A state that keeps or violates one rule, with its predicted outcome."""

    rule: str
    keep: bool
    base: str
    changes: dict[str, int]
    outcome: str
    broken: tuple[str, ...]


def make_entry_bases() -> dict[str, dict[str, int]]:
    """Return the valid states with the guest's addresses, the preemption timer at 0, and all exceptions intercepted."""
    more = {"host_cr3": PAGE_TABLES, "pin_based_controls": 0x16 | TIMER, "exception_bitmap": (1 << 32) - 1,
            "virtual_apic_page_address": VIRTUAL_APIC}
    bases = {name: {**base, **more} for name, base in make_bases().items()}
    for base in bases.values():
        if "ept_pointer" in base:
            base["ept_pointer"] = EPT_TABLES | 0x1E
        if base.get("guest_cr3"):
            base["guest_cr3"] = PAGE_TABLES
    return bases


def make_entries(facts: Facts, processor: Processor) -> Iterator[Entry]:
    """Yield for every rule a state that keeps it and one that violates it, where the processor has them and returns."""
    bases = make_entry_bases()
    searcher = Searcher(facts, processor, bases)
    for name in facts.entry_rules:
        for keep in (True, False):
            found = searcher.search(name, keep)
            if found.cost < UNREACHED:
                yield make_entry(facts, State(processor, found.fields), name, keep, bases)


def make_entry(facts: Facts, state: State, name: str, keep: bool, bases: dict[str, dict[str, int]]) -> Entry:
    """Return the entry, as changes of the base that is nearest to its state."""
    changes = {base: list_changes(fields, state.fields) for base, fields in bases.items()}
    base = min(changes, key=lambda one: len(changes[one]))
    prediction = predict(facts, state)
    return Entry(name, keep, base, changes[base], prediction.outcome, prediction.broken)


def list_changes(old: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
    """Return the fields that differ, with their new values."""
    return {name: new.get(name, 0) for name in [*old, *new] if old.get(name, 0) != new.get(name, 0)}


def is_safe(entry: Entry) -> bool:
    """Return true if the entry returns: one that succeeds loads no MSR list and does not wait for a start-up IPI."""
    sleeps = entry.changes.get("guest_activity_state") == WAIT_FOR_SIPI
    return entry.outcome != "enters" or not (sleeps or any(entry.changes.get(name) for name in LISTS))


def write_table(facts: Facts, processor: Processor, entries: list[Entry]) -> str:
    """Return the text of table.c."""
    bases = make_entry_bases()
    changes: list[tuple[int, int]] = []
    spans = [add_changes(facts, changes, fields) for fields in bases.values()]
    names = list(bases)
    states = [
        f"\t{{ {add_changes(facts, changes, one.changes)}, {names.index(one.base)}, {int(one.outcome == 'enters')} }},"
        for one in entries
    ]
    fields = [one.encoding for one in facts.vmcs.values() if one.area != "readonly"]
    msrs = [facts.msrs[name].first for name in sorted(processor.msrs)]
    return "\n".join([
        '#include "table.h"',
        "const struct change changes[] = {", *(f"\t{{ {field:#x}, {value:#x}ull }}," for field, value in changes), "};",
        "const struct span bases[] = {", *(f"\t{one}," for one in spans), "};",
        "const struct state states[] = {", *states, "};", f"const u32 state_count = {len(entries)};",
        write_numbers("field", fields), write_numbers("msr", msrs),
    ]) + "\n"


def write_numbers(name: str, numbers: list[int]) -> str:
    """Return the C of an array and its length."""
    return f"const u32 {name}s[] = {{ {', '.join(map(hex, numbers))} }}, {name}_count = {len(numbers)};"


def add_changes(facts: Facts, changes: list[tuple[int, int]], fields: dict[str, int]) -> str:
    """Append the changes and return the span that refers to them."""
    first = len(changes)
    changes += [(facts.vmcs[name].encoding, value) for name, value in fields.items()]
    return f"{{ {first}, {len(fields)} }}"
