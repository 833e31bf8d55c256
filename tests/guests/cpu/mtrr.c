/* MTRRs: changed by the sequence of SDM 12.11.8 (caches off, MTRRs off, change, on), memory keeps its content. */
#include "kit.h"

#define VARIABLE_BASE(n) (IA32_MTRR_PHYS + 2 * (n))
#define VARIABLE_MASK(n) (IA32_MTRR_PHYS + 1 + 2 * (n))
#define PROBE_AT 0x4000000ull

static u64 kept_def;

static void open_mtrrs(void)
{
    write_cr0((read_cr0() | CR0_CD) & ~CR0_NW);
    __asm__ volatile("wbinvd");
    kept_def = rdmsr(IA32_MTRR_DEF_TYPE);
    wrmsr(IA32_MTRR_DEF_TYPE, kept_def & ~MTRR_DEF_TYPE_ENABLE);
}

static void close_mtrrs(u64 def)
{
    wrmsr(IA32_MTRR_DEF_TYPE, def);
    __asm__ volatile("wbinvd");
    write_cr0(read_cr0() & ~(CR0_CD | CR0_NW));
}

static void check_memory(const char *name)
{
    static volatile u64 here;
    volatile u64 *there = (volatile u64 *)PROBE_AT, *low = (volatile u64 *)0x50000;

    here = *there = *low = 0xA5A5;
    cpuid(0, 0);
    check(name, here + *there + *low, 3 * 0xA5A5);
}

CASE(mtrr_variable)
{
    u32 last_range = (rdmsr(IA32_MTRRCAP) & 0xFF) - 1;
    u64 base = rdmsr(VARIABLE_BASE(last_range)), mask = rdmsr(VARIABLE_MASK(last_range));
    u64 bits = (1ull << (cpuid(0x80000008, 0).eax & 0xFF)) - 1;

    open_mtrrs();
    check_memory("memory while MTRRs are off");
    wrmsr(VARIABLE_BASE(last_range), PROBE_AT | 0);
    wrmsr(VARIABLE_MASK(last_range), (bits & ~0xFFFFFFull) | MTRR_DEF_TYPE_ENABLE);
    close_mtrrs(kept_def);
    check("variable range base", rdmsr(VARIABLE_BASE(last_range)), PROBE_AT);
    check("variable range mask", rdmsr(VARIABLE_MASK(last_range)), (bits & ~0xFFFFFFull) | MTRR_DEF_TYPE_ENABLE);
    check_memory("memory with another range");
    check("MTRR default type register", rdmsr(IA32_MTRR_DEF_TYPE), kept_def);
    open_mtrrs();
    wrmsr(VARIABLE_MASK(last_range), mask);
    wrmsr(VARIABLE_BASE(last_range), base);
    close_mtrrs(kept_def);
    check_memory("memory with the original range");
}

CASE(mtrr_fixed)
{
    u64 first = rdmsr(IA32_MTRR_FIX64K_00000), rom = rdmsr(IA32_MTRR_FIX4K_C0000);

    open_mtrrs();
    wrmsr(IA32_MTRR_FIX64K_00000, 0x0006060606060606);
    wrmsr(IA32_MTRR_FIX4K_C0000, 0x0505050505050505);
    close_mtrrs(kept_def | 0x400);
    check("fixed range of low memory", rdmsr(IA32_MTRR_FIX64K_00000), 0x0006060606060606);
    check("fixed range of ROM", rdmsr(IA32_MTRR_FIX4K_C0000), 0x0505050505050505);
    check_memory("memory with other fixed ranges");
    open_mtrrs();
    wrmsr(IA32_MTRR_FIX64K_00000, first);
    wrmsr(IA32_MTRR_FIX4K_C0000, rom);
    close_mtrrs(kept_def & ~0x400ull);
    check_memory("memory without fixed ranges");
    open_mtrrs();
    close_mtrrs(kept_def | 0x400);
    check_memory("memory with fixed ranges");
}

CASE(mtrr_default)
{
    u64 before = rdmsr(IA32_MTRR_DEF_TYPE);

    open_mtrrs();
    close_mtrrs((before & ~0xFFull) | 6);
    check_memory("memory with default type WB");
    open_mtrrs();
    close_mtrrs((before & ~0xFFull) | 0);
    check_memory("memory with default type UC");
    wrmsr(IA32_MTRR_DEF_TYPE, before);
    check("the original default type", rdmsr(IA32_MTRR_DEF_TYPE), before);
    if (is_hypervised())
        check("hidden memory after MTRR changes", *(volatile u64 *)hidden_base(), ~0ull);
}

/* Many changes, without that sequence: the hypervisor does not run out of pages for EPT tables. */
CASE(mtrr_often)
{
    u64 base = rdmsr(VARIABLE_BASE(1)), mask = rdmsr(VARIABLE_MASK(1));

    for (u32 i = 0; i < 300; i++) {
        wrmsr(VARIABLE_BASE(1), 0x8000000 + (u64)i * 0x1000);
        wrmsr(VARIABLE_MASK(1), 0xFFFFFF000ull | MTRR_DEF_TYPE_ENABLE);
        *(volatile u32 *)(u64)(0x8000000 + i * 0x1000) = i;
    }
    u64 differing = 0;
    for (u32 i = 0; i < 300; i++)
        differing += *(volatile u32 *)(u64)(0x8000000 + i * 0x1000) != i;
    check("pages that lost what was written among 300 changes", differing, 0);
    wrmsr(VARIABLE_MASK(1), mask);
    wrmsr(VARIABLE_BASE(1), base);
    check_memory("memory after 300 changes");
}
