/* Model-specific registers: the processor's go to the backend, the APIC's to the APIC, all others are a store. */
#pragma once
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "generated/x86/x86.h"

struct vcpu;

#define MAX_MSRS 512

struct msr_store {
    uint32_t count;
    struct kvm_msr_entry entries[MAX_MSRS];
};

/* Those that the backend keeps in or switches with the processor. */
bool is_machine_msr(uint32_t index);

/* The VMM's calls: KVM_GET_MSR_INDEX_LIST, KVM_GET_MSRS, KVM_SET_MSRS. All are accepted. */
long list_msrs(struct kvm_msr_list *list);
long get_msrs(struct vcpu *vcpu, struct kvm_msrs *msrs);
long set_msrs(struct vcpu *vcpu, const struct kvm_msrs *msrs);

/* The guest's RDMSR and WRMSR, of those that exit. False: #GP. */
bool read_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
bool write_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
