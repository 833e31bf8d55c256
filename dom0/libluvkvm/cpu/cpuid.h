/* What the guest's CPUID says: the table offered to the VMM, and the one it chose. */
#pragma once
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct backend;
struct vcpu;

#define MAX_LEAVES 256

struct cpuid_table {
    uint32_t count;
    struct kvm_cpuid_entry2 entries[MAX_LEAVES];
};

/* KVM_GET_SUPPORTED_CPUID. */
long get_supported_cpuid(const struct backend *backend, struct kvm_cpuid2 *table);

/* KVM_SET_CPUID2, KVM_GET_CPUID2. */
long set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *table);
long get_cpuid(struct vcpu *vcpu, struct kvm_cpuid2 *table);

/* The guest executed CPUID: EAX, EBX, ECX, EDX. */
void answer_leaf(struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t registers[4]);
