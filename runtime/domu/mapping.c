#include "domu/mapping.h"

#include "generated/externs.h"
#include "generated/x86.h"
#include "domu/pool.h"
#include "domu/reap.h"
#include "domu/tables.h"
#include "domu/walk.h"

/* Of one call: entries looked at, ours or the caller's. */
#define WORK_MAX 8192u
#define WORK_OF_STEP 64u                /* a walk from the top */
#define DIRTY_PAGES_MAX 64u             /* a bit each in the answer */

static struct answer answer(u64 value, u32 error)
{
    return (struct answer){.value = value, .error = error};
}

static u64 chunk_end(u64 guest, u64 end)
{
    return min(end, round_down(guest, PAGE_2M) + PAGE_2M);
}

static bool is_range(u64 guest, u64 size)
{
    return !((guest | size) & PAGE_MASK) && guest <= GUEST_END && size <= GUEST_END - guest;
}

/* A piece that is one in the caller's memory, cut at frames, each of which must be the domain's. */
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
    struct walk walk = walk_caller(rights & EPT_ENTRY_WRITE);
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

/* Pages for tables that a dead one has can be had. */
static u32 reap_for_page(struct cpu *cpu, const struct domain *domain, u32 error)
{
    return error == ENOMEM ? reap(cpu, domain->pool, domain) : error;
}

/* No EPT entry may have writing without reading. SDM: 29.3.3.1 */
struct answer memory_map(struct cpu *cpu, struct domain *domain, u64 guest, u64 address, u64 size_and_rights)
{
    u64 size = round_down(size_and_rights, PAGE_SIZE), done = 0;
    u32 rights = size_and_rights & PAGE_MASK;
    if (rights > EPT_RIGHTS || !(rights & EPT_ENTRY_READ) || !size || !is_range(guest, size) || address & PAGE_MASK ||
        address + size < address)
        return answer(0, EINVAL);
    u32 error = range_map(domain, guest, address, size, rights, &done);
    return answer(done, reap_for_page(cpu, domain, error));
}

bool domain_is_flushed(const struct domain *domain)
{
    u64 now = domain->generation;
    for (u32 i = 0; i < DOMAIN_VCPUS_MAX; i++) {
        const struct vcpu *vcpu = domain->vcpus[i];
        if (vcpu && __atomic_load_n(&vcpu->cpu, __ATOMIC_SEQ_CST) && __atomic_load_n(&vcpu->entry_generation, __ATOMIC_SEQ_CST) != now)
            return false;
    }
    return true;
}

/* How far one step from here goes: to the end of what is not there, or of the table. */
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

/* The other half is tables_take in run.c: each CPU reads the generation after it has taken the vCPU. */
struct answer memory_unmap(struct cpu *cpu, struct domain *domain, u64 guest, u64 size)
{
    u64 done = 0;
    bool cleared = false;
    if (!is_range(guest, size))
        return answer(0, EINVAL);
    u32 error = range_clear(domain, guest, size, &done, &cleared);
    if (cleared)
        __atomic_add_fetch(&domain->generation, 1, __ATOMIC_SEQ_CST);
    if (!error && !domain_is_flushed(domain))
        error = EAGAIN;
    return answer(done, reap_for_page(cpu, domain, error));
}

/* A CPU that knows a page as dirty does not mark it again before it has forgotten that: hence a new generation. */
struct answer memory_dirty(struct cpu *cpu, struct domain *domain, u64 guest, u32 pages)
{
    u64 dirty = 0, end = guest + pages * PAGE_SIZE;
    if (!tables_have_dirty())
        return answer(0, ENOSYS);
    if (!pages || pages > DIRTY_PAGES_MAX || !is_range(guest, pages * PAGE_SIZE) || chunk_end(guest, end) != end)
        return answer(0, EINVAL);
    u32 error = tables_collect_dirty(domain, guest, pages, &dirty);
    if (dirty)
        __atomic_add_fetch(&domain->generation, 1, __ATOMIC_SEQ_CST);
    return answer(dirty, reap_for_page(cpu, domain, error));
}
