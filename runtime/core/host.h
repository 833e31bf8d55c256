/* Instructions that C cannot express, in root mode. */
#pragma once

#include "generated/x86/structs.h"
#include "core/types.h"

/* `ok` is false where RDMSR raised #GP. */
struct msr_value {
    u64 value;
    bool ok;
};

static inline struct regs4 host_cpuid(u32 leaf, u32 subleaf)
{
    struct regs4 r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline u64 host_rdmsr(u32 msr)
{
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void host_wrmsr(u32 msr, u64 value)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* Only with CR4.PKE. */
static inline u32 host_rdpkru(void)
{
    u32 value, high;
    asm volatile("rdpkru" : "=a"(value), "=d"(high) : "c"(0));
    return value;
}

static inline u64 host_rdtsc(void)
{
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static inline u8 host_in8(u16 port)
{
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void host_out8(u16 port, u8 value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void host_wbinvd(void)
{
    asm volatile("wbinvd" : : : "memory");
}

static inline void host_pause(void)
{
    asm volatile("pause" : : : "memory");
}

/* host_read_cr0() and so on. */
#define HOST_READ(name)                                                 \
    static inline u64 host_read_##name(void)                            \
    {                                                                   \
        u64 value;                                                      \
        asm volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value;                                                   \
    }
#define HOST_WRITE(name)                                            \
    static inline void host_write_##name(u64 value)                 \
    {                                                               \
        asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
    }

HOST_READ(cr0)
HOST_READ(cr2)
HOST_READ(cr3)
HOST_READ(cr4)
HOST_READ(dr6)
HOST_WRITE(cr0)
HOST_WRITE(cr2)
HOST_WRITE(cr3)
HOST_WRITE(cr4)
HOST_WRITE(dr6)

static inline void host_clear_breakpoints(void)
{
    u64 none = 0;
    asm volatile("mov %0, %%db0; mov %0, %%db1; mov %0, %%db2; mov %0, %%db3" : : "r"(none));
}

static inline void host_monitor(const volatile void *address)
{
    asm volatile("monitor" : : "a"(address), "c"(0), "d"(0) : "memory");
}

static inline void host_mwait(void)
{
    asm volatile("mwait" : : "a"(0), "c"(0) : "memory");
}

/* These survive a #GP: see traps.asm. */
struct msr_value host_rdmsr_try(u32 msr);
bool host_wrmsr_try(u32 msr, u64 value);
bool host_xsetbv_try(u32 index, u64 value);

__attribute__((noreturn)) void host_halt(void);
