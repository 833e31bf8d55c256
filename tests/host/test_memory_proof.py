"""No EPT layout maps the hypervisor: the z3 proof, the C code compared with the proven semantics, and seeded faults."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from struct import iter_unpack

import pytest

from codegen.model.choices import Domain, MemoryRule
from tests.lib.ept_layout import (
    MIB,
    Choice,
    Machine,
    Range,
    Value,
    frame_of,
    leaf_fits,
    leaves_fill,
    list_choices,
    round_down,
)
from tests.lib.ept_proof import prove_memory
from tests.lib.support import ROOT, TESTS, compile_spec

BLOCKS, MAPS, FEW = 4, 250_000, 30_000
WORDS = 20
WHAT = {"hide": 0, "watch": 1, "alias": 2, "map": 3}
RIGHTS = {"r": 1, "w": 2, "x": 4}
REGIONS = ("hypervisor", "local_apic", "a20_window")


def domain() -> Domain:
    return compile_spec().domains["dom0"]


# ---- the proof


def test_the_hypervisor_is_never_mapped() -> None:
    for one in compile_spec().domains.values():
        assert [str(witness) for witness in prove_memory(one)] == []


RULES = {rule.kind: rule for rule in compile_spec().domains["dom0"].memory}
HIGH = replace(RULES["map"].region, kind="at", name="high", base=1 << 32, size=1 << 32)
FAULTY_LAYOUTS = {
    "nothing hidden": [RULES["watch"], RULES["alias"], RULES["map"]],
    "hidden after the rule for all": [RULES["watch"], RULES["alias"], RULES["map"], RULES["hide"]],
    "hidden, and writable": [replace(RULES["hide"], rights="rwx"), RULES["map"]],
    "an alias to the hypervisor": [RULES["hide"], replace(RULES["alias"], region=HIGH, onto=HIGH.base - MIB)],
}


@pytest.mark.parametrize("layout", FAULTY_LAYOUTS)
def test_a_faulty_layout_is_refuted(layout: str) -> None:
    """The proof fails for a faulty layout, and its witness is confirmed by the semantics."""
    witnesses = prove_memory(replace(domain(), memory=tuple(FAULTY_LAYOUTS[layout])))
    assert witnesses
    for one in witnesses:
        assert one.hypervisor[0] <= one.shown < one.hypervisor[1]


def choose_unbounded(rules: Sequence[MemoryRule], machine: Machine, address: Value) -> Iterator[Choice]:
    """Return the choices with a fault: the region of an earlier rule does not bound the range."""
    for choice in list_choices(rules, machine, address):
        yield replace(choice, range=machine.typed) if choice.what == "map" else choice


def test_faulty_semantics_are_refuted() -> None:
    witnesses = prove_memory(domain(), choose_unbounded)
    assert {one.rule for one in witnesses} == {"map"}
    assert {one.size for one in witnesses} >= {1 << 21, 1 << 30}


# ---- the C


def build(folder: Path, code: Path) -> ctypes.CDLL:
    """Compile the library from this nested_paging.c."""
    path = folder / "memory.so"
    sources = [TESTS / "host" / "memory_host.c", code, ROOT / "runtime" / "core" / "mtrr.c",
               ROOT / "generated" / "x86" / "regions.c"]
    flags = ["-shared", "-fPIC", "-O2", "-I", str(ROOT), "-I", str(ROOT / "runtime")]
    subprocess.run(["gcc", *flags, "-o", str(path), *map(str, sources)], check=True)
    library = ctypes.CDLL(str(path))
    numbers = {name: number for number, name in enumerate(compile_spec().regions)}
    for rule in domain().memory:
        library.host_rule(WHAT[rule.kind], sum(RIGHTS[one] for one in rule.rights), numbers[rule.region.name])
    return library


def read_records(library: ctypes.CDLL, seed: int, count: int) -> Iterator[tuple[int, ...]]:
    """Yield random maps, each with what the C filled."""
    words = (ctypes.c_uint64 * (WORDS * count))()
    library.host_records(ctypes.c_uint64(seed), words, count)
    yield from iter_unpack(f"={WORDS}Q", words)


def find_difference(record: tuple[int, ...], rules: Sequence[MemoryRule]) -> str:
    """Return how the C differs from the semantics; empty: it does not."""
    regions = {rule.region.name: Range(rule.region.base, rule.region.base + rule.region.size) for rule in rules}
    regions |= {name: Range(record[2 * index], record[2 * index + 1]) for index, name in enumerate(REGIONS)}
    typed, page_1g, ones_page, address = Range(record[6], record[7]), bool(record[8]), record[9], record[10]
    if not typed.holds(address):
        return "the range of one memory type does not hold the address"
    machine = Machine(regions, typed, page_1g, ones_page)
    choice = next(one for one in list_choices(rules, machine, address) if one.chosen)
    level = next(one for one in (3, 2, 1) if leaf_fits(choice, machine, address, one))
    fill = leaves_fill(choice, address, level)
    rights = sum(RIGHTS[one] for one in choice.rights)
    wanted = (choice.range.lo, choice.range.hi, WHAT[choice.what], rights, fill.size,
              frame_of(choice, machine, round_down(address, fill.size)), rights, fill.first, fill.last)
    return "" if wanted == record[11:] else f"{record[:11]}: {record[11:]} is not {wanted}"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("memory"), ROOT / "runtime" / "vmx" / "nested_paging.c")


def check_maps(library: ctypes.CDLL, seed: int, count: int) -> None:
    rules = domain().memory
    for record in read_records(library, seed, count):
        assert not find_difference(record, rules)


def test_the_code_agrees_with_the_proof(library: ctypes.CDLL) -> None:
    check_maps(library, BLOCKS + 1, FEW)


@pytest.mark.long
@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_code_agrees_on_a_million_maps(library: ctypes.CDLL, block: int) -> None:
    check_maps(library, block + 1, MAPS)


FAULTS = {
    "an earlier region does not bound the range from above": ("r->hi = min(r->hi, region->lo);", ";"),
    "an earlier region does not bound the range from below": ("r->lo = max(r->lo, region->hi);", ";"),
    "the last byte of a region is left out": ("gpa < region->hi)) {", "gpa < region->hi - 1)) {"),
    "a leaf that extends beyond the range": ("lo >= r->lo && lo + size <= r->hi", "lo >= r->lo"),
    "hidden memory in large leaves": ("!(r->rights & NESTED_WRITE) || r->what == MEMORY_ALIAS",
                                      "r->what == MEMORY_ALIAS"),
    "neighbors beyond the range are filled": ("round_down(r->hi, size));", "round_up(r->hi, size));"),
    "a hidden page is mapped to itself": ("return map->ones_page;", "return gpa;"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_code_is_found(tmp_path: Path, fault: str) -> None:
    text = (ROOT / "runtime" / "vmx" / "nested_paging.c").read_text()
    good, bad = FAULTS[fault]
    assert good in text
    code = tmp_path / "nested_paging.c"
    code.write_text(text.replace(good, bad))
    rules = domain().memory
    records = read_records(build(tmp_path, code), 1, 20_000)
    assert any(find_difference(record, rules) for record in records)
