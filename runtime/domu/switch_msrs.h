/* MSRs that have no VMCS field: the processor loads a vCPU's at each entry, and dom0's at each exit. SDM: 25.7.2, 25.8.2 */
#pragma once

#include "domu/domu.h"
#include "core/host.h"

/* Which of them this processor has; once, at boot. */
void swapped_find(void);
/* The lists into the vCPU's VMCS, with zeros; and those that differ from CPU to CPU alone. */
void swapped_prepare(struct vcpu *vcpu);
void swapped_place(const struct cpu *cpu);
/* All of dom0's, before its first switch on this CPU: later writes of most leave, and are noted. */
void swapped_first(struct cpu *cpu);
/* How many of them, the first in the lists, both sides write as they like. */
extern u32 swapped_moving;

/* What of dom0's may have changed since it was last here. */
static inline void swapped_learn(struct cpu *cpu)
{
    if (unlikely(!cpu->own_known))
        swapped_first(cpu);
    struct msr_entry *own = cpu->own->msrs, *end = own + swapped_moving;
    for (; own < end; own++)
        own->value = host_rdmsr(own->msr);
}

/* A vCPU's value, or 0: not one of these MSRs. */
u64 *swapped_value(struct vcpu *vcpu, u32 msr);
/* Whether the processor would take it. */
bool swapped_is_valid(u32 msr, u64 value);
