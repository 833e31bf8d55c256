/* The hidden region: where it is, and the allocation of its pages. */
#pragma once

#include "core/types.h"

/* Is [lo, hi) usable memory, without overlap with a range of another type? */
bool region_is_ram(u64 lo, u64 hi);
/* The highest whole superpages of [lowest, end) that are such memory and hold nothing of the loader's; 0: none. */
u64 region_find(u64 bytes, u64 lowest, u64 end);
/* Chooses the highest free superpages below 4 GiB that hold `bytes`, and marks them reserved in the memory map. */
void region_choose(u64 bytes);
/* The usable memory of [lo, hi) gets another type in the map. */
void region_reserve(u64 lo, u64 hi, u32 type);
/* The end of usable memory, and of the usable range at 1 MiB. */
u64 region_ram_end(void);
u64 region_contiguous_end(void);

/* Allocates pages of the region; returns their physical address. */
u64 region_skip(u32 pages);
/* The same, zeroed; only in the final page tables. */
u64 region_take(u32 pages);
