/* A guest's calls of KVM: Linux, Documentation/virt/kvm/x86/hypercalls.rst */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/* What the guest finds in RAX. `wide`: it called from 64-bit code. */
int64_t answer_kvm_hypercall(struct vcpu *vcpu, uint64_t number, const uint64_t arguments[4], bool wide);
