"""The model that test_domu_memory.py compares runtime/domu with: domains and guest memory, page by page."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.lib.abi import ERRNO, LIMIT, RIGHT, SIZE

PAGE, LARGE = 4096, 512  # bytes; pages of a superpage
EPERM, ENOENT, EAGAIN, ENOMEM, EFAULT, EBUSY, EEXIST, EINVAL, ENOSYS = (
    ERRNO[name] for name in
    ("EPERM", "ENOENT", "EAGAIN", "ENOMEM", "EFAULT", "EBUSY", "EEXIST", "EINVAL", "ENOSYS")
)
READ, WRITE = RIGHT["read"], RIGHT["write"]
AREA = SIZE["shared_area"] // PAGE  # pages of a shared vCPU area
DIRTY_PAGES = LIMIT["dirty_pages"]  # of one call of memory_dirty
DOMAINS, VCPUS, VCPUS_OF_ALL = LIMIT["domains"], LIMIT["domain_vcpus"], LIMIT["vcpus"]
GUEST_PAGES = 1 << 36


@dataclass
class Process:
    """`pages`: user page to (physical page, writable)."""

    number: int
    pages: dict[int, tuple[int, bool]] = field(default_factory=dict)


@dataclass
class Vcpu:
    """`acquired`: by a CPU; `stale`: that CPU has not flushed since something was unmapped."""

    handle: int
    apic_id: int
    area: int
    acquired: bool = False
    stale: bool = False


@dataclass
class Domain:
    """`pages`: guest page to (physical page, rights); `large`, `tables`: what maps each 2 MiB of the guest."""

    handle: int
    pool: int
    owner: Process
    secret: tuple[int, int]
    proof: tuple[int, int]  # user page, physical page
    pages: dict[int, tuple[int, int]] = field(default_factory=dict)
    large: set[int] = field(default_factory=set)
    tables: set[int] = field(default_factory=set)
    dirty: set[int] = field(default_factory=set)
    vcpus: list[Vcpu] = field(default_factory=list)

    @property
    def is_dead(self) -> bool:
        """Return true if the owner no longer maps the page that proves that it is alive."""
        return self.owner.pages.get(self.proof[0], (0, False))[0] != self.proof[1]

    @property
    def is_flushed(self) -> bool:
        """Return true if no CPU can still use what was unmapped."""
        return not any(vcpu.acquired and vcpu.stale for vcpu in self.vcpus)

    def mark_stale(self) -> None:
        """Record that something was unmapped."""
        for vcpu in self.vcpus:
            vcpu.stale = vcpu.acquired


@dataclass
class Pool:
    """`first`: its first page; `owners`: the domain of each superpage, or None."""

    first: int
    owners: list[Domain | None]

    def superpage(self, page: int) -> int | None:
        """Return the superpage that a page lies in."""
        number = (page - self.first) // LARGE
        return number if 0 <= number < len(self.owners) else None


@dataclass
class Model:
    """All pools and domains."""

    pools: list[Pool]
    domains: list[Domain] = field(default_factory=list)

    def owns(self, domain: Domain, page: int) -> bool:
        """Return true if a page is in a superpage of the domain."""
        pool = self.pools[domain.pool]
        number = pool.superpage(page)
        return number is not None and pool.owners[number] is domain

    def create(self, process: Process, secret: tuple[int, int], page: int) -> tuple[int, int]:
        """Return the error, and the pool."""
        found, writable = process.pages.get(page, (0, False))
        if not writable:
            return EFAULT, 0
        pool = next((number for number, one in enumerate(self.pools) if one.superpage(found) is not None), None)
        if pool is None:
            return EPERM, 0
        if secret == (0, 0) or any(one.secret == secret for one in self.domains):
            return EEXIST, 0
        used = sum(one.pool == pool for one in self.domains)
        return (ENOMEM if used == DOMAINS // len(self.pools) else 0), pool

    def end(self, domain: Domain) -> int:
        """Destroy the domain, if no CPU has acquired a vCPU of it."""
        if any(vcpu.acquired for vcpu in domain.vcpus):
            return EAGAIN
        owners = self.pools[domain.pool].owners
        owners[:] = [None if owner is domain else owner for owner in owners]
        self.domains.remove(domain)
        return 0

    def find_dead(self, pool: int, but: Domain | None = None) -> list[Domain]:
        """Return the domains of a pool whose owners have died."""
        return [one for one in self.domains if one.pool == pool and one.is_dead and one is not but]

    def make_vcpu(self, domain: Domain, caller: Process, apic_id: int, address: int) -> tuple[int, int]:
        """Return the error, and the shared area's page."""
        if any(vcpu.apic_id == apic_id for vcpu in domain.vcpus):
            return EEXIST, 0
        if address % (AREA * PAGE):
            return EINVAL, 0
        found = [caller.pages.get(address // PAGE + index) for index in range(AREA)]
        for index, one in enumerate(found):
            if one is None or not one[1]:
                return EFAULT, 0
            if found[0] is None or one[0] != found[0][0] + index:
                return EPERM, 0
        area = found[0][0] if found[0] else 0
        if not self.owns(domain, area) or area % LARGE > LARGE - AREA:
            return EPERM, 0
        used = sum(len(one.vcpus) for one in self.domains if one.pool == domain.pool)
        full = len(domain.vcpus) == VCPUS or used == VCPUS_OF_ALL // len(self.pools)
        return (ENOMEM if full else 0), area

    def release(self, domain: Domain, number: int) -> int:
        """Release a superpage."""
        pool = self.pools[domain.pool]
        if number >= len(pool.owners) or pool.owners[number] is not domain:
            return EINVAL
        used = [page for page, _ in domain.pages.values()] + [vcpu.area for vcpu in domain.vcpus]
        if any(pool.superpage(page) == number for page in used):
            return EBUSY
        if not domain.is_flushed:
            return EAGAIN
        pool.owners[number] = None
        return 0

    def map(self, domain: Domain, caller: Process, guest: int, user: int, count: int, rights: int) -> tuple[int, int]:
        """Return the error, and how many pages are mapped."""
        for index in range(count):
            found, writable = caller.pages.get(user + index, (0, False))
            if not found or (rights & WRITE and not writable):
                return EFAULT, index
            if not self.owns(domain, found):
                return EPERM, index
            if guest + index in domain.pages:
                return EEXIST, index
            self.record_entry(domain, caller, guest + index, user + index, count - index, rights)
            domain.pages[guest + index] = (found, rights)
        return 0, count

    def record_entry(self, domain: Domain, caller: Process, guest: int, user: int, left: int, rights: int) -> None:
        """Record a large entry where 2 MiB of the guest are one superpage and no table is there yet."""
        chunk = guest // LARGE
        if chunk in domain.large or chunk in domain.tables:
            return
        first = caller.pages[user][0]
        whole = all(caller.pages.get(user + at, (0, False))[0] == first + at
                    and (caller.pages[user + at][1] or not rights & WRITE) for at in range(min(left, LARGE)))
        fits = left >= LARGE and not guest % LARGE and not first % LARGE and whole and not user % LARGE
        (domain.large if fits else domain.tables).add(chunk)

    def unmap(self, domain: Domain, guest: int, count: int) -> int:
        """Unmap pages; EAGAIN while a CPU may still use them."""
        gone = [page for page in domain.pages if guest <= page < guest + count]
        for page in gone:
            del domain.pages[page]
            domain.dirty.discard(page)
        for chunk in {page // LARGE for page in gone} & domain.large:
            domain.large.remove(chunk)
            if any(page // LARGE == chunk for page in domain.pages):
                domain.tables.add(chunk)
        if gone:
            domain.mark_stale()
        return 0 if domain.is_flushed else EAGAIN

    def write(self, domain: Domain, guest: int) -> None:
        """Write a page as the guest: its entry is dirty."""
        chunk = guest // LARGE
        large = range(chunk * LARGE, chunk * LARGE + LARGE)
        domain.dirty |= {page for page in (large if chunk in domain.large else [guest]) if page in domain.pages}

    def collect_dirty(self, domain: Domain, guest: int, count: int) -> tuple[int, list[int]]:
        """Return the pages written, of one 2 MiB; a large entry that was written becomes a table."""
        chunk, end = guest // LARGE, guest + count
        if not 0 < count <= DIRTY_PAGES or end > GUEST_PAGES or (end - 1) // LARGE != chunk:
            return EINVAL, []
        if chunk in domain.large and chunk * LARGE in domain.dirty:
            domain.large.remove(chunk)
            domain.tables.add(chunk)
        found = [page for page in range(guest, end) if page in domain.dirty]
        domain.dirty -= set(found)
        if found:
            domain.mark_stale()
        return 0, found
