/* Interrupts and NMIs: injected when the guest can accept them, else at a window. */
#pragma once
#include "luvalley/luvalley.h"

void inject_nmi(struct vcpu *vcpu); /* if one is pending and the guest can accept it */
bool vmcall_can_interrupt(struct vcpu *vcpu);
void vmcall_interrupt(struct vcpu *vcpu, uint8_t vector);
void vmcall_request_window(struct vcpu *vcpu, bool requested);
void vmcall_nmi(struct vcpu *vcpu);
