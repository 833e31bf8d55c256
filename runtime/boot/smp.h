/* The other CPUs. */
#pragma once

#include "core/types.h"

/* Pages of the hidden region that all CPUs want, and their allocation. */
u32 smp_pages(u64 ram_end);
void smp_allocate(u64 ram_end);
/* Takes each of them into VMX operation, where it waits for dom0. The low page is in its place. */
void smp_start(bool watch_always);
/* How many are there, the boot CPU among them. */
u32 smp_started(void);
