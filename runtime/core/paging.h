/* The hypervisor's page tables: its image with exact rights, all other memory at DM_VA. SDM: 4.5 */
#pragma once

#include "core/types.h"

/* How many pages the tables need, with `own` bytes of hidden memory. */
u32 paging_pages(u64 ram_end, u64 own);
/* Builds them at `at`, while the boot tables are in use; the first is the root. */
void paging_build(u64 at, u64 ram_end);

/* Unmaps a page of the hidden region: a guard below a stack. */
void paging_guard(const void *page);
/* Maps the AP trampoline's page at its physical address, and unmaps it. */
void paging_identity(u64 page);
void paging_identity_end(void);
/* Flushes what this CPU has cached of the tables. */
void paging_flush(void);
