/* An access of the guest to a device: done here, or asked of the VMM. */
#pragma once
#include <stdbool.h>

struct vcpu;

/* True: it is done and answered. False: kvm_run asks the VMM, and finish_access belongs to the next KVM_RUN. */
bool do_access(struct vcpu *vcpu);

/* The VMM has answered what was asked, if anything was. */
void finish_access(struct vcpu *vcpu);
