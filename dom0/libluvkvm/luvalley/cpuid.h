/* CPUID, and what the guest's CPUID table permits: CR4, XCR0, instructions. */
#pragma once
#include "luvalley/luvalley.h"

int vmcall_get_cpuid(struct kvm_cpuid_entry2 *entries, int max);
int vmcall_set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *table);
void vmcall_answer_cpuid(struct vcpu *vcpu, const uint32_t registers[4]);
int set_controls(struct vcpu *vcpu);
bool set_xcr0(struct vcpu *vcpu, uint32_t which, uint64_t value);
