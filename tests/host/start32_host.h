/* Included before every *.32.c of a host test: functions of the test replace the processor and low memory. */
#pragma once

#define host_cpuid processor_cpuid
#define host_rdmsr processor_rdmsr
#define host_in8 processor_in8
#define host_out8 processor_out8
#define memory_at processor_memory_at
#define has_cpuid processor_has_cpuid
#include "boot/multiboot/cpu32.h"
#undef host_cpuid
#undef host_rdmsr
#undef host_in8
#undef host_out8
#undef memory_at
#undef has_cpuid

struct regs4 host_cpuid(u32 leaf, u32 subleaf);
u64 host_rdmsr(u32 msr);
u8 host_in8(u16 port);
void host_out8(u16 port, u8 value);
void *memory_at(u32 address);
bool has_cpuid(void);
