/* From the handles of domains to what they stand for, with the caller's right to it, under their locks. */
#include "domu/rights.h"

#include "generated/externs.h"

static struct domain *domain_at(u64 handle)
{
    u64 index = handle & HANDLE_INDEX_MASK;
    return domains && index < DOMAINS_MAX ? &domains[index_nospec(index, DOMAINS_MAX)] : 0;
}

/* Who only knows the secret, and root, may also go on with the end of one. */
static bool may(const struct cpu *cpu, const struct domain *domain, u32 who)
{
    switch (who) {
    case CALLER_OWNER: return is_owner(cpu, domain);
    case CALLER_SECRET: return domain->state != DOMAIN_FREE && knows_secret(cpu, domain);
    case CALLER_ROOT: return domain->state != DOMAIN_FREE;
    default: return false;
    }
}

/* Handle 0 is the one with the caller's secret. */
static u64 handle_resolve(const struct cpu *cpu, u64 handle, u32 who)
{
    for (u32 i = 0; !handle && domains && who == CALLER_SECRET && i < DOMAINS_MAX; i++)
        if (may(cpu, &domains[i], who))
            handle = domains[i].handle;
    return handle;
}

static bool is_for(const struct cpu *cpu, const struct domain *domain, u64 handle, u32 who)
{
    return handle && domain->handle == handle && may(cpu, domain, who);
}

/* Asked before too: a stranger waits for nobody's lock, nor does anybody for a stranger. */
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
