/* Emulated interprocessor interrupts of dom0. */
#pragma once

#include "core/types.h"

struct cpu;

/*
 * Emulates INIT and start-up IPIs; `destination` has 8 bits from the page, 32 from x2APIC. False: the command is to be sent as
 * it is, for it is of another kind, or the watch has ended.
 */
bool ipi_emulate(struct cpu *cpu, u32 destination, u32 command);
