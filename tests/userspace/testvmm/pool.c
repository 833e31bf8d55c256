/* The pool: its device mapped, frames claimed, memory given to the guest. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

#define DEVICE "/dev/dax0.0"

static int open_pool(void)
{
    static int pool = -1;

    if (pool < 0)
        pool = open(DEVICE, O_RDWR | O_CLOEXEC);
    CHECK(pool >= 0, "%s: %s; Luvalley wants pool=... on its command line, dom0 device_dax and dax_hmem", DEVICE,
          strerror(errno));
    return pool;
}

uint64_t ask(uint32_t which)
{
    struct given given = call(LUV_HYPERCALL_info, which, 0, 0, 0, NULL);

    CHECK(!given.status, "info(%u) fails with %" PRId64, which, given.status);
    return given.value;
}

uint8_t *reserve(uint64_t size, uint64_t alignment)
{
    uint8_t *place = mmap(NULL, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    CHECK(place != MAP_FAILED, "no addresses: %s", strerror(errno));
    return (uint8_t *)(((uintptr_t)place + alignment - 1) & -alignment);
}

uint8_t *map_frame_at(void *place, uint64_t frame, bool write)
{
    volatile uint8_t *mapped = mmap(place, FRAME, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED,
                                    open_pool(), (off_t)(frame * FRAME));

    CHECK(mapped != MAP_FAILED, "frame %" PRIu64 " of " DEVICE " cannot be mapped: %s", frame, strerror(errno));
    for (uint64_t at = 0; at < FRAME; at += PAGE) {
        if (write)
            __atomic_fetch_or(&mapped[at], 0, __ATOMIC_RELAXED); /* changes nothing, whosever it is */
        else
            (void)mapped[at];
    }
    return (uint8_t *)mapped;
}

uint8_t *map_frame(uint64_t frame)
{
    return map_frame_at(reserve(FRAME, FRAME), frame, true);
}

/*
 * An owner is taken for alive while its tables lead from this address to this page. A process that follows it may have the same
 * tables, and if it had the page in the same place too, it would keep the dead one alive.
 */
const uint8_t *find_proof(void)
{
    static const uint8_t *proof;
    uint64_t place = 0;

    if (!proof) {
        CHECK(getrandom(&place, 4, 0) == 4, "no random numbers");
        proof = map_frame_at((void *)((1ull << 45) + place * FRAME % (1ull << 45)), 0, true);
    }
    return proof;
}

struct given call_domain(const struct domain *domain, uint32_t number, uint64_t second, uint64_t third, uint64_t fourth)
{
    return call(number, domain->handle, second, third, fourth, domain->secret);
}

struct given claim(const struct domain *domain, uint64_t hint)
{
    struct given given;

    do
        given = call_domain(domain, LUV_HYPERCALL_superpage_claim, hint, 0, 0);
    while (given.status == -EAGAIN);
    return given;
}

uint64_t claim_frame(const struct domain *domain)
{
    struct given given = claim(domain, ~0ull);

    STATUS(given, 0);
    return given.value;
}

void map_memory(const struct domain *domain, uint64_t guest, const void *address, uint64_t size, unsigned rights)
{
    while (size) {
        struct given given = call_domain(domain, LUV_HYPERCALL_memory_map, guest, (uintptr_t)address, size | rights);

        CHECK(!given.status || given.status == -EAGAIN, "memory_map(%#" PRIx64 ") fails with %" PRId64, guest, given.status);
        CHECK(given.value <= size && (given.status || given.value == size), "memory_map did %#" PRIx64 " of %#" PRIx64,
              given.value, size);
        guest += given.value;
        address = (const uint8_t *)address + given.value;
        size -= given.value;
    }
}

/* A CPU that runs the domain leaves by the interrupt that this sends. */
static void make_all_leave(void)
{
    static bool registered;

    if (!registered)
        registered = !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), "membarrier: %s", strerror(errno));
}

void unmap_memory(const struct domain *domain, uint64_t guest, uint64_t size)
{
    for (int turn = 0; turn < 100000; turn++) {
        struct given given = call_domain(domain, LUV_HYPERCALL_memory_unmap, guest, size, 0);

        if (!given.status)
            return;
        STATUS(given, -EAGAIN);
        CHECK(given.value <= size, "memory_unmap did %#" PRIx64 " of %#" PRIx64, given.value, size);
        if (given.value < size) {
            guest += given.value;
            size -= given.value;
        }
        make_all_leave();
    }
    CHECK(false, "memory_unmap says EAGAIN without end");
}

void destroy(const struct domain *domain)
{
    struct given given;

    do
        given = call_domain(domain, LUV_HYPERCALL_domain_destroy, 0, 0, 0);
    while (given.status == -EAGAIN);
    STATUS(given, 0);
}
