/* Hidden pages for what domUs need: VMCSs, tables, areas. There are none without a pool. */
#pragma once

#include "core/types.h"

/* `count` pages from `physical` on; the first ones keep the books. */
void pages_init(u64 physical, u32 count);
/* Contiguous, zeroed, physical; 0: there are none. */
u64 page_alloc(u32 count);
void page_free(u64 physical, u32 count);
u32 pages_left(void);
