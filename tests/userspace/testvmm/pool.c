/* The pool: its device mapped, superpages claimed, memory mapped for the guest. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dom0/token.h"
#include "test.h"

#define DEVICE "/dev/dax0.0"

static int open_pool(void)
{
    static int pool = -1;

    if (pool < 0)
        pool = open(DEVICE, O_RDWR | O_CLOEXEC);
    CHECK(pool >= 0, "%s: %s; Luvalley needs pool=... on its command line", DEVICE, strerror(errno));
    return pool;
}

const uint64_t *get_token(void)
{
    static uint64_t token[2];

    if (!token[0])
        CHECK(!read_luv_token(token), LUV_TOKEN_FILE ": %s; root opens the pools by `luv open`", strerror(errno));
    return token;
}

uint64_t ask(uint32_t which)
{
    struct result result = call(LUV_HYPERCALL_info, which, 0, 0, 0, get_token());

    CHECK(!result.status, "info(%u) fails with %" PRId64, which, result.status);
    return result.value;
}

uint8_t *reserve(uint64_t size, uint64_t alignment)
{
    uint8_t *place = mmap(NULL, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    CHECK(place != MAP_FAILED, "no addresses: %s", strerror(errno));
    return (uint8_t *)(((uintptr_t)place + alignment - 1) & -alignment);
}

uint8_t *map_superpage_at(void *place, uint64_t superpage, bool write)
{
    volatile uint8_t *mapped = mmap(place, SUPERPAGE, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED,
                                    open_pool(), (off_t)(superpage * SUPERPAGE));

    CHECK(mapped != MAP_FAILED, "frame %" PRIu64 " of " DEVICE " cannot be mapped: %s", superpage, strerror(errno));
    for (uint64_t at = 0; at < SUPERPAGE; at += PAGE) {
        if (write)
            __atomic_fetch_or(&mapped[at], 0, __ATOMIC_RELAXED); /* a read-only access, whoever owns the superpage */
        else
            (void)mapped[at];
    }
    return (uint8_t *)mapped;
}

uint8_t *map_superpage(uint64_t superpage)
{
    return map_superpage_at(reserve(SUPERPAGE, SUPERPAGE), superpage, true);
}

/*
 * An owner counts as alive while its page tables translate this address to this page. A later process may get the same CR3; if it
 * mapped the page at the same address, the dead owner would still count as alive. So the address is random.
 */
const uint8_t *find_proof(void)
{
    static const uint8_t *proof;
    uint64_t place = 0;

    if (!proof) {
        CHECK(getrandom(&place, 4, 0) == 4, "no random numbers");
        proof = map_superpage_at((void *)((1ull << 45) + place * SUPERPAGE % (1ull << 45)), 0, true);
    }
    return proof;
}

struct result call_domain(const struct domain *domain, uint32_t number, uint64_t second, uint64_t third, uint64_t fourth)
{
    return call(number, domain->handle, second, third, fourth, domain->secret);
}

struct result claim(const struct domain *domain, uint64_t hint)
{
    struct result result;

    do
        result = call_domain(domain, LUV_HYPERCALL_superpage_claim, hint, 0, 0);
    while (result.status == -EAGAIN);
    return result;
}

uint64_t claim_superpage(const struct domain *domain)
{
    struct result result = claim(domain, ~0ull);

    STATUS(result, 0);
    return result.value;
}

void map_memory(const struct domain *domain, uint64_t guest, const void *address, uint64_t size, unsigned rights)
{
    while (size) {
        struct result result = call_domain(domain, LUV_HYPERCALL_memory_map, guest, (uintptr_t)address, size | rights);

        CHECK(!result.status || result.status == -EAGAIN, "memory_map(%#" PRIx64 ") fails with %" PRId64, guest, result.status);
        CHECK(result.value <= size && (result.status || result.value == size), "memory_map did %#" PRIx64 " of %#" PRIx64,
              result.value, size);
        guest += result.value;
        address = (const uint8_t *)address + result.value;
        size -= result.value;
    }
}

/* The interrupt that this sends forces an exit on a CPU that runs the domain. */
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
        struct result result = call_domain(domain, LUV_HYPERCALL_memory_unmap, guest, size, 0);

        if (!result.status)
            return;
        STATUS(result, -EAGAIN);
        CHECK(result.value <= size, "memory_unmap did %#" PRIx64 " of %#" PRIx64, result.value, size);
        if (result.value < size) {
            guest += result.value;
            size -= result.value;
        }
        make_all_leave();
    }
    CHECK(false, "memory_unmap says EAGAIN without end");
}

void destroy(const struct domain *domain)
{
    struct result result;

    do
        result = call_domain(domain, LUV_HYPERCALL_domain_destroy, 0, 0, 0);
    while (result.status == -EAGAIN);
    STATUS(result, 0);
}
