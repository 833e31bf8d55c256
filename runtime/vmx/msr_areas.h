#pragma once

struct cpu;

/* Fills the CPU's MSR lists and tells the current VMCS of them. */
void msr_areas_write(struct cpu *cpu);
