/*
 * Domains: made, found by handle, ended; and what runs short for one domain is taken back from those whose owner has died.
 * The calls that may need that end here, on top of memory.c and vcpus.c, which know nothing of other domains.
 */
#include "core/host.h"
#include "core/layout.h"
#include "core/pages.h"
#include "core/string.h"
#include "boot/region.h"
#include "domu/memory.h"
#include "domu/pool.h"
#include "domu/switch.h"
#include "generated/x86/externs.h"

#define TABLES_PER_CALL 64u

struct domain *domains;

static struct lock lock;                /* for who gets which slot; acquired before a domain's */

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
    if (!domain_pages || !vcpu_pages || !pools_init() || !switch_init())
        return;
    vcpus = hv_virt(vcpu_pages);
    domains = hv_virt(domain_pages);
    for (u32 i = 0; i < DOMAINS_MAX; i++)
        domains[i].index = i;
    for (u32 i = 0; i < VCPUS_MAX; i++)
        vcpus[i].slot = i;
}

/* ---- Handles */

static struct domain *domain_at(u64 handle)
{
    u64 index = handle & HANDLE_INDEX_MASK;
    return domains && index < DOMAINS_MAX ? &domains[index_nospec(index, DOMAINS_MAX)] : 0;
}

/* Whoever knows only the secret, and root, may also continue ending a dying domain. */
static bool may(const struct cpu *cpu, const struct domain *domain, u32 who)
{
    switch (who) {
    case LUV_FROM_OWNER: return is_owner(cpu, domain);
    case LUV_FROM_SECRET: return domain->state != DOMAIN_FREE && knows_secret(cpu, domain);
    case LUV_FROM_ROOT: return domain->state != DOMAIN_FREE;
    default: return false;
    }
}

/* Handle 0 is the domain with the caller's secret. */
static u64 handle_resolve(const struct cpu *cpu, u64 handle, u32 who)
{
    for (u32 i = 0; !handle && domains && who == LUV_FROM_SECRET && i < DOMAINS_MAX; i++)
        if (may(cpu, &domains[i], who))
            handle = domains[i].handle;
    return handle;
}

static bool is_for(const struct cpu *cpu, const struct domain *domain, u64 handle, u32 who)
{
    return handle && domain->handle == handle && may(cpu, domain, who);
}

/* Checked before the lock too: a stranger waits for nobody's lock, and nobody waits for a stranger. */
u32 domain_acquire(struct cpu *cpu, u64 handle, u32 who, struct domain **found)
{
    handle = handle_resolve(cpu, handle, who);
    struct domain *domain = domain_at(handle);
    if (!domain || !is_for(cpu, domain, handle, who))
        return ENOENT;
    lock_acquire(&domain->lock);
    if (is_for(cpu, domain, handle, who)) {
        *found = domain;
        return 0;
    }
    lock_release(&domain->lock);
    return ENOENT;
}

void domain_release(struct domain *domain)
{
    lock_release(&domain->lock);
}

/* ---- The end of a domain */

/* First no CPU can enter it any more, then none is in it, then what it had is freed. 0, or EAGAIN while there is more to do. */
static u32 domain_end(struct cpu *cpu, struct domain *domain)
{
    __atomic_store_n(&domain->state, DOMAIN_DYING, __ATOMIC_SEQ_CST);
    if (!vcpus_free(cpu, domain) || !tables_free(domain, TABLES_PER_CALL) || !memory_free(domain))
        return EAGAIN;
    domain->handle = 0;
    __atomic_store_n(&domain->state, DOMAIN_FREE, __ATOMIC_RELEASE);
    return 0;
}

struct answer domain_destroy(struct cpu *cpu, struct domain *domain)
{
    return (struct answer){.error = domain_end(cpu, domain)};
}

/* A dead owner's tables may hold anything by now: only a living one's still lead to the page of the pool. */
static bool owner_is_alive(const struct domain *domain)
{
    struct walk walk = walk_other(domain->owner);
    u64 frame;
    return walk_span(&walk, domain->proof_address, PAGE_SIZE, &frame) && frame == domain->proof_frame;
}

static bool is_ending(const struct domain *domain)
{
    return domain->state == DOMAIN_DYING || (domain->state == DOMAIN_ALIVE && !owner_is_alive(domain));
}

/* Another CPU that holds its lock may be ending it: that counts as something to gain, and nobody waits here. */
static bool reap_one(struct cpu *cpu, struct domain *domain, u32 pool)
{
    if (domain->state == DOMAIN_FREE || domain->pool != pool)
        return false;
    if (!lock_try(&domain->lock))
        return true;
    bool ending = domain->pool == pool && is_ending(domain);
    if (ending)
        domain_end(cpu, domain);
    lock_release(&domain->lock);
    return ending;
}

/*
 * Something ran short for a pool: ends some of its domains whose owner has died. EAGAIN: there may be more to gain, try again;
 * ENOMEM: there is none. `held` is the domain whose lock the caller has, or 0.
 */
static u32 reap(struct cpu *cpu, u32 pool, const struct domain *held)
{
    for (u32 i = 0; i < DOMAINS_MAX; i++)
        if (&domains[i] != held && reap_one(cpu, &domains[i], pool))
            return EAGAIN;
    return ENOMEM;
}

static struct answer or_reap(struct cpu *cpu, const struct domain *domain, struct answer answer)
{
    if (answer.error == ENOMEM)
        answer.error = reap(cpu, domain->pool, domain);
    return answer;
}

/* ---- A new domain */

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

/* All but the lock, which the holder of an old handle may be waiting for, and the count of uses. */
static void domain_clear(struct domain *domain)
{
    u32 index = domain->index, uses = domain->uses + 1;
    memset((u8 *)domain + offsetof(struct domain, state), 0, sizeof(*domain) - offsetof(struct domain, state));
    domain->index = index;
    domain->uses = uses ? uses : 1;
    domain->handle = index | (u64)domain->uses << HANDLE_USES_SHIFT;
}

/* The generation is ahead of what any CPU has flushed: what is cached of tables with the same root is flushed. */
static u32 domain_fill(struct cpu *cpu, struct domain *domain, u32 pool, u64 address, u64 frame, const u64 *secret)
{
    domain_clear(domain);
    domain->pool = pool;
    domain->owner = guest_cr3() & CR3_SPACE;
    domain->secret[0] = secret[0];
    domain->secret[1] = secret[1];
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

static struct answer slot_fill(struct cpu *cpu, u32 pool, u64 address, u64 frame, const u64 *secret)
{
    if (!secret_is_usable(secret[0], secret[1]))
        return (struct answer){.error = EEXIST};
    struct domain *domain = free_find(pool);
    if (!domain)
        return (struct answer){.error = reap(cpu, pool, 0)};
    lock_acquire(&domain->lock);
    u32 error = domain_fill(cpu, domain, pool, address, frame, secret);
    lock_release(&domain->lock);
    return (struct answer){.value = error ? 0 : domain->handle, .error = error};
}

/* The token was right. A page of the device that the caller can write says which pool, and proves that it may claim superpages of it. */
struct answer domain_create(struct cpu *cpu, u32 flags, u64 address, u64 secret_low, u64 secret_high)
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
    struct answer answer = slot_fill(cpu, pool, page, frame, (u64[]){secret_low, secret_high});
    lock_release(&lock);
    return answer;
}

/* ---- Calls that may run short */

static u32 vcpus_count(const struct domain *domain)
{
    u32 count = 0;
    for (u32 i = 0; i < DOMAIN_VCPUS_MAX; i++)
        count += domain->vcpus[i] != 0;
    return count;
}

/* No dead domain makes room for more vCPUs than a domain can have. */
struct answer vcpu_create(struct cpu *cpu, struct domain *domain, u32 apic_id, u64 address)
{
    struct answer answer = vcpu_make(cpu, domain, apic_id, address);
    return vcpus_count(domain) == DOMAIN_VCPUS_MAX ? answer : or_reap(cpu, domain, answer);
}

struct answer superpage_claim(struct cpu *cpu, struct domain *domain, u64 hint)
{
    return or_reap(cpu, domain, memory_claim(domain, hint));
}

struct answer memory_map(struct cpu *cpu, struct domain *domain, u64 guest, u64 address, u64 size)
{
    return or_reap(cpu, domain, memory_map_range(domain, guest, address, size));
}

struct answer memory_unmap(struct cpu *cpu, struct domain *domain, u64 guest, u64 size)
{
    return or_reap(cpu, domain, memory_unmap_range(domain, guest, size));
}

struct answer memory_dirty(struct cpu *cpu, struct domain *domain, u64 guest, u32 pages)
{
    return or_reap(cpu, domain, memory_collect_dirty(domain, guest, pages));
}

/* ---- What there is */

#define STAT_COUNTS (COUNT_REASONS + EXIT_COUNT)

static u64 vcpu_count_of(const struct vcpu *vcpu, u32 which)
{
    if (which < COUNT_REASONS)
        return vcpu->runs[index_nospec(which, COUNT_REASONS)];
    return vcpu->exits.counts[index_nospec(which - COUNT_REASONS, EXIT_COUNT)];
}

static u64 count_of(const struct domain *domain, u32 which)
{
    u64 sum = 0;
    for (u32 i = 0; i < DOMAIN_VCPUS_MAX; i++)
        if (domain->vcpus[i])
            sum += vcpu_count_of(domain->vcpus[i], which);
    return sum;
}

struct answer domain_stat(struct cpu *cpu, struct domain *domain, u32 which)
{
    (void)cpu;
    if (which < STAT_COUNTS)
        return (struct answer){.value = count_of(domain, which)};
    switch (which) {
    case LUV_STAT_SUPERPAGES: return (struct answer){.value = domain->superpages};
    case LUV_STAT_POOL: return (struct answer){.value = domain->pool};
    case LUV_STAT_VCPUS: return (struct answer){.value = vcpus_count(domain)};
    case LUV_STAT_LIFE: return (struct answer){.value = domain->state};
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

_Static_assert(offsetof(struct domain, lock) == 0, "domain_clear clears all after it");
_Static_assert(STAT_COUNTS <= LUV_STAT_SUPERPAGES, "numbers of domain_stat");
