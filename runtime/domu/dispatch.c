/* From the handles of hypercalls to what they stand for, with the caller's right to it. Nothing here is ever freed. */
#include "domain.h"

#include "generated/externs.h"
#include "vmx.h"
#include "walk.h"

static struct domain *domain_at(u64 handle)
{
    u64 index = handle & HANDLE_INDEX_MASK;
    return domains && index < DOMAINS_MAX ? &domains[index] : 0;
}

static bool knows_secret(const struct cpu *cpu, const struct domain *domain)
{
    return !((cpu->guest.r8 ^ domain->secret[0]) | (cpu->guest.r9 ^ domain->secret[1]));
}

static bool is_owner(const struct cpu *cpu, const struct domain *domain)
{
    return knows_secret(cpu, domain) && (vmread(VMCS_GUEST_CR3) & CR3_SPACE) == domain->owner;
}

/* Who only knows the secret, and root, may also go on with the end of one. */
static bool may(const struct cpu *cpu, const struct domain *domain, u32 who)
{
    switch (who) {
    case CALLER_OWNER: return domain->state == DOMAIN_ALIVE && is_owner(cpu, domain);
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
u32 domain_enter(struct cpu *cpu, u64 handle, u32 who, struct domain **found)
{
    handle = handle_resolve(cpu, handle, who);
    struct domain *domain = domain_at(handle);
    if (!domain || !is_for(cpu, domain, handle, who))
        return ENOENT;
    lock_take(&domain->lock);
    if (is_for(cpu, domain, handle, who)) {
        *found = domain;
        return 0;
    }
    lock_give(&domain->lock);
    return ENOENT;
}

void domain_leave(struct domain *domain)
{
    lock_give(&domain->lock);
}

/*
 * Asked before it is taken too: a stranger neither learns that it runs nor keeps it from running. What is read of a slot that
 * changes hands meanwhile counts for nothing: its handle is another one then, when it has been taken.
 */
static bool is_callers(const struct cpu *cpu, const struct vcpu *vcpu, u64 handle)
{
    return __atomic_load_n(&vcpu->handle, __ATOMIC_ACQUIRE) == handle && may(cpu, vcpu->domain, CALLER_OWNER);
}

u32 vcpu_enter(struct cpu *cpu, u64 handle, struct vcpu **found)
{
    u32 slot = (u32)(handle >> HANDLE_VCPU_SHIFT) - 1, none = 0;
    if (!vcpus || slot >= VCPUS_MAX || !is_callers(cpu, &vcpus[slot], handle))
        return ENOENT;
    struct vcpu *vcpu = *found = &vcpus[slot];
    if (!__atomic_compare_exchange_n(&vcpu->cpu, &none, cpu->index + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return EBUSY;
    if (vcpu->handle == handle && vcpu->domain->state == DOMAIN_ALIVE)  /* still: while it is held, so it stays */
        return 0;
    vcpu_leave(vcpu);
    return ENOENT;
}

void vcpu_leave(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->cpu, 0, __ATOMIC_RELEASE);
}
