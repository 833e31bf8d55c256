/* MSRs that have no VMCS field: the processor loads a vCPU's at each entry, and dom0's at each exit. SDM: 25.7.2, 25.8.2 */
#pragma once

#include "domu.h"

/* Which of them this processor has; once, at boot. */
void swapped_find(void);
/* The lists into the vCPU's VMCS, with zeros; and those that differ from CPU to CPU alone. */
void swapped_prepare(struct vcpu *vcpu);
void swapped_place(const struct cpu *cpu);
/* What of dom0's may have changed since it was last here. */
void swapped_learn(struct cpu *cpu);

/* A vCPU's value, or 0: not one of these MSRs. */
u64 *swapped_value(struct vcpu *vcpu, u32 msr);
/* Whether the processor would take it. */
bool swapped_is_valid(u32 msr, u64 value);
