/*
 * MSRs that have no VMCS field: the processor loads a vCPU's values at each entry, and dom0's at each exit, from MSR areas.
 * SDM: 25.7.2, 25.8.2
 */
#pragma once

#include "core/host.h"
#include "domu/domu.h"

/* Once, at boot: which of them this processor has. */
void switched_msrs_find(void);
/* The current VMCS uses the vCPU's area; the guest's values are 0. */
void switched_msrs_prepare(struct vcpu *vcpu);
/* The same for what differs from CPU to CPU: exits load this CPU's values of dom0. */
void switched_msrs_place(const struct cpu *cpu);
/* Reads all of dom0's, before the first switch on this CPU: later writes of most cause exits, which record the value. */
void switched_msrs_read_all(struct cpu *cpu);
/* How many, the first in the areas, both sides may write without an exit. */
extern u32 switched_msrs_passed;

/* Reads those of dom0's that it may have written without an exit. */
static inline void switched_msrs_refresh(struct cpu *cpu)
{
    if (unlikely(!cpu->dom0_state_known))
        switched_msrs_read_all(cpu);
    struct msr_entry *msr = cpu->dom0_state->msrs, *end = msr + switched_msrs_passed;
    for (; msr < end; msr++)
        msr->value = host_rdmsr(msr->msr);
}

/* A vCPU's value; 0: not one of these MSRs. */
u64 *switched_msr(struct vcpu *vcpu, u32 msr);
/* The processor accepts the value. */
bool switched_msr_is_valid(u32 msr, u64 value);
