/* State of a vCPU as its VMM reads and sets it, in the form of Linux's KVM. The vCPU's VMCS is current. */
#pragma once

#include "domu/domu.h"

#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

/* A new vCPU's, after RESET; dom0's VMCS is current before and after. */
void state_reset(struct cpu *cpu, struct vcpu *vcpu);

/* CR4's bits that this processor has and a domU may have; and, of them, those that this vCPU's CPUID table offers. */
u64 cr4_possible(void);
void cr4_permit(struct vcpu *vcpu, u64 bits);

/* Each reads or fills the area; an errno refuses it, and nothing has changed. */
u32 sregs_get(struct vcpu *vcpu, u8 *area);
u32 sregs_set(struct vcpu *vcpu, const u8 *area);

/* One of the MSRs that hypercalls carry; false: not one of them, or the processor refuses the value. */
bool msr_get(struct vcpu *vcpu, u32 msr, u64 *value);
bool msr_set(struct vcpu *vcpu, u32 msr, u64 value);
