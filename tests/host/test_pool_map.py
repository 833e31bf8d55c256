"""Placement of pools, and the memory map for dom0: boot/region.c and domu/pool.c on the host, on random maps."""

from __future__ import annotations

import ctypes
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lib.support import ROOT, TESTS

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE, BLOCK = 4 * KIB, 2 * MIB
GAP = BLOCK  # of usable memory on both sides of a pool and its label
LABEL = BLOCK  # before a pool
USABLE, RESERVED, PERSISTENT = 1, 2, 12
IMAGE = (2 * MIB, 128 * KIB)  # where it is loaded: link.ld
LOWEST = 16 * MIB
RANGES_MAX, MAPS = 96, 400
Range = tuple[int, int, int]


@dataclass
class Machine:
    """A map (base, length, type), modules (start, end), the bytes to hide, and superpages of each pool."""

    ranges: list[Range]
    modules: list[tuple[int, int]]
    own: int
    pools: list[int]


@dataclass
class Placed:
    """Where the hypervisor and the pools are, and the map afterwards."""

    error: str
    hidden: tuple[int, int]
    pools: list[int]
    ranges: list[Range]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("region"))


def build(folder: Path, *changed: Path) -> ctypes.CDLL:
    """Compile the library, with some of its modules replaced."""
    parts = ("boot/region.c", "domu/pool.c", "domu/pool_label.c", "core/string.c")
    modules = [ROOT / "runtime" / name for name in parts]
    names = {one.name: one for one in changed}
    sources = [TESTS / "host" / "region_host.c", *(names.get(one.name, one) for one in modules)]
    flags = ["-shared", "-fPIC", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover", "-Wall", "-Wextra",
             f"-DHOST_IMAGE={IMAGE[0]:#x}", f"-DHOST_IMAGE_SIZE={IMAGE[1]:#x}",
             "-include", TESTS / "host" / "link_host.h",
             f"-I{ROOT}", f"-I{ROOT}/runtime", f"-I{ROOT}/runtime/domu"]
    subprocess.run(["gcc", *map(str, [*flags, "-o", folder / "region.so", *sources])], check=True)
    made = ctypes.CDLL(str(folder / "region.so"))
    made.host_place.restype = ctypes.c_char_p
    made.host_pool.restype = made.host_contiguous_end.restype = ctypes.c_uint64
    return made


def place(library: ctypes.CDLL, machine: Machine) -> Placed:
    """Place the machine's pools by the code."""
    library.host_clear()
    for base, length, kind in machine.ranges:
        library.host_range(ctypes.c_uint64(base), ctypes.c_uint64(length), kind)
    for start, end in machine.modules:
        library.host_module(ctypes.c_uint64(start), ctypes.c_uint64(end))
    hidden = (ctypes.c_uint64 * 2)()
    frames = (ctypes.c_uint32 * 8)(*machine.pools)
    error = library.host_place(ctypes.c_uint64(machine.own), frames, len(machine.pools), hidden).decode()
    words = (ctypes.c_uint64 * (3 * RANGES_MAX))()
    count = library.host_ranges(words)
    pools = [library.host_pool(index) for index in range(len(machine.pools))]
    ranges = [(words[at], words[at + 1], words[at + 2]) for at in range(0, 3 * count, 3)]
    return Placed(error, (hidden[0], hidden[1]), pools, ranges)


# ---- the oracle


def meet(start: int, end: int, other: int, other_end: int) -> bool:
    return start < other_end and other < end


def is_free(machine: Machine, taken: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Return true if memory is in one usable range and overlaps no other type, module, image or earlier placement."""
    inside = any(kind == USABLE and base <= start and end <= base + length for base, length, kind in machine.ranges)
    others = [(base, base + length) for base, length, kind in machine.ranges if kind != USABLE]
    image = (MIB, IMAGE[0] + IMAGE[1])
    return inside and not any(meet(start, end, *one) for one in [*others, *machine.modules, image, *taken])


def find_place(machine: Machine, taken: Sequence[tuple[int, int]], size: int, lowest: int, end: int) -> int:
    """Return the highest free place, by trying all."""
    for at in range(end // BLOCK * BLOCK - size, lowest - 1, -BLOCK):
        if is_free(machine, taken, at, at + size):
            return at
    return 0


def kind_at(ranges: Sequence[Range], address: int) -> set[int]:
    """Return the types that a map has for an address."""
    return {kind for base, length, kind in ranges if base <= address < base + length}


def check(machine: Machine, placed: Placed) -> str:
    """Return what is wrong; empty: nothing."""
    end = max((base + length for base, length, kind in machine.ranges if kind == USABLE), default=0)
    hidden, size = placed.hidden
    taken: list[tuple[int, int]] = []
    if placed.error == "memory":
        return "" if not size else "there was room for the hypervisor"
    if hidden != find_place(machine, [], size or BLOCK, BLOCK, 4 * GIB) and not placed.error:
        return f"hidden at {hidden:#x}"
    if placed.error:
        return ""
    taken.append((hidden, hidden + size))
    for frames in reversed(machine.pools):
        at = find_place(machine, taken, LABEL + frames * BLOCK + 2 * GAP, LOWEST, end) + GAP
        taken.append((at, at + LABEL + frames * BLOCK))
    if placed.pools != (wanted := sorted(at + LABEL for at, _ in taken[1:])):
        return f"pools at {placed.pools}, not {wanted}"
    return check_map(machine, placed, taken)


def check_map(machine: Machine, placed: Placed, taken: Sequence[tuple[int, int]]) -> str:
    """Compare the maps: each address has the type that it had, or that of what was placed there."""
    edges = {edge for base, length, _ in [*machine.ranges, *placed.ranges] for edge in (base, base + length)}
    for address in sorted(edges | {edge - 1 for edge in edges if edge}):
        before, after = kind_at(machine.ranges, address), kind_at(placed.ranges, address)
        owner = next((index for index, one in enumerate(taken) if one[0] <= address < one[1]), None)
        wanted = before if owner is None else {PERSISTENT if owner else RESERVED}
        if after != wanted:
            return f"{address:#x} is {after}, not {wanted}"
    return ""


# ---- random maps


def draw_machine(seed: int) -> Machine:
    """Draw a PC's map, in any order, with holes and overlaps; sometimes too small for the pools."""
    source = random.Random(seed)
    low = source.randrange(24, 512) * MIB + source.choice((0, 64 * KIB, -4 * KIB, 12345))
    ranges = [(0, 640 * KIB, USABLE), (0xF0000, 64 * KIB, RESERVED), (MIB, low - MIB, USABLE)]
    ranges.append((low, 64 * KIB, source.choice((3, 4, RESERVED))))
    if source.random() < 0.6:
        ranges.append((4 * GIB, source.randrange(1, 600) * MIB + source.choice((0, 4 * KIB)), USABLE))
    for _ in range(source.randrange(4)):
        base = source.randrange(0, 256) * MIB + source.randrange(256) * PAGE
        ranges.append((base, source.randrange(1, 3000) * PAGE, source.choice((RESERVED, 3, 4, 5, 0xEFFFFFFF))))
    source.shuffle(ranges)
    starts = [source.randrange(17, 200) * MIB + source.randrange(MIB) for _ in range(source.randrange(3))]
    modules = [(start, start + source.randrange(1, 20 * MIB)) for start in starts]
    pools = [source.choice((1, 2, 16, source.randrange(1, 300))) for _ in range(source.randrange(4))]
    return Machine(ranges, modules, source.randrange(1, 3 * MIB), pools)


def find_faults(library: ctypes.CDLL, maps: int) -> list[str]:
    """Return what is wrong on that many maps; some must have pools above and below 4 GiB, and some no room."""
    found, seen = [], set()
    for seed in range(maps):
        machine = draw_machine(seed)
        placed = place(library, machine)
        text = check(machine, placed) or check_refusal(machine, placed)
        found += [f"seed {seed}: {text}"] if text else []
        seen |= {placed.error} | {"high" if at >= 4 * GIB else "low" for at in placed.pools if not placed.error}
    assert {"", "pool", "high", "low"} <= seen
    return found


def check_refusal(machine: Machine, placed: Placed) -> str:
    """A pool is refused only if there is no room for it."""
    if placed.error != "pool":
        return ""
    hidden = next((base for base, length, kind in placed.ranges if kind == RESERVED and not (base | length) % BLOCK
                   and (base, length, kind) not in machine.ranges), None)
    if hidden is None:
        return "nothing is hidden"
    taken = [(hidden, hidden + BLOCK * 8)]
    end = max(base + length for base, length, kind in machine.ranges if kind == USABLE)
    size = sum(machine.pools) * BLOCK + (LABEL + 2 * GAP) * len(machine.pools)
    return "there is room for all of it" if find_place(machine, taken, size, LOWEST, end) else ""


def test_random_maps(library: ctypes.CDLL) -> None:
    assert find_faults(library, MAPS) == []


def test_a_pool_above_4_gib(library: ctypes.CDLL) -> None:
    """A pool is placed high, so that the older BIOS calls (E801, 88h) report the same memory."""
    ranges = [(0, 640 * KIB, USABLE), (MIB, 511 * MIB, USABLE), (4 * GIB, GIB, USABLE)]
    placed = place(library, Machine(ranges, [], MIB, [256]))
    assert placed.pools == [4 * GIB + 512 * MIB - GAP]
    assert library.host_contiguous_end() == placed.hidden[0]


def test_pools_leave_the_older_sizes(library: ctypes.CDLL) -> None:
    ranges = [(0, 640 * KIB, USABLE), (MIB, 1023 * MIB, USABLE)]
    placed = place(library, Machine(ranges, [], MIB, [256, 64]))
    assert placed.pools[1] == placed.hidden[0] - GAP - 128 * MIB
    assert placed.pools[0] == placed.pools[1] - LABEL - GAP - 512 * MIB
    assert library.host_contiguous_end() == placed.pools[0] - LABEL


def test_without_pools_nothing_more_is_hidden(library: ctypes.CDLL) -> None:
    ranges = [(0, 640 * KIB, USABLE), (MIB, 1023 * MIB, USABLE)]
    assert place(library, Machine(ranges, [], 2 * MIB, [])).hidden[1] == 2 * MIB
    assert place(library, Machine(ranges, [], MIB, [256])).hidden[1] == 4 * MIB


FAULTS = {
    "the lowest place is chosen": (
        "region.c",
        "u64 at = round_down(end, PAGE_2M) - size; at >= lowest && at < end; at -= PAGE_2M",
        "u64 at = lowest; at + size <= end; at += PAGE_2M",
    ),
    "a pool overlaps a module": (
        "region.c",
        "if (overlaps(lo, hi, start.modules[i].start, start.modules[i].end))",
        "if (false)",
    ),
    "a pool overlaps a reserved range": (
        "region.c",
        "else if (overlaps(lo, hi, r->base, range_end(r)))",
        "else if (false)",
    ),
    "a pool has the wrong type": ("region.c", "cut_end - cut, type}", "cut_end - cut, RANGE_RESERVED}"),
    "memory above a pool is lost": ("region.c", "range_insert(i + 1, cut_end, end, RANGE_USABLE);", ""),
    "a pool is not reserved": ("pool.c", "region_reserve(found + GAP, found + GAP + size, RANGE_PERSISTENT);", ""),
    "a pool may become memory of dom0": ("pool.c", "size, RANGE_PERSISTENT);", "size, RANGE_USABLE);"),
    "the label is dom0's memory": ("pool.c", "region_reserve(found + GAP,", "region_reserve(pool->base,"),
    "pools are not in order": ("pool.c", "pools[j - 1].base > pools[j].base", "false"),
    "pools are adjacent": ("pool.c", "#define GAP SUPERPAGE_SIZE", "#define GAP 0ull"),
    "a pool is placed too low": ("pool.c", "#define LOWEST MIB(16)", "#define LOWEST MIB(2)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    name, good, bad = FAULTS[fault]
    text = next(path for path in (ROOT / "runtime").rglob(name)).read_text()
    assert good in text
    (tmp_path / name).write_text(text.replace(good, bad))
    assert find_faults(build(tmp_path, tmp_path / name), MAPS)
