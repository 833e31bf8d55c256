/* MSRs as the guest has them, also those that hold root mode's values while the hypervisor runs. SVM has the same names. */
#pragma once

#include "core/host.h"
#include "generated/x86/externs.h"

/* RDMSR for the guest; not ok: #GP. */
struct msr_value guest_rdmsr_try(struct cpu *cpu, u32 msr);
