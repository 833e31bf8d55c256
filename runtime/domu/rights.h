/*
 * Who may use what a handle stands for. Inline what every run of a vCPU asks; domains are held by dispatch.c. Nothing here is
 * ever freed, so a handle may be looked at before it is known to be good.
 */
#pragma once

#include "domu/domain.h"
#include "generated/luvalley_abi.h"
#include "vmx/vmx.h"
#include "domu/walk.h"

static inline bool knows_secret(const struct cpu *cpu, const struct domain *domain)
{
    return !((cpu->guest.r8 ^ domain->secret[0]) | (cpu->guest.r9 ^ domain->secret[1]));
}

/* Of a domain that is not at its end. */
static inline bool is_owner(const struct cpu *cpu, const struct domain *domain)
{
    return domain->state == DOMAIN_ALIVE && knows_secret(cpu, domain) && (guest_cr3() & CR3_SPACE) == domain->owner;
}

/*
 * Asked before it is taken: a stranger neither learns that it runs nor keeps it from running. What is read of a slot that
 * changes hands meanwhile counts for nothing: its handle is another one then, when it has been taken.
 */
static inline bool is_callers(const struct cpu *cpu, const struct vcpu *vcpu, u64 handle)
{
    const struct domain *domain = vcpu->domain;
    return __atomic_load_n(&vcpu->handle, __ATOMIC_ACQUIRE) == handle && is_owner(cpu, domain);
}

static inline void vcpu_release(struct vcpu *vcpu)
{
    __atomic_store_n(&vcpu->cpu, 0, __ATOMIC_RELEASE);
}

/* A vCPU is its owner's until vcpu_release(). 0, or the errno. */
static inline u32 vcpu_acquire(struct cpu *cpu, u64 handle, struct vcpu **found)
{
    u32 slot = (u32)(handle >> HANDLE_VCPU_SHIFT) - 1, none = 0;
    struct vcpu *vcpu = *found = &vcpus[slot % VCPUS_MAX];     /* wherever a processor that runs ahead may go */
    if (unlikely(!vcpus || slot >= VCPUS_MAX || !is_callers(cpu, vcpu, handle)))
        return ENOENT;
    if (unlikely(!__atomic_compare_exchange_n(&vcpu->cpu, &none, cpu->index + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
        return EBUSY;
    if (likely(vcpu->handle == handle && vcpu->domain->state == DOMAIN_ALIVE))  /* still: while it is held, so it stays */
        return 0;
    vcpu_release(vcpu);
    return ENOENT;
}
