"""Page tables of runtime/core/paging.c, on the host: exact rights, and one mapping only of the hypervisor's pages."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lib.support import ROOT, TESTS

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
HV_VA, DM_VA = 0xFFFF_FFFF_8000_0000, 0xFFFF_8000_0000_0000
TEXT_PAGES, READ_PAGES = 6, 9  # tests/host/paging_host.c has them too
POOL_PAGES = 1024
IDENTITY_PAGES = 3
PRESENT, WRITE, USER, LARGE, NO_EXECUTE = 1 << 0, 1 << 1, 1 << 2, 1 << 7, 1 << 63
FRAME = 0x000F_FFFF_FFFF_F000


@dataclass(frozen=True)
class Leaf:
    """A mapping, with the rights of all levels together."""

    virtual: int
    physical: int
    size: int
    write: bool
    execute: bool


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("paging") / "paging.so"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}", f"-I{ROOT}/runtime"]
    subprocess.run(["gcc", *flags, "-o", path, TESTS / "host" / "paging_host.c"], check=True)
    return ctypes.CDLL(str(path))


def read_leaves(words: ctypes.Array[ctypes.c_uint64], base: int, used: int) -> Iterator[Leaf]:
    """Return every mapping, by a walk from the root as the processor does it. SDM: 4.5"""
    pending = [(base, 0, 4, True, True)]
    while pending:
        table, virtual, level, write, execute = pending.pop()
        index = (table - base) // PAGE
        assert 0 <= index < used, "a table is one of the allocated pages"
        size = PAGE << 9 * (level - 1)
        for number, entry in enumerate(words[index * 512:index * 512 + 512]):
            if not entry:
                continue
            assert entry & PRESENT and not entry & USER
            here = virtual + number * size
            rights = (write and bool(entry & WRITE), execute and not entry & NO_EXECUTE)
            if level == 1 or entry & LARGE:
                yield Leaf(here | (0xFFFF << 48 if here >> 47 else 0), entry & FRAME, size, *rights)
            else:
                pending.append((entry & FRAME, here, level - 1, *rights))


def build(library: ctypes.CDLL, page_1g: bool, base: int, size: int, ram_end: int) -> list[Leaf]:
    """Build the tables of one machine, which must fit in the pages counted for them."""
    used = ctypes.c_uint32()
    u64 = ctypes.c_uint64
    asked = library.host_build(page_1g, u64(base), u64(size), u64(ram_end), ctypes.byref(used))
    assert used.value + IDENTITY_PAGES <= asked <= POOL_PAGES
    words = (ctypes.c_uint64 * (POOL_PAGES * 512)).in_dll(library, "host_tables")
    return sorted(read_leaves(words, base, used.value), key=lambda leaf: leaf.virtual)


def check_own(leaves: list[Leaf], base: int, size: int) -> None:
    """Return the wanted rights by page: text is executable, constants are read-only, the rest is writable."""
    assert [leaf.virtual for leaf in leaves] == list(range(HV_VA, HV_VA + size, PAGE))
    for number, leaf in enumerate(leaves):
        expected = Leaf(HV_VA + number * PAGE, base + number * PAGE, PAGE, number >= READ_PAGES, number < TEXT_PAGES)
        assert leaf == expected


def check_direct(leaves: list[Leaf], base: int, size: int, end: int) -> None:
    """Check the direct map: all memory but the hidden region, at one offset, not executable, without a gap."""
    assert all(leaf.write and not leaf.execute and leaf.virtual - leaf.physical == DM_VA for leaf in leaves)
    at = 0
    for leaf in leaves:
        assert leaf.physical == at
        at += leaf.size
        at += size if at == base else 0
    assert at == end


@pytest.mark.parametrize("page_1g", [True, False])
@pytest.mark.parametrize(("ram_end", "base", "blocks"), [
    (8 * MIB, 6 * MIB, 1), (512 * MIB, 0x1FC0_0000, 1), (4 * GIB, 4 * GIB - 8 * MIB, 4), (6 * GIB + 1, 0xBFC0_0000, 1),
    (511 * GIB, 2 * GIB - 2 * MIB, 2), (513 * GIB, 3 * GIB, 3),
])
def test_tables(library: ctypes.CDLL, page_1g: bool, ram_end: int, base: int, blocks: int) -> None:
    size = blocks * 2 * MIB
    leaves = build(library, page_1g, base, size, ram_end)
    assert not [leaf for leaf in leaves if leaf.write and leaf.execute]
    check_own([leaf for leaf in leaves if leaf.virtual >= HV_VA], base, size)
    direct = [leaf for leaf in leaves if leaf.virtual < HV_VA]
    check_direct(direct, base, size, max(4 * GIB, -(-ram_end // GIB) * GIB))
