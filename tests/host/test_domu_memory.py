"""runtime/domu on the host: domains, vCPUs and guest memory; random calls, compared with a model of them."""

from __future__ import annotations

import ctypes
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from threading import Thread

import pytest

from tests.host.domu_faults import FAULTS
from tests.host.domu_machine import (
    CLAIM,
    DESTROY,
    DIRTY,
    MAP,
    SECRET,
    STAT,
    UNMAP,
    VCPU,
    Difference,
    Machine,
    build,
)
from tests.host.domu_model import AREA, EAGAIN, ENOENT, ENOMEM, ENOSYS, GUEST_PAGES, LARGE, PAGE, Domain
from tests.lib.abi import LIMIT
from tests.lib.support import ROOT

STEPS, SEEDS, MAX_SEEDS = 1500, 4, 40
MOST = min(LIMIT["domain_vcpus"], LIMIT["vcpus"] // 2)  # vCPUs of one domain, and of one of two pools
ANSWERS = (
    "create 0", "create 1", "create 14", "create 17", "vcpu 0", "vcpu 1", "vcpu 14", "vcpu 17", "claim 0", "claim 12",
    "release 0", "release 11", "release 16", "release 22", "map 0", "map 1", "map 14", "map 17", "map 22", "unmap 0",
    "unmap 11", "dirty 0", "dirty 22", "acquire 0", "acquire 2", "acquire 16", "wrong 2", "destroy 0", "end 11",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("domus"))


def count_answers(built: Path, folder: Path, seeds: Iterable[int]) -> Counter[str]:
    """Count how each call ended, in runs without a difference."""
    ended = Counter[str]()
    for seed in seeds:
        machine = Machine(built, folder, seed)
        machine.run(STEPS)
        ended += machine.ended
    return ended


def test_random_calls(built: Path, tmp_path: Path) -> None:
    ended = count_answers(built, tmp_path, range(SEEDS))
    for seed in range(SEEDS, MAX_SEEDS):  # the smaller the limits, the rarer some outcomes
        if all(ended[what] for what in ANSWERS):
            break
        ended += count_answers(built, tmp_path, range(seed, seed + 1))
    assert [what for what in ANSWERS if not ended[what]] == [], "each outcome occurs"


# ---- single scenarios


def make_domain(machine: Machine, pool: int, superpages: int, secret: int = 1) -> Domain:
    """Make a domain with superpages, which its owner maps from 2 MiB on."""
    process, first = machine.processes[pool], machine.model.pools[pool].first
    machine.show(process, 0, first, True)
    value = ctypes.c_uint64()
    machine.code.host_caller(process.number + 1, ctypes.c_uint64(secret), ctypes.c_uint64(pool))
    assert machine.code.host_create(0, ctypes.c_uint64(0), ctypes.byref(value)) == 0
    domain = Domain(value.value, pool, process, (secret, pool), (0, first))
    for chunk in range(1, superpages + 1):
        error, number = machine.call(domain, CLAIM, ~0 & (1 << 64) - 1)
        assert error == 0
        for at in range(LARGE):
            machine.show(process, chunk * LARGE + at, first + number * LARGE + at, True)
    return domain


def test_tables_run_out_for_one_pool_only(built: Path, tmp_path: Path) -> None:
    """Distant pages of a guest need three tables each; all of them are freed in the end."""
    machine = Machine(built, tmp_path, 0)
    domain, other = make_domain(machine, 0, 1), make_domain(machine, 1, 1)
    step, count = 1 << 39, 0
    for count in range(512):
        error, _ = machine.call(domain, MAP, count % 512 * step, LARGE * PAGE, PAGE | 7)
        if error:
            break
    assert error == ENOMEM and 80 < count < 100
    assert machine.call(domain, MAP, 0, LARGE * PAGE, PAGE | 7)[0] == 17, "earlier mappings are still there"
    assert machine.call(domain, UNMAP, 0, PAGE) == (0, PAGE)
    assert machine.call_until_done(other, MAP, 0, LARGE * PAGE, LARGE * PAGE | 7)[0] == 0
    for one in (domain, other):
        assert machine.call_until_done(one, DESTROY, who=SECRET)[0] == 0
    assert [machine.code.host_account(pool) for pool in range(2)] == machine.account


def test_pools_share_domains_and_vcpus(built: Path, tmp_path: Path) -> None:
    """Each of two pools has half of all domains; a dead owner's domain is freed for another."""
    machine = Machine(built, tmp_path, 0)
    domains = [make_domain(machine, 0, 0, secret) for secret in range(1, LIMIT["domains"] // 2 + 1)]
    machine.code.host_caller(1, ctypes.c_uint64(99), ctypes.c_uint64(0))
    value = ctypes.c_uint64()
    assert machine.code.host_create(0, ctypes.c_uint64(0), ctypes.byref(value)) == ENOMEM
    other = make_domain(machine, 1, 1)
    apic_ids = [machine.call(other, VCPU, apic_id, (LARGE + apic_id * AREA) * PAGE)[0] for apic_id in range(MOST + 1)]
    assert apic_ids == [0] * MOST + [ENOMEM]
    machine.show(machine.processes[0], 0, 0, False)
    machine.show(machine.processes[0], 5, machine.model.pools[0].first, True)
    results = []
    for _ in range(40):
        machine.code.host_caller(1, ctypes.c_uint64(99), ctypes.c_uint64(0))
        results.append(machine.code.host_create(0, ctypes.c_uint64(5 * PAGE), ctypes.byref(value)))
        if results[-1] != EAGAIN:
            break
    assert results[0] == EAGAIN and results[-1] == 0
    assert machine.call(domains[-1], STAT, 0)[0] in (0, ENOENT)


def test_without_dirty_bits(built: Path, tmp_path: Path) -> None:
    machine = Machine(built, tmp_path, 0, dirty=False)
    assert machine.call(make_domain(machine, 0, 1), DIRTY, 0, 1)[0] == ENOSYS


def test_work_is_bounded(built: Path, tmp_path: Path) -> None:
    """A large range takes several calls, each of which returns how far it came."""
    machine = Machine(built, tmp_path, 0)
    domain = make_domain(machine, 0, 14)
    for at in range(14 * LARGE):  # backwards, so that there is no large entry and no two contiguous pages
        machine.show(domain.owner, 16 * LARGE + at, machine.model.pools[0].first + 14 * LARGE - 1 - at, True)
    error, done = machine.call(domain, MAP, 0, 16 * LARGE * PAGE, 14 * LARGE * PAGE | 7)
    assert error == EAGAIN and 0 < done < LARGE * PAGE
    domain = make_domain(machine, 1, 6)
    assert machine.call(domain, MAP, 0, LARGE * PAGE, 6 * LARGE * PAGE | 7) == (0, 6 * LARGE * PAGE)
    error, done = machine.call(domain, UNMAP, 0, GUEST_PAGES * PAGE)
    assert error == EAGAIN and done > 6 * LARGE * PAGE


def test_pages_by_two_threads(built: Path, tmp_path: Path) -> None:
    """No page is allocated twice; runs are contiguous and zeroed."""
    code = Machine(built, tmp_path, 0).code
    code.page_alloc.restype = ctypes.c_uint64
    hidden = (ctypes.c_uint8 * (2048 * PAGE)).in_dll(code, "host_hidden")
    before, faults, owned = code.pages_left(), list[int](), set[int]()

    def work(seed: int) -> None:
        source, mine = random.Random(seed), list[tuple[int, int]]()
        for _ in range(3000):
            count = source.choice((1, 1, 2, 5))
            at = code.page_alloc(count) if len(mine) < 60 else 0
            if at:
                pages = set(range(at, at + count * PAGE, PAGE))
                faults.extend(pages & owned)
                owned.update(pages)
                start = at - (1 << 30)
                faults.extend([at] if any(hidden[start : start + count * PAGE]) else [])
                hidden[start] = 1
                mine.append((at, count))
            elif mine:
                at, count = mine.pop(source.randrange(len(mine)))
                owned.difference_update(range(at, at + count * PAGE, PAGE))
                code.page_free(ctypes.c_uint64(at), count)
        for at, count in mine:
            owned.difference_update(range(at, at + count * PAGE, PAGE))
            code.page_free(ctypes.c_uint64(at), count)

    threads = [Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == [] and code.pages_left() == before


# ---- faults



def is_noticed(built: Path, folder: Path) -> bool:
    """Return true if random calls find a difference."""
    try:
        count_answers(built, folder, range(4 * SEEDS))
    except Difference:
        return True
    return False


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    name, good, bad = FAULTS[fault]
    text = (ROOT / "runtime" / "domu" / name).read_text()
    assert good in text
    built = build(tmp_path, name, text.replace(good, bad))
    in_own_process = subprocess.run([sys.executable, "-c", CHILD, built, tmp_path], cwd=ROOT, check=False)
    assert in_own_process.returncode, "the fault was not found"


CHILD = """
import sys
from pathlib import Path
from tests.host.test_domu_memory import is_noticed
sys.exit(is_noticed(Path(sys.argv[1]), Path(sys.argv[2])))
"""
