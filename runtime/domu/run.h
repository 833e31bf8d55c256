/* A vCPU's registers between its VMM and the processor. */
#pragma once

#include "domu/domu.h"
#include "generated/vmcs.h"

/* What of an event's word is the event: the fields that have one share their layout. SDM: 25.8.3, 25.9.3 */
#define EVENT_BITS                                                                                                           \
    (VM_ENTRY_INTERRUPTION_INFO_VALID | VM_ENTRY_INTERRUPTION_INFO_ERROR_CODE_VALID | VM_ENTRY_INTERRUPTION_INFO_TYPE_MASK | \
     VM_ENTRY_INTERRUPTION_INFO_VECTOR_MASK)

/* General registers but RSP, between the run page and struct cpu, where handlers look for them. */
void load_registers(struct cpu *cpu, const struct luv_run *run);
void store_registers(const struct cpu *cpu, struct luv_run *run);
/* From the current VMCS into the run page: what every exit tells. */
void store_run(struct vcpu *vcpu);
/* What was put into the entry and did not come to it, ready to be given again. */
void cancel_injection(struct luv_run *run);
