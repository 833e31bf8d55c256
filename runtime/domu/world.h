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

/* Around all entries of one run: what no VMCS switches becomes the vCPU's, and dom0's again. */
void world_enter_guest(struct cpu *cpu, struct vcpu *vcpu);
void world_leave_guest(struct cpu *cpu, struct vcpu *vcpu);

/* The guest has the debug registers from here to the end of this run. */
void debug_load(struct cpu *cpu);
/* After a change of its DR7, which is in the current VMCS. */
void debug_note(struct vcpu *vcpu);

/* MXCSR bits that this processor has. */
u32 domu_mxcsr_mask(void);
