/* MSRs that have no VMCS field: the processor loads a vCPU's at each entry, and dom0's at each exit. SDM: 25.7.2, 25.8.2 */
#pragma once

#include "domu/domu.h"
#include "core/host.h"

/* Which of them this processor has; once, at boot. */
void switched_msrs_find(void);
/* The lists into the vCPU's VMCS, with zeros; and those that differ from CPU to CPU alone. */
void switched_msrs_prepare(struct vcpu *vcpu);
void switched_msrs_place(const struct cpu *cpu);
/* All of dom0's, before its first switch on this CPU: later writes of most leave, and are noted. */
void switched_msrs_read_all(struct cpu *cpu);
/* How many of them, the first in the lists, both sides write as they like. */
extern u32 switched_msrs_passed;

/* What of dom0's may have changed since it was last here. */
static inline void switched_msrs_refresh(struct cpu *cpu)
{
    if (unlikely(!cpu->dom0_state_known))
        switched_msrs_read_all(cpu);
    struct msr_entry *own = cpu->own->msrs, *end = own + switched_msrs_passed;
    for (; own < end; own++)
        own->value = host_rdmsr(own->msr);
}

/* A vCPU's value, or 0: not one of these MSRs. */
u64 *switched_msr(struct vcpu *vcpu, u32 msr);
/* Whether the processor would take it. */
bool switched_msr_is_valid(u32 msr, u64 value);
