/* The hypervisor's own tables: exact rights for itself, everything else readable at DM_VA. SDM: 4.5 */
#pragma once

#include "core/types.h"

/* How many pages the tables want that map so much of our own, too. */
u32 paging_pages(u64 ram_end, u64 own);
/* Makes them, in the boot world, at `at`; the first is the root. */
void paging_build(u64 at, u64 ram_end);

/* Takes a page of the region out of the tables: a guard below a stack. */
void paging_guard(const void *page);
/* Maps the AP trampoline's page where it is, and takes it out again. */
void paging_identity(u64 page);
void paging_identity_end(void);
/* Forgets what this CPU has cached of the tables. */
void paging_flush(void);
