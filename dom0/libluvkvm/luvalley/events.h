/* The event that is injected at the next VM entry, and how KVM shows it. */
#pragma once
#include "luvalley/luvalley.h"

void inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_code, uint32_t code);
void inject_page_fault(struct vcpu *vcpu, uint64_t linear, uint32_t code);
void get_events_of(struct vcpu *vcpu, struct kvm_vcpu_events *events);
void set_events_of(struct vcpu *vcpu, const struct kvm_vcpu_events *events);
