#include "domu/reap.h"

#include "domu/domain.h"
#include "generated/externs.h"
#include "domu/walk.h"

/* Its tables may be anything by now: only one that is alive still has the page of the device there. */
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

/* Whoever has its lock may be about to end it: so that counts as something to gain, and nobody waits here. */
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

u32 reap(struct cpu *cpu, u32 pool, const struct domain *held)
{
    for (u32 i = 0; i < DOMAINS_MAX; i++)
        if (&domains[i] != held && reap_one(cpu, &domains[i], pool))
            return EAGAIN;
    return ENOMEM;
}
