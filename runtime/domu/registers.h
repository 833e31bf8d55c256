/* State of a vCPU as its VMM reads and sets it, in the form of Linux's KVM. The vCPU's VMCS is current. */
#pragma once

#include "domu/domu.h"

#define XSAVE_HEADER 512                /* SDM: 14.4.2 */
#define XSAVE_LEGACY 3ull               /* x87 and SSE, in XSTATE_BV */

/* Control registers as the guest sees them, and under them what VMX operation wants. */
u64 cr0_get(void);
u64 cr4_get(void);
void cr0_set(u64 value);
void cr4_set(u64 value);
/* Bits of CR4 that this processor has and a domU may have; and those that this vCPU's CPUID table offers. */
u64 cr4_possible(void);
void cr4_permit(struct vcpu *vcpu, u64 bits);

/* Each takes or fills the area of `size` bytes; an errno refuses it, and nothing has changed. */
u32 sregs_get(struct vcpu *vcpu, u8 *area);
u32 sregs_set(struct vcpu *vcpu, const u8 *area);
u32 debugregs_get(struct vcpu *vcpu, u8 *area);
u32 debugregs_set(struct vcpu *vcpu, const u8 *area);
u32 xsave_get(struct vcpu *vcpu, u8 *area);
u32 xsave_set(struct vcpu *vcpu, const u8 *area);
u32 xcr0_get(struct vcpu *vcpu, u8 *area);
u32 xcr0_set(struct vcpu *vcpu, const u8 *area);
u32 controls_get(struct vcpu *vcpu, u8 *area);
u32 controls_set(struct vcpu *vcpu, const u8 *area);

/* One of the machine's MSRs; false: not one of them, or the processor refuses the value. */
bool msr_get(struct vcpu *vcpu, u32 msr, u64 *value);
bool msr_set(struct vcpu *vcpu, u32 msr, u64 value);

/* IA32_EFER with its long-mode-active bit, and the entry control that goes with it. */
void efer_set(u64 value);
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
