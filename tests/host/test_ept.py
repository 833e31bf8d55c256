"""EPT tables that vmx/nested_paging.c and core/mtrr.c of runtime/ fill, on the host, compared with an oracle."""

from __future__ import annotations

import ctypes
import random
import subprocess
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from codegen.emit import generate
from codegen.model.choices import Model
from codegen.source import SourceFile
from tests.lib.support import ROOT, TESTS, compile_spec

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
POOL, POOL_PAGES = 0x1000_0000_0000, 8192
UC, WC, WT, WP, WB = 0, 1, 4, 5, 6
TYPES = (UC, WC, WT, WP, WB)
RX, RWX = 5, 7
WHAT = {"hide": 0, "watch": 1, "alias": 2, "map": 3}
RIGHTS = {"r": 1, "w": 2, "x": 4}
ENABLE, FIXED, VALID, LEAF = 1 << 11, 1 << 10, 1 << 11, 1 << 7
FRAME = 0x000F_FFFF_FFFF_F000


@dataclass
class Machine:
    """Regions, and the MTRRs."""

    regions: dict[str, tuple[int, int]]
    width: int = 32
    page_1g: bool = True
    default_type: int = ENABLE | FIXED | WB
    fixed: list[int] = field(default_factory=lambda: [0x0606_0606_0606_0606] * 11)
    variable: list[tuple[int, int]] = field(default_factory=list)

    @property
    def end(self) -> int:
        return 1 << self.width

    @property
    def ones_page(self) -> int:
        return self.regions["hypervisor"][0] + 3 * PAGE


@dataclass(frozen=True)
class Rule:
    what: str
    rights: int
    region: str


@dataclass(frozen=True)
class Leaf:
    gpa: int
    size: int
    entry: int


# ---- the oracle: one page at a time, as the SDM defines it


def type_by_fixed(machine: Machine, address: int) -> int:
    """Return the type by the fixed-range MTRRs: eight ranges a register, of 64, 16 or 4 KiB. SDM: table 12-9"""
    if address < 512 * KIB:
        index, unit = 0, address // (64 * KIB)
    elif address < 768 * KIB:
        index, unit = divmod((address - 512 * KIB) // (16 * KIB), 8)
        index += 1
    else:
        index, unit = divmod((address - 768 * KIB) // (4 * KIB), 8)
        index += 3
    return machine.fixed[index] >> 8 * unit & 0xFF


def type_of(machine: Machine, address: int) -> int:
    """Return the type by the variable-range MTRRs that contain the address, also where they overlap. SDM: 12.11.4.1"""
    if not machine.default_type & ENABLE:
        return UC
    if machine.default_type & FIXED and address < MIB:
        return type_by_fixed(machine, address)
    valid = [(base, mask) for base, mask in machine.variable if mask & VALID]
    pages = machine.end - PAGE
    found = {base & 0xFF for base, mask in valid if address & mask & pages == base & mask & pages}
    if not found:
        return machine.default_type & 0xFF
    if len(found) == 1:
        return found.pop()
    return WT if found == {WT, WB} else UC


def find_rule(machine: Machine, rules: Iterable[Rule], address: int) -> Rule:
    """Return the first rule whose region holds the address."""
    for rule in rules:
        lo, hi = machine.regions.get(rule.region, (0, 1 << 48))
        if lo <= address < hi:
            return rule
    raise AssertionError("dom0's last rule covers everything")


def expect_page(machine: Machine, rules: Iterable[Rule], address: int) -> tuple[int, int, int]:
    """Return frame, rights and memory type."""
    rule = find_rule(machine, rules, address)
    if rule.what == "hide":
        return machine.ones_page, rule.rights, WB
    frame = address - MIB if rule.what == "alias" else address
    return frame, rule.rights, type_of(machine, frame)


# ---- the machine under test


def read_rules(model: Model) -> list[tuple[Rule, int]]:
    """Return dom0's memory rules, and the number of each region."""
    numbers = {name: number for number, name in enumerate(model.regions)}
    return [
        (Rule(one.kind, sum(RIGHTS[letter] for letter in one.rights), one.region.name), numbers[one.region.name])
        for one in model.domains["dom0"].memory
    ]


RULES = read_rules(compile_spec())
PLAIN = [rule for rule, _ in RULES]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_library(tmp_path_factory.mktemp("ept"), ROOT)


def build_library(folder: Path, root: Path) -> ctypes.CDLL:
    """Compile the library with the generated files of a tree."""
    path, runtime = folder / "ept.so", ROOT / "runtime"
    sources = [TESTS / "host" / "ept_host.c", runtime / "vmx" / "nested_paging.c", runtime / "core" / "mtrr.c",
               root / "generated" / "x86" / "regions.c"]
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-I", root, "-I", ROOT / "runtime"]
    subprocess.run(["gcc", *map(str, [*flags, "-o", path, *sources])], check=True)
    made = ctypes.CDLL(str(path))
    for name in ("host_fill", "host_point"):
        getattr(made, name).restype = ctypes.c_bool
    return made


def u64(value: int) -> ctypes.c_uint64:
    return ctypes.c_uint64(value)


def load_machine(library: ctypes.CDLL, machine: Machine, pages: int = POOL_PAGES,
                 rules: Iterable[tuple[Rule, int]] = RULES) -> None:
    library.host_reset(pages, u64(machine.ones_page), machine.page_1g)
    for rule, number in rules:
        library.host_rule(WHAT[rule.what], rule.rights, number)
        if rule.region in machine.regions:
            lo, hi = machine.regions[rule.region]
            library.host_region(number, u64(lo), u64(hi))
    library.host_mtrr(u64(machine.default_type), u64(machine.end))
    for index, value in enumerate(machine.fixed):
        library.host_fixed(index, u64(value))
    for base, mask in machine.variable:
        library.host_variable(u64(base), u64(mask))


def read_leaves(library: ctypes.CDLL) -> Iterator[Leaf]:
    """Return every leaf entry, by a walk of all tables from the root."""
    words = (ctypes.c_uint64 * (POOL_PAGES * 512)).in_dll(library, "host_tables")
    pending = [(0, 0, 4)]
    while pending:
        table, base, level = pending.pop()
        size = PAGE << 9 * (level - 1)
        for index, entry in enumerate(words[table * 512 : table * 512 + 512]):
            if entry and level > 1 and not entry & LEAF:
                pending.append((((entry & FRAME) - POOL) // PAGE, base + index * size, level - 1))
            elif entry:
                yield Leaf(base + index * size, size, entry)


def check_leaf(machine: Machine, leaf: Leaf, address: int) -> None:
    """Compare one page of the leaf entry with the oracle; it must map nothing of the hypervisor."""
    frame = (leaf.entry & FRAME) + address - leaf.gpa
    found = (frame, leaf.entry & 7, leaf.entry >> 3 & 7)
    assert found == expect_page(machine, PLAIN, address), f"page {address:#x} by the leaf at {leaf.gpa:#x}"
    lo, hi = machine.regions["hypervisor"]
    assert not lo <= frame < hi or (frame == machine.ones_page and leaf.entry & 7 == RX)


def find_leaf(leaves: dict[int, Leaf], address: int) -> Leaf | None:
    return next((leaves[at] for at in (address & -PAGE, address & -2 * MIB, address & -GIB) if at in leaves
                 and address - at < leaves[at].size), None)


def fill_and_check(library: ctypes.CDLL, machine: Machine, addresses: Iterable[int]) -> dict[int, Leaf]:
    """Access each address as a guest would, then compare its page with the oracle."""
    pages = sorted({address & -PAGE for address in addresses if address < machine.end})
    load_machine(library, machine)
    for address in pages:
        assert library.host_fill(u64(address)), "the pool is large enough"
    leaves = {leaf.gpa: leaf for leaf in read_leaves(library)}
    for address in pages:
        leaf = find_leaf(leaves, address)
        assert leaf is not None, f"{address:#x} was filled and is absent"
        check_leaf(machine, leaf, address)
    check_edges(machine, leaves.values())
    return leaves


def check_edges(machine: Machine, leaves: Iterable[Leaf]) -> None:
    """Compare what was filled beside an address: each leaf entry's ends, and where a rule or type changes in it."""
    edges = list_edges(machine)
    for leaf in leaves:
        inside = edges[bisect_left(edges, leaf.gpa) : bisect_left(edges, leaf.gpa + leaf.size)]
        if leaf.gpa < machine.end:
            for address in {leaf.gpa, leaf.gpa + leaf.size - PAGE, *inside}:
                check_leaf(machine, leaf, address)


def list_edges(machine: Machine) -> list[int]:
    """Return pages at which a region or a variable range may begin or end."""
    edges = {edge for pair in machine.regions.values() for edge in pair} | {0, MIB, machine.end}
    for base, mask in machine.variable:
        lowest = (mask & -PAGE) & -(mask & -PAGE)
        edges |= {base & -PAGE, (base & -PAGE) + lowest}
    around = {edge + shift for edge in edges for shift in (-PAGE, 0, PAGE)}
    return sorted(address for address in around if 0 <= address < machine.end)


# ---- machines


def make_usual(a20: bool = True, page_1g: bool = True) -> Machine:
    """Return a PC: memory, a hole below 4 GiB, legacy ranges, the hypervisor at the top of low memory."""
    regions = {"hypervisor": (0x7FC0_0000, 0x8000_0000), "local_apic": (0xFEE0_0000, 0xFEE0_1000),
               "a20_window": (0, 0) if a20 else (MIB, 2 * MIB)}
    fixed = [0x0606_0606_0606_0606] * 2 + [0] + [0x0505_0505_0505_0505] * 8
    hole = (0x8000_0000 | UC, ((1 << 36) - 0x8000_0000) | VALID)
    return Machine(regions, page_1g=page_1g, fixed=fixed, variable=[hole])


def draw_machine(seed: int) -> Machine:
    """Draw anything that firmware could set up, sensible or not."""
    source = random.Random(seed)
    width = source.choice((32, 36, 39))
    top = source.randrange(64, 1 << (width - 22)) * 2 * MIB
    apic = source.choice((0xFEE0_0000, source.randrange(1, 1 << (width - 13)) * PAGE))
    regions = {"hypervisor": (top, top + source.randrange(1, 4) * 2 * MIB), "local_apic": (apic, apic + PAGE),
               "a20_window": source.choice(((0, 0), (MIB, 2 * MIB)))}
    default = source.choice((0, ENABLE, ENABLE | FIXED, ENABLE | FIXED)) | source.choice(TYPES)
    fixed = [sum(source.choice(TYPES) << 8 * byte for byte in range(8)) for _ in range(11)]
    variable = [draw_range(source, width) for _ in range(source.randrange(9))]
    return Machine(regions, width, source.random() < 0.5, default, fixed, variable)


def draw_range(source: random.Random, width: int) -> tuple[int, int]:
    """Draw a variable range: mostly contiguous, sometimes disabled, or with a hole in its mask."""
    size = 1 << source.randrange(12, width)
    base = source.randrange(0, (1 << width) // size) * size
    mask = (1 << width) - size
    if source.random() < 0.1:
        mask &= ~(1 << source.randrange(12, width))
    return base | source.choice(TYPES), mask | (VALID if source.random() < 0.9 else 0)


# ---- tests


@pytest.mark.parametrize("a20", [True, False])
@pytest.mark.parametrize("page_1g", [True, False])
def test_every_page_of_a_usual_machine(library: ctypes.CDLL, a20: bool, page_1g: bool) -> None:
    """Compare all pages of the first 16 MiB and around the hypervisor, elsewhere one in 2 MiB."""
    machine = make_usual(a20, page_1g=page_1g)
    top = machine.regions["hypervisor"][0]
    addresses = [*range(0, 16 * MIB, PAGE), *range(top - 4 * MIB, top + 8 * MIB, PAGE), *range(0, 4 * GIB, 2 * MIB)]
    fill_and_check(library, machine, [*addresses, *list_edges(machine)])


@pytest.mark.parametrize("block", range(4))
def test_random_machines(library: ctypes.CDLL, block: int) -> None:
    for seed in range(block * 15, block * 15 + 15):
        machine = draw_machine(seed)
        source = random.Random(~seed)
        anywhere = [source.randrange(machine.end) for _ in range(100)]
        addresses = [*anywhere, *list_edges(machine), *range(0, 2 * MIB + 16 * PAGE, PAGE)]
        source.shuffle(addresses)
        fill_and_check(library, machine, addresses)


def test_largest_pages(library: ctypes.CDLL) -> None:
    """A range of one rule and one type gets 2 MiB leaf entries, and 1 GiB ones where the processor has them."""
    for page_1g in (True, False):
        machine = make_usual(page_1g=page_1g)
        leaves = fill_and_check(library, machine, range(0, 4 * GIB, 2 * MIB))
        sizes = {at: leaf.size for at, leaf in leaves.items() if at % (2 * MIB) == 0}
        assert sizes[2 * MIB] == 2 * MIB and sizes[4 * MIB] == 2 * MIB
        assert sizes[0] == PAGE, "the fixed ranges differ within the first block"
        assert sizes[0xFEE0_0000] == PAGE, "the watched page has its own entry"
        assert (sizes.get(2 * GIB), sizes.get(3 * GIB)) == ((GIB, 2 * MIB) if page_1g else (2 * MIB, 2 * MIB))


def test_watched_and_hidden_pages(library: ctypes.CDLL) -> None:
    machine = make_usual()
    apic, top = machine.regions["local_apic"][0], machine.regions["hypervisor"][0]
    leaves = fill_and_check(library, machine, [apic, top, top + 2 * MIB])
    assert leaves[apic].entry & 7 == RX and leaves[apic].entry & FRAME == apic
    for at in (top, top + 2 * MIB):
        assert (leaves[at].entry & FRAME, leaves[at].entry & 7) == (machine.ones_page, RX)


def test_a_page_is_redirected(library: ctypes.CDLL) -> None:
    """Only a page that has its own 4 KiB entry can be redirected to another frame."""
    machine = make_usual()
    apic = machine.regions["local_apic"][0]
    load_machine(library, machine)
    assert not library.host_point(u64(apic), u64(0x5000), RWX, WB)
    assert library.host_fill(u64(apic))
    assert library.host_point(u64(apic), u64(0x5000), RWX, WB)
    leaves = {leaf.gpa: leaf for leaf in read_leaves(library)}
    assert leaves[apic].entry == 0x5000 | RWX | WB << 3
    assert not library.host_point(u64(64 * MIB), u64(0x5000), RWX, WB)


REGIONS = """
/// Hidden RAM.
region secret at 0x1800000 size 2M;

/// Read-only RAM.
region text at 0x1C00000 size 4M;

/// Watched.
region journal at 0x2400000 size 4K;

/// Without code.
region data at 0x2600000 size 2M;

/// The first guest."""
RULES_OF_REGIONS = """hide hypervisor as ones;
        hide secret as ones;
        map text identity rx, type from mtrr, largest pages;
        watch journal;
        map data identity rw, type from mtrr, largest pages;"""


def test_regions_of_a_spec_are_where_it_puts_them(tmp_path: Path) -> None:
    """Each has the frame and the rights of its rule, its neighbors those of everything, though no test places it."""
    text = (ROOT / "spec" / "dom0.luv").read_text()
    text = text.replace("\n/// The first guest.", REGIONS, 1).replace("hide hypervisor as ones;", RULES_OF_REGIONS, 1)
    model = compile_spec(SourceFile("spec/dom0.luv", text))
    for one in generate(model):
        path = tmp_path / "generated" / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one.text)
    library, machine = build_library(tmp_path, tmp_path), make_usual()
    load_machine(library, machine, rules=read_rules(model))
    wanted = {"secret": 5, "text": 5, "journal": 5, "data": 3}
    for name, rights in wanted.items():
        region = model.regions[name]
        end = region.base + region.size
        assert all(library.host_fill(u64(at)) for at in (region.base - PAGE, region.base, end - PAGE, end))
        leaves = {leaf.gpa: leaf for leaf in read_leaves(library)}
        for at in (region.base, end - PAGE):
            leaf = find_leaf(leaves, at)
            assert leaf, name
            frame = machine.ones_page if name == "secret" else at
            assert ((leaf.entry & FRAME) + at - leaf.gpa, leaf.entry & 7) == (frame, rights), name
            assert rights & 2 or leaf.size == PAGE, "a step can replace one page of it"
        for at in (region.base - PAGE, end):
            leaf = find_leaf(leaves, at)
            assert leaf and ((leaf.entry & FRAME) + at - leaf.gpa, leaf.entry & 7) == (at, RWX), name


def test_an_empty_pool_is_reported(library: ctypes.CDLL) -> None:
    """When there are no more pages for tables, no entry refers to a table outside the pool."""
    machine = make_usual()
    load_machine(library, machine, pages=3)
    results = [library.host_fill(u64(address)) for address in range(0, 8 * MIB, PAGE)]
    assert True not in results[: 2 * MIB // PAGE] and library.host_used() == 3
    load_machine(library, machine, pages=4)
    assert library.host_fill(u64(0))
    assert all((leaf.entry & FRAME) < machine.end for leaf in read_leaves(library))
