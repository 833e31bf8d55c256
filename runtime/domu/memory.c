/*
 * A domain's memory: the superpages that it claims from its pool, and where its guest sees them. Calls say how far they came,
 * and never work longer than a bounded time. Under the domain's lock.
 */
#include "domu/memory.h"

#include "core/layout.h"
#include "core/string.h"
#include "domu/pool.h"

#define FREED_PER_CALL 32768u           /* superpages looked at */
/* Of one call: entries looked at, the domain's or the caller's. */
#define WORK_MAX 8192u
#define WORK_OF_STEP 64u                /* a walk from the root */

static struct answer answer(u64 value, u32 error)
{
    return (struct answer){.value = value, .error = error};
}

/* The one that the caller asks for, or the next free one; `superpages` if there is none. */
static u32 find(struct pool *pool, u64 hint)
{
    if (hint < pool->superpages && !pool->superpage[index_nospec(hint, pool->superpages)].owner)
        return (u32)hint;
    for (u32 i = 0; pool->free && i < pool->superpages; i++) {
        u32 number = (pool->next + i) % pool->superpages;
        if (!pool->superpage[number].owner)
            return pool->next = number;
    }
    return pool->superpages;
}

static u32 superpage_alloc(struct pool *pool, u64 hint, u32 domain)
{
    lock_acquire(&pool->lock);
    u32 number = find(pool, hint);
    if (number < pool->superpages) {
        pool->superpage[number].owner = (u8)(domain + 1);
        pool->free--;
    }
    lock_release(&pool->lock);
    return number;
}

static void superpage_free(struct pool *pool, struct superpage *superpage)
{
    lock_acquire(&pool->lock);
    *superpage = (struct superpage){.dirty = true};
    pool->free++;
    lock_release(&pool->lock);
}

struct answer memory_claim(struct domain *domain, u64 hint)
{
    struct pool *pool = &pools[domain->pool];
    u32 number = superpage_alloc(pool, hint, domain->index);
    if (number == pool->superpages)
        return answer(0, ENOMEM);
    if (pool->superpage[number].dirty)
        memset(phys(pool->base + number * SUPERPAGE_SIZE), 0, SUPERPAGE_SIZE);
    domain->superpages++;
    return answer(number, 0);
}

struct answer superpage_release(struct cpu *cpu, struct domain *domain, u64 number)
{
    (void)cpu;
    struct pool *pool = &pools[domain->pool];
    struct superpage *superpage = &pool->superpage[index_nospec(number, pool->superpages)];
    if (number >= pool->superpages || superpage->owner != domain->index + 1)
        return answer(0, EINVAL);
    if (superpage->pages || superpage->vcpu_areas)
        return answer(0, EBUSY);
    if (!memory_is_flushed(domain))
        return answer(0, EAGAIN);
    superpage_free(pool, superpage);
    domain->superpages--;
    return answer(0, 0);
}

bool memory_free(struct domain *domain)
{
    struct pool *pool = &pools[domain->pool];
    u32 end = domain->freed + FREED_PER_CALL < pool->superpages ? domain->freed + FREED_PER_CALL : pool->superpages;
    for (; domain->freed < end && domain->superpages; domain->freed++) {
        if (pool->superpage[domain->freed].owner != domain->index + 1)
            continue;
        superpage_free(pool, &pool->superpage[domain->freed]);
        domain->superpages--;
    }
    return !domain->superpages;
}

static u64 chunk_end(u64 guest, u64 end)
{
    return min(end, round_down(guest, PAGE_2M) + PAGE_2M);
}

static bool is_range(u64 guest, u64 size)
{
    return !((guest | size) & PAGE_MASK) && guest <= GUEST_END && size <= GUEST_END - guest;
}

/* A piece that is contiguous in the caller's memory, cut at superpages, each of which the domain must own. */
static u32 piece_map(struct domain *domain, u64 guest, u64 physical, u64 size, u32 rights, u64 *done)
{
    for (u64 part, at = 0; at < size; at += part) {
        part = min(size - at, SUPERPAGE_SIZE - (physical + at) % SUPERPAGE_SIZE);
        if (!pool_owned(&pools[domain->pool], physical + at, domain->index))
            return EPERM;
        u32 error = tables_map(domain, guest + at, physical + at, part, rights, done);
        if (error)
            return error;
    }
    return 0;
}

static u32 range_map(struct domain *domain, u64 guest, u64 address, u64 size, u32 rights, u64 *done)
{
    struct walk walk = walk_caller(rights & NESTED_WRITE);
    for (u32 work = 0; *done < size; work += WORK_OF_STEP) {
        u64 at = guest + *done, physical;
        u64 length = walk_span(&walk, address + *done, chunk_end(at, guest + size) - at, &physical);
        work += walk.table ? (u32)(length / PAGE_SIZE) : 0;
        if (!length)
            return EFAULT;
        u32 error = piece_map(domain, at, physical, length, rights, done);
        if (error || (work >= WORK_MAX && *done < size))
            return error ? error : EAGAIN;
    }
    return 0;
}

/* No entry may have writing without reading. SDM: 29.3.3.1 */
struct answer memory_map_range(struct domain *domain, u64 guest, u64 address, u64 size_and_rights)
{
    u64 size = round_down(size_and_rights, PAGE_SIZE), done = 0;
    u32 rights = size_and_rights & PAGE_MASK;
    if (rights > NESTED_RIGHTS || !(rights & NESTED_READ) || !size || !is_range(guest, size) || address & PAGE_MASK ||
        address + size < address)
        return answer(0, EINVAL);
    u32 error = range_map(domain, guest, address, size, rights, &done);
    return answer(done, error);
}

bool memory_is_flushed(const struct domain *domain)
{
    u64 now = domain->generation;
    for (u32 i = 0; i < DOMAIN_VCPUS_MAX; i++) {
        const struct vcpu *vcpu = domain->vcpus[i];
        if (vcpu && __atomic_load_n(&vcpu->cpu, __ATOMIC_SEQ_CST) &&
            __atomic_load_n(&vcpu->entry_generation, __ATOMIC_SEQ_CST) != now)
            return false;
    }
    return true;
}

/* How far one step from here reaches: to the end of what is not mapped, or of the table. */
static u64 step_end(const struct place *place, u64 guest, u64 end)
{
    if (place->level > 1 && !place->value)
        return min(end, round_down(guest, place->size) + place->size);
    return chunk_end(guest, end);
}

static u32 range_clear(struct domain *domain, u64 guest, u64 size, u64 *done, bool *cleared)
{
    u64 end = guest + size;
    for (u32 work = 0; *done < size && work < WORK_MAX; work += WORK_OF_STEP) {
        struct place place = tables_find(domain, guest + *done);
        u64 to = step_end(&place, guest + *done, end);
        u32 error = tables_clear(domain, &place, guest + *done, to, cleared);
        if (error)
            return error;
        work += place.level == 1 ? (u32)((to - guest - *done) / PAGE_SIZE) : 0;
        *done = to - guest;
    }
    return *done < size ? EAGAIN : 0;
}

/* The other half is flush_stale_mappings in run.c: each CPU reads the generation after it has acquired the vCPU. */
struct answer memory_unmap_range(struct domain *domain, u64 guest, u64 size)
{
    u64 done = 0;
    bool cleared = false;
    if (!is_range(guest, size))
        return answer(0, EINVAL);
    u32 error = range_clear(domain, guest, size, &done, &cleared);
    if (cleared)
        __atomic_add_fetch(&domain->generation, 1, __ATOMIC_SEQ_CST);
    if (!error && !memory_is_flushed(domain))
        error = EAGAIN;
    return answer(done, error);
}

_Static_assert(LUV_DIRTY_PAGES_MAX <= 64, "the answer has a bit for each page");

/* A CPU that has a page cached as dirty does not set the bit again before it flushes: hence a new generation. */
struct answer memory_collect_dirty(struct domain *domain, u64 guest, u32 pages)
{
    u64 dirty = 0, end = guest + pages * PAGE_SIZE;
    if (!nested_has_dirty())
        return answer(0, ENOSYS);
    if (!pages || pages > LUV_DIRTY_PAGES_MAX || !is_range(guest, pages * PAGE_SIZE) || chunk_end(guest, end) != end)
        return answer(0, EINVAL);
    u32 error = tables_collect_dirty(domain, guest, pages, &dirty);
    if (dirty)
        __atomic_add_fetch(&domain->generation, 1, __ATOMIC_SEQ_CST);
    return answer(dirty, error);
}
