/* dom0's guest-physical memory on this CPU: its tables, and what changes the rules that they follow. */
#pragma once

#include "generated/x86/externs.h"
#include "core/types.h"

/* Empty tables for a CPU, which may use `pages` pages from `pool` on. */
void memory_init(struct cpu *cpu, u64 pool, u32 pages);
/* How many pages a CPU's tables need here. */
u32 memory_pool_pages(u64 ram_end);

/* Maps gpa as its rule says. */
void memory_fill(struct cpu *cpu, u64 gpa);
/* Drops all mappings of this CPU: they are filled again by the rules as they are then. */
void memory_reset(struct cpu *cpu);
/* Flushes what this CPU has cached of its tables. */
void memory_flush(struct cpu *cpu);
/* A20 as dom0 has set it. */
void memory_a20(struct cpu *cpu, bool on);

extern u64 ones_page;
