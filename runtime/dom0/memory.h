/* dom0's memory on this CPU: its tables, and what moves under them. */
#pragma once

#include "generated/externs.h"
#include "core/types.h"

/* The tables of a CPU, empty; `pool` is `pages` pages for them. */
void memory_init(struct cpu *cpu, u64 pool, u32 pages);
/* How many pages a CPU's pool wants here. */
u32 memory_pool_pages(u64 ram_end);

/* Makes sure that gpa is mapped as its rule says. */
void memory_fill(struct cpu *cpu, u64 gpa);
/* Forgets all mappings of this CPU: they are made again, as the rules are now. */
void memory_reset(struct cpu *cpu);
/* Forgets what this CPU has cached of its tables. */
void memory_flush(struct cpu *cpu);
/* The guest's view of A20. */
void memory_a20(struct cpu *cpu, bool on);

extern u64 ones_page;
