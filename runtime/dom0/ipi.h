/* Whom an interprocessor interrupt means. */
#pragma once

#include "core/types.h"

struct cpu;

/*
 * INIT and start-up IPIs of dom0, carried out by us; `destination` is 8 bits wide from the page, 32 from x2APIC.
 * False: another kind, or one that the processor can do by itself by now, and is to be sent as it is.
 */
bool ipi_emulate(struct cpu *cpu, u32 destination, u32 command);
