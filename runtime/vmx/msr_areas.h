#pragma once

struct cpu;

/* Fills the CPU's MSR areas; the current VMCS uses them. */
void msr_areas_write(struct cpu *cpu);
