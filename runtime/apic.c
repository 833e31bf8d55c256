#include "apic.h"

#include "cpu.h"
#include "generated/x86.h"
#include "host.h"

bool apic_watching;

u32 apic_read(u32 offset)
{
    (void)offset;
    return 0;
}

void apic_send(u32 apic_id, u32 command)
{
    (void)apic_id;
    (void)command;
}

void apic_written(struct cpu *cpu, u32 offset, u32 value)
{
    (void)cpu;
    (void)offset;
    (void)value;
}

void apic_watch_update(struct cpu *cpu)
{
    (void)cpu;
}

bool apic_base_write(struct cpu *cpu, u64 value)
{
    (void)cpu;
    return host_wrmsr_try(IA32_APIC_BASE, value);
}

void apic_icr_write(struct cpu *cpu, u64 value)
{
    (void)cpu;
    host_wrmsr_try(IA32_X2APIC_ICR, value);
}
