/* Ports and memory of devices. */
#pragma once
#include "luvalley/luvalley.h"

enum exit_kind handle_io(struct vcpu *vcpu);
enum exit_kind handle_nested_page_fault(struct vcpu *vcpu);
void begin_instruction(struct vcpu *vcpu);
void inject_emulated_fault(struct vcpu *vcpu);
/* After an answer. True: `kind` is the next exit; false: the guest can run. */
bool continue_emulation(struct vcpu *vcpu, enum exit_kind *kind);
void vmcall_answer_access(struct vcpu *vcpu);
enum exit_kind report_internal(struct vcpu *vcpu, uint32_t error);
