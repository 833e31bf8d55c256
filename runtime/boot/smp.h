/* The other CPUs. */
#pragma once

#include "core/types.h"

/* Pages of the hidden region that all CPUs need, and their allocation. */
u32 smp_pages(u64 ram_end);
void smp_allocate(u64 ram_end);
/* Puts each of them into VMX operation, where it waits for dom0 to start it. The low page must have been installed. */
void smp_start(bool watch_always);
/* How many have started, the boot CPU included. */
u32 smp_started(void);
