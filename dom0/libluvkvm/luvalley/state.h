/* The processor's state as a whole. */
#pragma once
#include "luvalley/luvalley.h"

int vmcall_get_state(struct vcpu *vcpu, enum state what, void *data);
int vmcall_set_state(struct vcpu *vcpu, enum state what, void *data);
int vmcall_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int vmcall_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
int vmcall_set_debug(struct vcpu *vcpu, struct kvm_guest_debug *debug);
