/* dom0's memory on this CPU: its tables, and what moves under them. */
#pragma once

#include "types.h"

struct cpu;

/* The tables of a CPU, empty; `pool` is `pages` pages for them. */
void memory_init(struct cpu *cpu, u64 pool, u32 pages);
/* How many pages a CPU's pool wants here. */
u32 memory_pool_pages(u64 ram_end);

/* At an EPT violation: fills, or starts a step. */
void memory_fault(struct cpu *cpu, u64 gpa, bool write);
/* Makes sure that gpa is mapped as its rule says. */
void memory_fill(struct cpu *cpu, u64 gpa);
/* Forgets all mappings of this CPU: they are made again, as the rules are now. */
void memory_reset(struct cpu *cpu);
/* Forgets what this CPU has cached of its tables. */
void memory_flush(struct cpu *cpu);
/* IA32_MTRR_DEF_TYPE was written: the types count again once the MTRRs are on. */
void mtrr_changed(struct cpu *cpu);
/* The guest's view of A20. */
void memory_a20(struct cpu *cpu, bool on);

/* A byte at a port that has an A20 gate. */
u8 a20_port_read(struct cpu *cpu, u16 port);
void a20_port_write(struct cpu *cpu, u16 port, u8 value);

extern u64 ones_page;
