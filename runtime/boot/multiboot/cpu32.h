/* Instructions and absolute addresses for 32-bit code without paging. */
#pragma once

#include "generated/x86/x86.h"
#include "core/host.h"

/* A physical address, which is a linear one here. The compiler shall not reason about what lies there. */
static inline void *memory_at(u32 address)
{
    void *pointer = (void *)(uintptr_t)address;
    asm("" : "+r"(pointer));
    return pointer;
}

/* CPUID exists if EFLAGS.ID can be changed. SDM: 3.4.3.3 */
static inline bool has_cpuid(void)
{
    u32 before, after;
    asm volatile("pushfl\n\tpushfl\n\txorl %2, (%%esp)\n\tpopfl\n\tpushfl\n\tpopl %0\n\tmovl (%%esp), %1\n\tpopfl"
                 : "=r"(after), "=r"(before)
                 : "i"(RFLAGS_ID)
                 : "cc", "memory");
    return (before ^ after) & RFLAGS_ID;
}
