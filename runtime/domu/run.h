/* A vCPU's registers between its VMM and the processor. */
#pragma once

#include "domu.h"

/* From the current VMCS and struct cpu into the run page. */
void registers_give(const struct cpu *cpu, struct luv_run *run);
/* The same, and all else that every exit tells. */
void run_give(struct cpu *cpu, struct vcpu *vcpu);
