/* VM entry, and the exit after it. */
#pragma once
#include "luvalley/luvalley.h"

enum exit_kind vmcall_run(struct vcpu *vcpu);
void vmcall_settle(struct vcpu *vcpu);
void vmcall_answer_msr(struct vcpu *vcpu, uint64_t value, bool fault);
