/* Exceptions in root mode. SDM: 6.14 */
#pragma once

#include "core/types.h"

/* Builds the IDT, once. */
void traps_init(void);
/* Loads it on this CPU. */
void traps_load(void);
/* Its address, for the VMCS. */
u64 traps_base(void);
