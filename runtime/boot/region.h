/* The hidden region: which memory it is, and who gets which page of it. */
#pragma once

#include "core/types.h"

/* Whether [lo, hi) is usable memory, not overlapped by anything else of the map. */
bool region_is_ram(u64 lo, u64 hi);
/* The highest whole 2 MiB blocks of [lowest, end) that are such memory and hold nothing of the loader's; 0: none. */
u64 region_find(u64 bytes, u64 lowest, u64 end);
/* Picks the highest free 2 MiB blocks below 4 GiB that hold `bytes`, and takes them out of the machine's map. */
void region_choose(u64 bytes);
/* What is usable of [lo, hi) becomes another type of the map. */
void region_reserve(u64 lo, u64 hi, u32 type);
/* The end of usable memory, and of what lies without a gap above 1 MiB. */
u64 region_ram_end(void);
u64 region_contiguous_end(void);

/* The next pages of the region; physical. */
u64 region_skip(u32 pages);
/* The same, zeroed; only in the final address space. */
u64 region_take(u32 pages);
