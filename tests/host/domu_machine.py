"""runtime/domu compiled for the host, the model that it must agree with, and random calls of both."""

from __future__ import annotations

import ctypes
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.host.domu_model import (
    AREA,
    DIRTY_PAGES,
    EAGAIN,
    EBUSY,
    EINVAL,
    ENOENT,
    ENOMEM,
    GUEST_PAGES,
    LARGE,
    PAGE,
    READ,
    WRITE,
    Domain,
    Model,
    Pool,
    Process,
    Vcpu,
)
from tests.lib.abi import CALLER
from tests.lib.support import ROOT, TESTS

MODULES = ("pool", "pool_label", "token", "tables", "memory", "vcpus", "domain")
OWNER, SECRET, ROOT_CALLER = CALLER["owner"], CALLER["secret"], CALLER["root"]
DESTROY, STAT, VCPU, CLAIM, RELEASE, MAP, UNMAP, DIRTY = range(8)
PROCESSES, USER_CHUNKS = 4, 32
FRAMES = (14, 6)
FRAME = 0x000F_FFFF_FFFF_F000
PATIENCE = 5000  # calls that return EAGAIN
GUEST_CHUNKS = (0, 1, 2, 3, 2048, GUEST_PAGES // LARGE - 1)


def build(folder: Path, name: str = "", text: str = "") -> Path:
    """Compile runtime/domu as a library; the text of one file may be replaced."""
    code = Path(shutil.copytree(ROOT / "runtime" / "domu", folder / "domu"))
    if name:
        (code / name).write_text(text)
    sources = [code / f"{module}.c" for module in MODULES]
    flags = ["-shared", "-fPIC", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover", "-Wall", "-Wextra",
             "-include", TESTS / "host" / "processor_host.h",
             "-I", folder, "-I", code, "-I", ROOT, "-I", ROOT / "runtime"]
    path = folder / "domus.so"
    core = [ROOT / "runtime" / "core" / f"{one}.c" for one in ("string", "pages")]
    rest = [TESTS / "host" / "domus_host.c", *core, *sources]
    subprocess.run(["gcc", *map(str, [*flags, "-o", path, *rest])], check=True)
    return path


class Difference(Exception):
    """The code and the model differ."""


class Machine:
    """The code, the model, and random calls of both."""

    def __init__(self, built: Path, folder: Path, seed: int, dirty: bool = True) -> None:
        copy = folder / f"domus-{seed}.so"  # its own variables
        shutil.copy(built, copy)
        self.code = ctypes.CDLL(str(copy))
        self.code.host_pool.restype = self.code.host_account.restype = ctypes.c_uint64
        self.source = random.Random(seed)
        self.code.host_begin(*FRAMES, dirty)
        firsts = [self.code.host_pool(index) // PAGE for index in range(len(FRAMES))]
        self.model = Model([Pool(first, [None] * count) for first, count in zip(firsts, FRAMES, strict=True)])
        self.processes = [Process(number) for number in range(PROCESSES)]
        self.ram = (ctypes.c_uint8 * (96 << 20)).in_dll(self.code, "host_ram")
        self.user = (ctypes.c_uint64 * ((PROCESSES + 1) * 16384)).in_dll(self.code, "host_user")
        self.account = [self.code.host_account(pool) for pool in range(2)]
        self.ended = Counter[str]()
        self.abandoned: list[Domain] = []  # domains whose owners have died, freed or not
        self.secrets = 0

    # ---- calls of both

    def expect(self, what: str, found: object, wanted: object) -> None:
        self.ended[f"{what} {wanted[0] if isinstance(wanted, tuple) else wanted}"] += 1
        if found != wanted:
            raise Difference(f"{what}: {found}, not {wanted}")

    def call(self, domain: Domain, number: int, *arguments: int, who: int = OWNER) -> tuple[int, int]:
        """Make one call as the owner; return the error and the value."""
        value = ctypes.c_uint64()
        self.code.host_caller(domain.owner.number + 1, *map(ctypes.c_uint64, domain.secret))
        three = [ctypes.c_uint64(one) for one in (*arguments, 0, 0, 0)[:3]]
        error = self.code.host_call(ctypes.c_uint64(domain.handle), who, number, *three, ctypes.byref(value))
        return error, value.value

    def call_until_done(self, domain: Domain, number: int, *arguments: int, who: int = OWNER) -> tuple[int, int]:
        """Repeat the call while it returns EAGAIN."""
        for _ in range(PATIENCE):
            error, value = self.call(domain, number, *arguments, who=who)
            if error != EAGAIN:
                return error, value
        return EAGAIN, 0

    def show(self, process: Process, page: int, frame: int, writable: bool) -> None:
        """Map a page of a process; frame 0: none."""
        process.pages.pop(page, None)
        if frame:
            process.pages[page] = (frame, writable)
        self.user[(process.number + 1) * 16384 + page] = frame * PAGE | writable if frame else 0

    # ---- random arguments

    def draw_domain(self) -> Domain | None:
        alive = [one for one in self.model.domains if not one.is_dead]
        return self.source.choice(alive) if alive else None

    def draw_vcpu(self, acquired: bool) -> tuple[Domain, Vcpu] | None:
        alive = [one for one in self.model.domains if not one.is_dead]
        known = [(one, vcpu) for one in alive for vcpu in one.vcpus if vcpu.acquired == acquired]
        return self.source.choice(known) if known else None

    def change_memory(self) -> None:
        """Map a whole superpage of a pool, some pages of one, other memory, or nothing."""
        process, chunk = self.source.choice(self.processes), self.source.randrange(1, USER_CHUNKS)
        pool = self.source.choice(self.model.pools)
        first = pool.first + self.source.randrange(len(pool.owners)) * LARGE
        shift, turn = self.source.choice((0, 0, 0, 1, 8, 300)), self.source.choice((LARGE, 2 * LARGE))
        writable, hole = self.source.random() < 0.8, self.source.choice((None, None, self.source.randrange(LARGE)))
        kind, swapped = self.source.random(), self.source.choice((-1, self.source.randrange(LARGE // AREA)))
        for at in range(LARGE):
            page = (at ^ (at // AREA == swapped) + shift) % turn
            frame = first + page if kind < 0.9 else 16 + at if kind < 0.95 else 0
            self.show(process, chunk * LARGE + at, 0 if at == hole else frame, writable)

    def show_own(self) -> None:
        """Let a process map a superpage that its domain owns."""
        domain = self.draw_domain()
        pool = self.model.pools[domain.pool] if domain else None
        owned = [number for number, owner in enumerate(pool.owners) if owner is domain] if pool else []
        if not domain or not pool or not owned:
            return
        chunk, shift = self.source.randrange(1, USER_CHUNKS), self.source.choice((0, 0, 0, 300))  # or past its end
        frame = pool.first + self.source.choice(owned) * LARGE + shift
        for at in range(LARGE):
            self.show(domain.owner, chunk * LARGE + at, frame + at, True)

    def create(self) -> None:
        process = self.source.choice(self.processes)
        pool = self.source.choice(self.model.pools)
        page = self.source.choice((0, 0, 0, 3, self.source.randrange(USER_CHUNKS * LARGE), *list(process.pages)[-1:]))
        self.show(process, 3, 16, True)  # in no pool
        if not page and not process.pages.get(0):
            self.show(process, 0, pool.first + self.source.randrange(LARGE), True)
        self.secrets += self.source.random() < 0.95
        secret = (self.secrets, 7) if self.source.random() < 0.98 else (0, 0)
        wanted, pool_number = self.model.create(process, secret, page)
        if wanted == ENOMEM and self.model.find_dead(pool_number):
            return
        value = ctypes.c_uint64()
        self.code.host_caller(process.number + 1, *map(ctypes.c_uint64, secret))
        error = self.code.host_create(0, ctypes.c_uint64(page * PAGE), ctypes.byref(value))
        self.expect("create", error, wanted)
        if not error:
            proof = (page, process.pages[page][0])
            self.model.domains.append(Domain(value.value, pool_number, process, secret, proof))

    def make_vcpu(self) -> None:
        domain = self.draw_domain()
        if not domain or self.model.find_dead(domain.pool):
            return
        pages = domain.owner.pages
        good = [page for page in pages if page % AREA == 0 and self.model.owns(domain, pages[page][0])]
        page = self.source.choice(good) if good and self.source.random() < 0.8 else self.source.randrange(LARGE * 8)
        apic_id = self.source.randrange(20)
        wanted, area = self.model.make_vcpu(domain, domain.owner, apic_id, page * PAGE)
        error, handle = self.call(domain, VCPU, apic_id, page * PAGE)
        self.expect("vcpu", error, wanted)
        if not error:
            domain.vcpus.append(Vcpu(handle, apic_id, area))
            domain.proof = (page, area)

    def claim(self) -> None:
        domain = self.draw_domain()
        if not domain:
            return
        owners = self.model.pools[domain.pool].owners
        free = [number for number, owner in enumerate(owners) if owner is None]
        hint = self.source.choice((~0 & (1 << 64) - 1, self.source.randrange(len(owners) + 2)))
        error, number = self.call_until_done(domain, CLAIM, hint)
        wanted = {hint} if hint in free else set(free)
        if not free:
            for dead in self.model.find_dead(domain.pool, domain):
                if not any(vcpu.acquired for vcpu in dead.vcpus):
                    self.model.end(dead)  # some may still exist: see reconcile()
            wanted = {index for index, owner in enumerate(owners) if owner is None}
            self.reconcile()
        self.expect("claim", error, 0 if wanted else ENOMEM)
        if error:
            return
        self.expect("claimed", number in wanted, True)
        owners[number] = domain
        start = (self.model.pools[domain.pool].first + number * LARGE) * PAGE
        self.expect("zeroed", bytes(self.ram[start : start + LARGE * PAGE]).count(0), LARGE * PAGE)
        for at in (0, self.source.randrange(LARGE * PAGE), LARGE * PAGE - 1):
            self.ram[start + at] = 0xAA

    def reconcile(self) -> None:
        """Destroy the domains of dead owners that no claim has destroyed, by their secret."""
        known = {one.handle for one in self.model.domains}
        for dead in list(self.abandoned):
            if dead.handle not in known:
                self.expect("reaped", self.call_until_done(dead, DESTROY, who=SECRET)[0] in (0, ENOENT), True)
                self.abandoned.remove(dead)

    def release(self) -> None:
        domain = self.draw_domain()
        if domain:
            owners = self.model.pools[domain.pool].owners
            own = [number for number, owner in enumerate(owners) if owner is domain]
            number = self.source.choice((*own, self.source.randrange(len(owners) + 1)))
            found = self.call(domain, RELEASE, number)[0]
            self.expect("release", found, self.model.release(domain, number))

    def draw_guest(self) -> tuple[int, int]:
        """Draw a guest page and a number of pages."""
        page = self.source.choice(GUEST_CHUNKS) * LARGE + self.source.choice((0, 0, 0, self.source.randrange(LARGE)))
        count = self.source.choice((1, LARGE, LARGE, 3 * LARGE, self.source.randrange(1, 700)))
        return page, min(count, GUEST_PAGES - page)

    def map(self) -> None:
        domain = self.draw_domain()
        if not domain:
            return
        guest, count = self.draw_guest()
        pages = domain.owner.pages.items()
        own = [page for page, (frame, _) in pages if page % LARGE == 0 and self.model.owns(domain, frame)]
        user = self.source.choice(own) if own and self.source.random() < 0.7 else self.source.randrange(28) * LARGE
        user += self.source.choice((0, 0, 0, self.source.randrange(LARGE)))
        rights = self.source.choice((7, 7, 5, READ, READ | WRITE, WRITE, 0))
        done = 0
        for _ in range(PATIENCE):
            where = (guest + done) * PAGE, (user + done) * PAGE
            error, value = self.call(domain, MAP, *where, (count - done) * PAGE | rights)
            done += value // PAGE
            if error != EAGAIN:
                break
        wanted = self.model.map(domain, domain.owner, guest, user, count, rights) if rights & READ else (EINVAL, 0)
        self.expect("map", (error, done), wanted)

    def unmap(self) -> None:
        domain = self.draw_domain()
        if not domain:
            return
        guest, count = self.draw_guest()
        if self.source.random() < 0.1:
            guest, count = 0, GUEST_PAGES
        self.unmap_range(domain, guest, count)

    def unmap_range(self, domain: Domain, guest: int, count: int) -> None:
        done = 0
        for _ in range(PATIENCE):
            error, value = self.call(domain, UNMAP, (guest + done) * PAGE, (count - done) * PAGE)
            done += value // PAGE
            if error != EAGAIN or done == count:
                break
        self.expect("unmap", (error, done), (self.model.unmap(domain, guest, count), count))

    def write(self) -> None:
        domain = self.draw_domain()
        if domain and domain.pages:
            self.write_page(domain, self.source.choice(list(domain.pages)))

    def write_page(self, domain: Domain, guest: int) -> None:
        self.code.host_write(ctypes.c_uint64(domain.handle), ctypes.c_uint64(guest * PAGE))
        self.model.write(domain, guest)

    def split(self) -> None:
        """Collect dirty pages of a part of a written large entry, unmap a page of it, and collect the rest."""
        domain = self.draw_domain()
        if not domain or not domain.large:
            return
        chunk = self.source.choice(list(domain.large))
        self.write_page(domain, chunk * LARGE)
        first, count = self.source.randrange(LARGE - DIRTY_PAGES), self.source.randrange(1, DIRTY_PAGES + 1)
        self.collect_dirty_pages(domain, chunk * LARGE + first, count)
        self.unmap_range(domain, chunk * LARGE + self.source.randrange(LARGE), 1)
        for first in range(chunk * LARGE, chunk * LARGE + LARGE, DIRTY_PAGES):
            self.collect_dirty_pages(domain, first, DIRTY_PAGES)

    def collect_dirty(self) -> None:
        domain = self.draw_domain()
        if domain:
            counts = (1, DIRTY_PAGES, DIRTY_PAGES, self.source.randrange(DIRTY_PAGES + 3))
            self.collect_dirty_pages(domain, self.draw_guest()[0], self.source.choice(counts))

    def collect_dirty_pages(self, domain: Domain, guest: int, count: int) -> None:
        error, bits = self.call(domain, DIRTY, guest * PAGE, count)
        found = [guest + at for at in range(DIRTY_PAGES) if bits >> at & 1]
        wanted, pages = self.model.collect_dirty(domain, guest, count)
        self.expect("dirty", error, wanted)
        self.expect("dirty pages", found == pages, True)

    def acquire(self) -> None:
        """Acquire a vCPU; neither a second CPU nor another process can acquire it too."""
        drawn = self.draw_vcpu(acquired=self.source.random() < 0.2)
        if not drawn:
            return
        domain, vcpu = drawn
        stranger = self.source.random() < 0.2
        secret = (domain.secret[0], domain.secret[1] + stranger)
        self.code.host_caller(domain.owner.number + 1, *map(ctypes.c_uint64, secret))
        wanted = ENOENT if stranger else EBUSY if vcpu.acquired else 0
        self.expect("acquire", self.code.host_acquire(ctypes.c_uint64(vcpu.handle)), wanted)
        if not wanted:
            vcpu.acquired, vcpu.stale = True, False

    def release_vcpu(self) -> None:
        drawn = self.draw_vcpu(acquired=True)
        if drawn:
            self.code.host_release(ctypes.c_uint64(drawn[1].handle))
            drawn[1].acquired = False

    def destroy(self) -> None:
        domain = self.draw_domain()
        if not domain or self.source.random() < 0.5:
            return
        if any(vcpu.acquired for vcpu in domain.vcpus):
            return  # it would be dying from then on: finish() tests that
        who = self.source.choice((SECRET, ROOT_CALLER))
        self.expect("destroy", self.call_until_done(domain, DESTROY, who=who)[0], self.model.end(domain))

    def die(self) -> None:
        """End a process: its memory is unmapped."""
        process = self.source.choice(self.processes)
        if self.source.random() < 0.7:
            return
        for page in list(process.pages):
            self.show(process, page, 0, False)

    def release_abandoned(self) -> None:
        """Release the vCPUs of domains whose owner has died."""
        for domain in [one for one in self.model.domains if one.is_dead and one not in self.abandoned]:
            self.abandoned.append(domain)
            for vcpu in domain.vcpus:
                if vcpu.acquired:
                    self.code.host_release(ctypes.c_uint64(vcpu.handle))
                    vcpu.acquired = False

    def call_wrongly(self) -> None:
        """Call as another process, without the secret, or by a stale handle."""
        domain = self.draw_domain()
        if not domain:
            return
        kind, who = self.source.randrange(4), OWNER
        wrong = Domain(domain.handle, domain.pool, domain.owner, domain.secret, domain.proof)
        if kind == 0:
            wrong.owner = self.processes[(domain.owner.number + 1) % PROCESSES]
        elif kind == 1:
            wrong.secret, who = (domain.secret[0] ^ 1 << 40, domain.secret[1]), self.source.choice((OWNER, SECRET))
        else:
            wrong.handle ^= self.source.choice((1 << 16, 1 << 47, 1 << 15, 1 << 63, 1))
        self.expect("wrong", self.call(wrong, STAT, 0, who=who)[0], ENOENT)

    # ---- invariants

    def check_tables(self, domain: Domain) -> None:
        found: dict[int, tuple[int, int]] = {}
        list_of = (ctypes.c_uint64 * (1 << 17))()
        count = self.code.host_leaves(ctypes.c_uint64(domain.handle), list_of)
        large = set()
        for at in range(0, count, 2):
            guest, level, entry = list_of[at] // PAGE, list_of[at] % PAGE, list_of[at + 1]
            self.expect("leaf", (level in (1, 2), entry >> 3 & 7, entry >> 7 & 1), (True, 6, level - 1))
            large |= {guest // LARGE} if level == 2 else set()
            for index in range(LARGE if level == 2 else 1):
                found[guest + index] = ((entry & FRAME) // PAGE + index, entry & 7)
        if found != domain.pages:
            raise Difference(f"{domain.handle:#x} shows {len(found)} pages, not the {len(domain.pages)} wanted")
        self.expect("large leaves", large == domain.large, True)

    def check(self) -> None:
        for domain in self.model.domains:
            self.check_tables(domain)
        for index, pool in enumerate(self.model.pools):
            for number, owner in enumerate(pool.owners):
                found = (ctypes.c_uint64 * 4)()
                self.code.host_superpage(index, number, found)
                mapped = sum(pool.superpage(page) == number for page, _ in owner.pages.values()) if owner else 0
                areas = sum(pool.superpage(vcpu.area) == number for vcpu in owner.vcpus) if owner else 0
                wanted = ((owner.handle & 0xFFFF) + 1 if owner else 0, mapped, areas, pool.owners.count(None))
                self.expect("superpage", tuple(found) == wanted, True)

    def run(self, steps: int) -> None:
        """Make random calls and check everything from time to time; at the end all memory must be free."""
        actions: list[Callable[[], None]] = [
            self.change_memory, self.show_own, self.show_own, self.create, self.make_vcpu, self.claim, self.claim,
            self.release, self.map, self.map, self.map, self.unmap, self.unmap, self.split, self.write,
            self.collect_dirty, self.acquire, self.acquire, self.release_vcpu, self.destroy, self.die,
            self.call_wrongly,
        ]
        for step in range(steps):
            self.source.choice(actions)()
            self.release_abandoned()
            if step % 50 == 0:
                self.check()
        for _ in range(20):
            self.make_vcpu()
            self.acquire()
        self.finish()

    def finish(self) -> None:
        """End all domains: one with an acquired vCPU ends after its release; nobody can acquire it meanwhile."""
        for domain in list(self.model.domains):
            for vcpu in domain.vcpus:
                if vcpu.acquired:
                    self.expect("end", self.call(domain, DESTROY, who=SECRET)[0], EAGAIN)
                    self.code.host_caller(domain.owner.number + 1, *map(ctypes.c_uint64, domain.secret))
                    self.expect("late", self.code.host_acquire(ctypes.c_uint64(domain.vcpus[0].handle)), ENOENT)
                    self.code.host_release(ctypes.c_uint64(vcpu.handle))
                    vcpu.acquired = False
            self.expect("end", self.call_until_done(domain, DESTROY, who=ROOT_CALLER)[0] in (0, ENOENT), True)
        self.expect("account", [self.code.host_account(pool) for pool in range(2)] == self.account, True)
