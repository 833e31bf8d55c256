#include "domu/domain.h"

#include "domu/frames.h"
#include "generated/externs.h"
#include "core/host.h"
#include "core/layout.h"
#include "core/log.h"
#include "domu/pages.h"
#include "domu/pool.h"
#include "domu/reap.h"
#include "boot/region.h"
#include "core/string.h"
#include "domu/tables.h"
#include "domu/vcpus.h"
#include "vmx/vmx.h"
#include "domu/walk.h"
#include "domu/switch.h"

#define TABLES_PER_CALL 64u

struct domain *domains;

static struct lock lock;                /* for who gets which slot; taken before a domain's */

static u32 pages_for(u64 bytes)
{
    return (u32)(round_up(bytes, PAGE_SIZE) / PAGE_SIZE);
}

void domains_init(void)
{
    u32 pages = pools_pages();
    pages_init(region_take(pages), pages);
    u64 domain_pages = page_alloc(pages_for(DOMAINS_MAX * sizeof(struct domain)));
    u64 vcpu_pages = page_alloc(pages_for(VCPUS_MAX * sizeof(struct vcpu)));
    if (!domain_pages || !vcpu_pages || !pools_init() || !domu_init())
        return;
    vcpus = hv_virt(vcpu_pages);
    domains = hv_virt(domain_pages);
    for (u32 i = 0; i < DOMAINS_MAX; i++)
        domains[i].index = i;
    for (u32 i = 0; i < VCPUS_MAX; i++)
        vcpus[i].slot = i;
}

/* Each pool has its share of them: whoever may open one device cannot use up another one's. */
static bool is_room(u32 pool)
{
    u32 used = 0;
    for (u32 i = 0; i < DOMAINS_MAX; i++)
        used += domains[i].state != DOMAIN_FREE && domains[i].pool == pool;
    return used < DOMAINS_MAX / pool_count;
}

static struct domain *free_find(u32 pool)
{
    for (u32 i = 0; i < DOMAINS_MAX && is_room(pool); i++)
        if (domains[i].state == DOMAIN_FREE)
            return &domains[i];
    return 0;
}

static bool secret_is_usable(u64 low, u64 high)
{
    if (!(low | high))
        return false;
    for (u32 i = 0; i < DOMAINS_MAX; i++)
        if (domains[i].state != DOMAIN_FREE && domains[i].secret[0] == low && domains[i].secret[1] == high)
            return false;
    return true;
}

/* All but the lock, which somebody with an old handle may be waiting for, and what outlives its uses. */
static void domain_clear(struct domain *domain)
{
    u32 index = domain->index, uses = domain->uses + 1;
    memset((u8 *)domain + offsetof(struct domain, state), 0, sizeof(*domain) - offsetof(struct domain, state));
    domain->index = index;
    domain->uses = uses ? uses : 1;
    domain->handle = index | (u64)domain->uses << HANDLE_USES_SHIFT;
}

/* The generation is ahead of what any CPU has seen: tables that had the same root are forgotten. */
static u32 domain_fill(struct cpu *cpu, struct domain *domain, u32 pool, u64 address, u64 frame)
{
    domain_clear(domain);
    domain->pool = pool;
    domain->owner = guest_cr3() & CR3_SPACE;
    domain->secret[0] = cpu->guest.r8;
    domain->secret[1] = cpu->guest.r9;
    domain->proof_address = address;
    domain->proof_frame = frame;
    domain->generation = 1;
    domain->tsc_offset = -host_rdtsc();
    if (!tables_init(domain)) {
        domain->handle = 0;
        return reap(cpu, pool, domain);
    }
    __atomic_store_n(&domain->state, DOMAIN_ALIVE, __ATOMIC_RELEASE);
    return 0;
}

static struct answer slot_take(struct cpu *cpu, u32 pool, u64 address, u64 frame)
{
    if (!secret_is_usable(cpu->guest.r8, cpu->guest.r9))
        return (struct answer){.error = EEXIST};
    struct domain *domain = free_find(pool);
    if (!domain)
        return (struct answer){.error = reap(cpu, pool, 0)};
    lock_acquire(&domain->lock);
    u32 error = domain_fill(cpu, domain, pool, address, frame);
    lock_release(&domain->lock);
    return (struct answer){.value = error ? 0 : domain->handle, .error = error};
}

/* A page of the device that the caller could write itself is the proof that it may have frames of it. */
struct answer domain_create(struct cpu *cpu, u32 flags, u64 address)
{
    u64 page = round_down(address, PAGE_SIZE), frame;
    if (!domains)
        return (struct answer){.error = ENOSYS};
    if (flags)
        return (struct answer){.error = EINVAL};
    struct walk walk = walk_caller(true);
    if (!walk_span(&walk, page, PAGE_SIZE, &frame))
        return (struct answer){.error = EFAULT};
    u32 pool = pool_at(frame);
    if (pool == POOLS_MAX)
        return (struct answer){.error = EPERM};
    lock_acquire(&lock);
    struct answer answer = slot_take(cpu, pool, page, frame);
    lock_release(&lock);
    return answer;
}

/* First nobody enters it any more, then nobody is in it, then what it had goes. */
u32 domain_end(struct cpu *cpu, struct domain *domain)
{
    __atomic_store_n(&domain->state, DOMAIN_DYING, __ATOMIC_SEQ_CST);
    if (!vcpus_free(cpu, domain) || !tables_free(domain, TABLES_PER_CALL) || !superpages_free(domain))
        return EAGAIN;
    domain->handle = 0;
    __atomic_store_n(&domain->state, DOMAIN_FREE, __ATOMIC_RELEASE);
    return 0;
}

struct answer domain_destroy(struct cpu *cpu, struct domain *domain)
{
    return (struct answer){.error = domain_end(cpu, domain)};
}

enum { STAT_COUNTS = COUNT_REASONS + EXIT_COUNT, STAT_SUPERPAGES = 128, STAT_POOL, STAT_VCPUS, STAT_STATE };

static u32 vcpus_count(const struct domain *domain)
{
    u32 count = 0;
    for (u32 i = 0; i < DOMAIN_VCPUS_MAX; i++)
        count += domain->vcpus[i] != 0;
    return count;
}

static u64 count_of(const struct domain *domain, u32 which)
{
    u64 sum = 0;
    for (u32 i = 0; i < DOMAIN_VCPUS_MAX; i++)
        if (domain->vcpus[i])
            sum += domain->vcpus[i]->counts[index_nospec(which, STAT_COUNTS)];
    return sum;
}

struct answer domain_stat(struct cpu *cpu, struct domain *domain, u32 which)
{
    (void)cpu;
    if (which < STAT_COUNTS)
        return (struct answer){.value = count_of(domain, which)};
    switch (which) {
    case STAT_SUPERPAGES: return (struct answer){.value = domain->frames};
    case STAT_POOL: return (struct answer){.value = domain->pool};
    case STAT_VCPUS: return (struct answer){.value = vcpus_count(domain)};
    case STAT_STATE: return (struct answer){.value = domain->state};
    default: return (struct answer){.error = EINVAL};
    }
}

struct answer domain_list(struct cpu *cpu, u32 index)
{
    (void)cpu;
    if (index >= DOMAINS_MAX)
        return (struct answer){.error = EINVAL};
    u64 handle = domains ? domains[index_nospec(index, DOMAINS_MAX)].handle : 0;
    return (struct answer){.value = handle, .error = handle ? 0 : ENOENT};
}

_Static_assert(offsetof(struct domain, lock) == 0, "all behind it is cleared");
_Static_assert(STAT_COUNTS <= STAT_SUPERPAGES, "numbers of domain_stat");
