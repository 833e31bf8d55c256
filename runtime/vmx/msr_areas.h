#pragma once

struct cpu;

/* Fills the CPU's MSR lists and tells the current VMCS of them. */
void lists_write(struct cpu *cpu);
