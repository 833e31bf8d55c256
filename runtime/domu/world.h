/* Between dom0 and a domU: which VMCS is current, and the registers that no VMCS switches. */
#pragma once

#include "domu.h"

/* Whether this processor can run domUs: asked once, at boot, when there is a pool. Says what is missing. */
bool domu_init(void);

/* What the preemption timer starts from at each entry: it bounds a vCPU that nothing interrupts. SDM: 26.5.1 */
extern u32 domu_timer;

/* The vCPU's VMCS becomes current, and dom0's again. NMIs know which it is; see nmi.c. */
void vmcs_take(struct cpu *cpu, struct vcpu *vcpu);
void vmcs_return(struct cpu *cpu);

/* Keeps what the processor holds in `leave`, and loads `enter`. */
void world_swap(struct switched *leave, u8 *leave_area, const struct switched *enter, const u8 *enter_area);

/* What one vCPU has taught this CPU's branch predictors is not another's. SDM: 2.1, IA32_PRED_CMD */
void world_barrier(struct cpu *cpu, const struct vcpu *vcpu);

/* What a switched MSR would become: false if the processor refuses the value, or has no such MSR. */
bool swapped_is_valid(u32 msr, u64 value);
/* Its place in `switched.msrs`, or -1. */
int swapped_index(u32 msr);

/* MXCSR bits that this processor has. */
u32 domu_mxcsr_mask(void);
