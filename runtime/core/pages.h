/* Hidden pages for what domUs need: VMCSs, tables, save areas. There are none without a pool. */
#pragma once

#include "core/types.h"

/* `count` pages from `physical` on; the first ones hold the bitmap of used pages. */
void pages_init(u64 physical, u32 count);
/* The physical address of contiguous, zeroed pages; 0: there are none. */
u64 page_alloc(u32 count);
void page_free(u64 physical, u32 count);
u32 pages_left(void);
