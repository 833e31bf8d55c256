#include "domu/frames.h"

#include "generated/externs.h"
#include "core/layout.h"
#include "domu/mapping.h"
#include "domu/pool.h"
#include "domu/reap.h"
#include "core/string.h"

#define FREED_PER_CALL 32768u

/* The one that is wanted, or the next from where the last one was found; `frames` if there is none. */
static u32 find(struct pool *pool, u64 hint)
{
    if (hint < pool->frames && !pool->frame[index_nospec(hint, pool->frames)].owner)
        return (u32)hint;
    for (u32 i = 0; pool->free && i < pool->frames; i++) {
        u32 number = (pool->next + i) % pool->frames;
        if (!pool->frame[number].owner)
            return pool->next = number;
    }
    return pool->frames;
}

static u32 take(struct pool *pool, u64 hint, u32 domain)
{
    lock_acquire(&pool->lock);
    u32 number = find(pool, hint);
    if (number < pool->frames) {
        pool->frame[number].owner = (u8)(domain + 1);
        pool->free--;
    }
    lock_release(&pool->lock);
    return number;
}

static void give(struct pool *pool, struct frame *frame)
{
    lock_acquire(&pool->lock);
    *frame = (struct frame){.dirty = true};
    pool->free++;
    lock_release(&pool->lock);
}

struct answer superpage_claim(struct cpu *cpu, struct domain *domain, u64 hint)
{
    (void)cpu;
    struct pool *pool = &pools[domain->pool];
    u32 number = take(pool, hint, domain->index);
    if (number == pool->frames)
        return (struct answer){.error = reap(cpu, domain->pool, domain)};
    if (pool->frame[number].dirty)
        memset(phys(pool->base + number * SUPERPAGE_SIZE), 0, SUPERPAGE_SIZE);
    domain->frames++;
    return (struct answer){.value = number};
}

struct answer superpage_release(struct cpu *cpu, struct domain *domain, u64 number)
{
    (void)cpu;
    struct pool *pool = &pools[domain->pool];
    struct frame *frame = &pool->frame[index_nospec(number, pool->frames)];
    if (number >= pool->frames || frame->owner != domain->index + 1)
        return (struct answer){.error = EINVAL};
    if (frame->pages || frame->vcpu_areas)
        return (struct answer){.error = EBUSY};
    if (!domain_is_flushed(domain))
        return (struct answer){.error = EAGAIN};
    give(pool, frame);
    domain->frames--;
    return (struct answer){.error = 0};
}

bool superpages_free(struct domain *domain)
{
    struct pool *pool = &pools[domain->pool];
    u32 end = domain->freed + FREED_PER_CALL < pool->frames ? domain->freed + FREED_PER_CALL : pool->frames;
    for (; domain->freed < end && domain->frames; domain->freed++) {
        if (pool->frame[domain->freed].owner != domain->index + 1)
            continue;
        give(pool, &pool->frame[domain->freed]);
        domain->frames--;
    }
    return !domain->frames;
}
