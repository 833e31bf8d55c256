"""runtime/domu on the host: the token of those who may make domains, and the labels by which Linux makes devices."""

from __future__ import annotations

import struct
from ctypes import c_uint64
from pathlib import Path

import pytest

from tests.host.domu_machine import FRAMES, Machine, build
from tests.host.domu_model import LARGE, PAGE
from tests.lib.support import ROOT

ONES = (1 << 64) - 1
TOKEN, OTHER, NONE = (0x0123456789ABCDEF, 0xFEDCBA9876543210), (3, 4), (0, 0)
EINVAL = 22


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("token"))


def knows(machine: Machine, token: tuple[int, int]) -> bool:
    """Return true if a caller with this token is accepted."""
    machine.code.host_caller(1, *map(c_uint64, token))
    return bool(machine.code.host_knows_token() & 0xFF)


def set_token(machine: Machine, token: tuple[int, int]) -> int:
    return int(machine.code.host_set_token(*map(c_uint64, token)))


def draw_near(token: tuple[int, int]) -> list[tuple[int, int]]:
    """Return tokens that differ in one bit, or are halves of it."""
    low, high = token
    bits = [(low ^ 1 << bit, high) for bit in range(64)] + [(low, high ^ 1 << bit) for bit in range(64)]
    return [*bits, (low, 0), (0, high), (high, low), NONE, (ONES, ONES)]


def check(built: Path, folder: Path) -> list[str]:
    """Return what is wrong with the token."""
    machine = Machine(built, folder, 0)
    wrong = [f"closed: {one}" for one in [NONE, TOKEN, *draw_near(TOKEN)] if knows(machine, one)]
    for token in (TOKEN, OTHER):
        wrong += ["set"] * (set_token(machine, token) != 0) + ["unknown"] * (not knows(machine, token))
        wrong += [f"near: {one}" for one in draw_near(token) if knows(machine, one)]
    wrong += ["the old one"] * knows(machine, TOKEN)
    wrong += [f"half: {one}" for one in ((0, 1), (1, 0)) if set_token(machine, one) != EINVAL]
    wrong += ["lost"] * (not knows(machine, OTHER))
    wrong += ["closing"] * (set_token(machine, NONE) != 0)
    return wrong + [f"closed again: {one}" for one in (NONE, TOKEN, OTHER) if knows(machine, one)]


def test_token(built: Path, tmp_path: Path) -> None:
    assert check(built, tmp_path) == []


FAULTS = {
    "half of it suffices": ("((cpu->guest.r8 ^ low) | (cpu->guest.r9 ^ high))", "(cpu->guest.r8 ^ low)"),
    "it is open from the start": ("low && high && ", ""),
    "half a token can be set": ("if (!low != !high)", "if (false)"),
    "closing does nothing": ("lock_acquire(&lock);", "if (!low)\n        return (struct answer){0};\n"),
    "it is never open": ("low, __ATOMIC_SEQ_CST);\n    lock_release", "0, __ATOMIC_SEQ_CST);\n    lock_release"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    good, bad = FAULTS[fault]
    text = (ROOT / "runtime" / "domu" / "token.c").read_text()
    assert good in text
    assert check(build(tmp_path, "token.c", text.replace(good, bad)), tmp_path)


def add_up(block: bytes) -> int:
    """Return the checksum of Linux's drivers/nvdimm: nd_fletcher64, of a block whose own checksum counts as 0."""
    low = high = 0
    for word in struct.unpack("<1022I", block[:-8]):
        low = (low + word) & 0xFFFFFFFF
        high += low
    return (high + 2 * low & 0xFFFFFFFF) << 32 | low


def test_labels(built: Path, tmp_path: Path) -> None:
    """Linux's struct nd_pfn_sb, where its driver looks for it, with the checksum that it computes."""
    machine = Machine(built, tmp_path, 0)
    for index, superpages in enumerate(FRAMES):
        start = machine.code.host_pool(index) - LARGE * PAGE
        block = bytes(machine.ram[start + PAGE : start + 2 * PAGE])
        signature, _, parent = struct.unpack_from("<16s16s16s", block)
        assert (signature, parent) == (b"NVDIMM_DAX_INFO\0", bytes(16))
        flags, major, minor, offset, pages, *rest = struct.unpack_from("<IHHQQIIIIIH", block, 48)
        assert (flags, major, minor, offset, pages) == (0, 1, 4, LARGE * PAGE, superpages * LARGE)
        assert rest == [1, 0, 0, PAGE, PAGE, 64]
        assert struct.unpack_from("<Q", block, PAGE - 8) == (add_up(block),)
