"""The walk of a caller's page tables by runtime/domu/walk.c, on the host, compared with an oracle in Python."""

from __future__ import annotations

import ctypes
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lib.support import ROOT, TESTS

PAGE, RAM_PAGES = 4096, 32
PRESENT, WRITE, USER, ACCESSED, DIRTY, LARGE = 1 << 0, 1 << 1, 1 << 2, 1 << 5, 1 << 6, 1 << 7
FRAME = 0x000F_FFFF_FFFF_F000
KEY_SHIFT, NO_EXECUTE = 59, 1 << 63
WORDS = RAM_PAGES * PAGE // 8
PIECES = 4096
RUNS = 500
HIDDEN, POOL = (22, 24), (24, 32)  # pages


@dataclass
class Caller:
    """A process. `words` is all of memory, its tables included."""

    words: list[int]
    root: int
    levels: int
    keys: bool
    pkru: int

    def entry(self, table: int, index: int) -> int:
        """Return an entry of a table (physical address)."""
        return self.words[(table + 8 * index) // 8]


# ---- the oracle: one page at a time, as the SDM defines it


def is_canonical(address: int, levels: int) -> bool:
    top = address >> 11 + 9 * levels
    return top in (0, (1 << 53 - 9 * levels) - 1)


def may_read(table: int) -> bool:
    """Return true if dom0 may access the page."""
    return table // PAGE < RAM_PAGES and not HIDDEN[0] <= table // PAGE < HIDDEN[1]


def permits(caller: Caller, entry: int, write: bool) -> bool:
    return bool(entry & PRESENT and entry & USER and (entry & WRITE or not write))


def key_permits(caller: Caller, entry: int, write: bool) -> bool:
    """Return true if protection keys permit the access. SDM: 4.6.2"""
    denied = caller.pkru >> 2 * (entry >> KEY_SHIFT & 15) if caller.keys else 0
    return not denied & 1 and not (write and denied & 2)


def find_page(caller: Caller, address: int, write: bool) -> tuple[int, list[tuple[int, int]]] | None:
    """Return the frame of a page, and the words in which an access sets bits, with the bits."""
    if not is_canonical(address, caller.levels):
        return None
    table, used = caller.root, []
    for level in range(caller.levels, 0, -1):
        size = PAGE << 9 * (level - 1)
        if not may_read(table):
            return None
        index = address // size % 512
        entry = caller.entry(table, index)
        leaf = level == 1 or bool(entry & LARGE)
        if not permits(caller, entry, write) or (leaf and level > 3):
            return None
        if leaf and level > 1 and entry & (size - 1) & ~(2 * PAGE - 1):
            return None
        if leaf and not key_permits(caller, entry, write):
            return None
        used.append((table + 8 * index, ACCESSED | (DIRTY if leaf and write else 0)))
        if leaf:
            return (entry & FRAME & -size) + address % size, used
        table = entry & FRAME
    raise AssertionError


# ---- random tables


def level_of(table: int) -> int:
    """Return the role of a page of memory."""
    return 1 + table % 5


def draw_entry(source: random.Random, level: int, tables: int, wild: bool) -> int:
    """Draw an entry, mostly a valid one: a lower table, or a page."""
    leaf = level == 1 or source.random() < (0, 0, 0.3, 0.1, 0.01, 0.01)[level]
    lower = [at for at in range(tables) if level_of(at) == level - 1]
    frame = source.randrange(RAM_PAGES) if leaf or wild else source.choice(lower)
    if wild and source.random() < 0.1:
        frame = source.choice((RAM_PAGES, 1 << 30, (1 << 40) - 1))
    entry = frame * PAGE | PRESENT | USER | WRITE
    if leaf and level > 1:
        entry = (frame * PAGE * 512 | entry & 0xFFF | LARGE) & (1 << 52) - 1
        entry |= source.choice((0, 0, 0, 2 * PAGE, PAGE))
    for bit, rarity in ((PRESENT, 50), (USER, 50), (WRITE, 25), (ACCESSED, 2), (DIRTY, 2), (NO_EXECUTE, 2)):
        entry ^= bit if source.random() < 1 / rarity else 0
    return entry | (source.choice((0, 0, 1, 2, 15)) << KEY_SHIFT)


def draw_run(source: random.Random, words: list[int], table: int, tables: int, wild: bool) -> None:
    """Write neighbors in a last level, some of which differ in a bit; sometimes up to its end and beyond."""
    start, first = source.choice((source.randrange(8, 480), 505)), draw_entry(source, 1, tables, wild)
    for index in range(source.randrange(2, 32)):
        flipped = 1 << source.choice((1, 2, 5, 6, 59, 59, 60, 63)) if source.random() < 0.1 else 0
        words[table * 512 + start + index] = first + index * PAGE ^ flipped


def draw_caller(source: random.Random) -> Caller:
    """Draw tables that lead to each other, runs of neighbors in the last level, and noise."""
    wild, words = source.random() < 0.2, [0] * WORDS
    tables = source.choice((10, 20, 31))
    for table in range(tables):
        level = level_of(table)
        for index in {source.randrange(512) for _ in range(20 if level > 1 else 1)} | set(range(8)):
            words[table * 512 + index] = draw_entry(source, level, tables, wild)
    for table in range(tables):
        if level_of(table) == 1:
            draw_run(source, words, table, tables, wild)
    levels = source.choice((4, 5))
    root = source.choice([table for table in range(tables) if level_of(table) == levels])
    pkru = source.choice((0, 0x55555554, 0x55555554, source.getrandbits(32)))
    return Caller(words, root * PAGE, levels, source.random() < 0.5, pkru)


def draw_address(source: random.Random, caller: Caller) -> int:
    """Draw an address that mostly leads through the tables to a page."""
    address, table = 0, caller.root
    for level in range(caller.levels, 0, -1):
        known = [index for index in range(512) if table < WORDS * 8 and caller.entry(table, index)]
        starts = [at for at in known if level == 1 and at > 8 and at - 1 not in known]
        index = source.choice(starts or known) if known and source.random() < 0.98 else source.randrange(512)
        address |= index << 3 + 9 * level
        table = caller.entry(table, index) & FRAME if table < WORDS * 8 else table
    top = 11 + 9 * caller.levels
    if address >> top & 1 and source.random() < 0.9:
        address |= (1 << 64) - (1 << top)
    return address


# ---- the code under test


def build(folder: Path, walk: Path = ROOT / "runtime" / "domu" / "walk.c") -> ctypes.CDLL:
    """Compile the library from this walk.c."""
    source = (TESTS / "host" / "walk_host.c").read_text().replace('"runtime/domu/walk.c"', f'"{walk}"')
    (folder / "walk_host.c").write_text(source)
    flags = ["-shared", "-fPIC", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover", "-Wall", "-Wextra"]
    includes = [f"-I{ROOT}", f"-I{ROOT}/runtime", f"-I{ROOT}/runtime/domu"]
    subprocess.run(["gcc", *flags, *includes, "-o", folder / "walk.so", folder / "walk_host.c"], check=True)
    return ctypes.CDLL(str(folder / "walk.so"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(tmp_path_factory.mktemp("walk"))


def u64(value: int) -> ctypes.c_uint64:
    return ctypes.c_uint64(value)


def walk_range(library: ctypes.CDLL, caller: Caller, address: int, pages: int, write: bool, other: bool) -> list[int]:
    """Return the frames that the code finds from an address on; memory afterwards is in `caller.words`."""
    ram = (ctypes.c_uint64 * WORDS).in_dll(library, "host_ram")
    ctypes.memmove(ram, (ctypes.c_uint64 * WORDS)(*caller.words), WORDS * 8)
    library.host_machine(*(u64(page * PAGE) for page in (*HIDDEN, *POOL)))
    library.host_caller(u64(caller.root | (1 << 63) | 5), caller.levels == 5, caller.keys, caller.pkru)
    bytes_found, frames = (ctypes.c_uint64 * PIECES)(), (ctypes.c_uint64 * PIECES)()
    count = library.host_range(other, write, u64(address), u64(pages * PAGE), bytes_found, frames)
    caller.words = list(ram)
    found = []
    for piece in range(count):
        assert bytes_found[piece] % PAGE == 0
        found += [frames[piece] + at for at in range(0, bytes_found[piece], PAGE)]
    return found


def expect_range(caller: Caller, address: int, pages: int, write: bool, other: bool) -> tuple[list[int], list[int]]:
    """Return the same from the oracle, and memory with the bits set."""
    frames, words = [], list(caller.words)
    for page in range(pages):
        found = find_page(caller, (address + page * PAGE) % (1 << 64), write)
        if found is None:
            break
        frames.append(found[0])
        for place, marks in [] if other else found[1]:
            words[place // 8] |= marks
    return frames, words


def compare(library: ctypes.CDLL, seed: int) -> tuple[str, int]:
    """Return what differs (empty: nothing), and how many pages were found."""
    source = random.Random(seed)
    caller = draw_caller(source)
    address, pages, other = draw_address(source, caller), source.choice((1, 8, 64, 600)), source.random() < 0.2
    write = not other and source.random() < 0.5
    if other:
        caller.keys = False
    frames, words = expect_range(caller, address, pages, write, other)
    found = walk_range(library, caller, address, pages, write, other)
    if found != frames:
        return f"seed {seed}: {len(found)} pages, not {len(frames)}", len(frames)
    pairs = [pair for pair in zip(caller.words, words, strict=True) if pair[0] != pair[1]]
    # Entries on the way to one without the rights may have their accessed bits set, as by processors. SDM: 4.8
    wrong = [pair for pair in pairs if other or pair[0] != pair[1] | ACCESSED]
    return f"seed {seed}: {len(wrong)} words are not marked as an access does it" if wrong else "", len(frames)


def find_differences(library: ctypes.CDLL, runs: int) -> tuple[list[str], int, int]:
    """Return all differences of so many runs, and how many runs found a page, or many."""
    results = [compare(library, seed) for seed in range(runs)]
    counts = [count for _, count in results]
    return [text for text, _ in results if text], sum(count > 0 for count in counts), sum(count > 8 for count in counts)


def test_random_tables(library: ctypes.CDLL) -> None:
    differences, some, many = find_differences(library, RUNS)
    assert differences == []
    assert some > RUNS // 4 and many > RUNS // 20, "some of the drawn tables map a page"


FAULTS = {
    "user is not checked": ("PAGE_ENTRY_USER | (walk->write", "(walk->write"),
    "writable is not checked": ("(walk->write ? PAGE_ENTRY_WRITE : 0);", "0;"),
    "last level is not checked": ("if (!permits(walk, value) ||", "if ((level > 1 && !permits(walk, value)) ||"),
    "protection keys are not checked": ("walk->keys ? walk->pkru >> 2 * key : 0", "0 * key"),
    "the write-disable bit of a key is ignored": ("&& !(walk->write && denied & 2)", ""),
    "tables in hidden memory are read": ("return ram ?", "return ram || physical < 24 * PAGE_SIZE ?"),
    "tables in the pool are refused": (" || pool_at(physical) != POOLS_MAX", ""),
    "four levels always": ("cr4 & CR4_LA57 ? 5 : 4,", "4,"),
    "a noncanonical address": ("if (!is_canonical(walk, address))", "if (0 && !is_canonical(walk, address))"),
    "reserved bits of a large leaf are ignored": ("!is_sound(value, level) ||", ""),
    "the dirty bit is not set": ("is_leaf(entry, level) && walk->write ?", "0 ?"),
    "the dirty bit is set by a read": ("is_leaf(entry, level) && walk->write ?", "is_leaf(entry, level) ?"),
    "accessed bit not set": ("return walk->mark ? PAGE_ENTRY_ACCESSED | dirty : 0;", "return walk->mark ? dirty : 0;"),
    "neighbors with other rights": ("PAGE_ENTRY_PRESENT | PAGE_ENTRY_USER | PAGE_ENTRY_WRITE | PAGE_ENTRY_ACCESSED",
                                     "PAGE_ENTRY_PRESENT | PAGE_ENTRY_ACCESSED"),
    "neighbors with another key": (" | \\\n     PAGE_ENTRY_PROTECTION_KEY_MASK)", ")"),
    "neighbors that are not dirty": ("u64 same = SAME | (walk->write ? PAGE_ENTRY_DIRTY : 0);", "u64 same = SAME;"),
    "more than the size is returned": ("min(size, level_size(level) - offset)", "level_size(level) - offset"),
    "the walk reads beyond a table": ("ENTRIES - address / PAGE_SIZE % ENTRIES), pages", "ENTRIES), pages"),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    text = (ROOT / "runtime" / "domu" / "walk.c").read_text()
    good, bad = FAULTS[fault]
    assert good in text
    (tmp_path / "walk.c").write_text(text.replace(good, bad))
    library = build(tmp_path, tmp_path / "walk.c")
    assert any(compare(library, seed)[0] for seed in range(5 * RUNS))
