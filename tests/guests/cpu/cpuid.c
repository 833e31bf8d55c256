/* CPUID: leaves that pass through, features that are masked, registers that are preserved, and the cost of the exit. */
#include "kit.h"

#define LOOPS 2000u

static void record_leaf(const char *name, u32 leaf, u32 subleaf)
{
    struct regs4 r = cpuid(leaf, subleaf);

    RECORD(name, r.eax, r.ebx, r.ecx, r.edx);
}

CASE(cpuid_passed)
{
    record_leaf("cpuid 0", 0, 0);
    record_leaf("cpuid 2", 2, 0);
    record_leaf("cpuid 4.0", 4, 0);
    record_leaf("cpuid 4.1", 4, 1);
    record_leaf("cpuid 4.3", 4, 3);
    record_leaf("cpuid 80000000", 0x80000000, 0);
    record_leaf("cpuid 80000002", 0x80000002, 0);
    record_leaf("cpuid 80000003", 0x80000003, 0);
    record_leaf("cpuid 80000004", 0x80000004, 0);
    record_leaf("cpuid 80000006", 0x80000006, 0);
    record_leaf("cpuid 80000008", 0x80000008, 0);
    record_leaf("cpuid d.0", 0xD, 0);
    record_leaf("cpuid d.2", 0xD, 2);
    RECORD("cpuid 1 signature and APIC", cpuid(1, 0).eax, cpuid(1, 0).ebx);
    record_leaf("cpuid b.0", 0xB, 0);
    record_leaf("cpuid b.1", 0xB, 1);
}

CASE(cpuid_features)
{
    subset("cpuid 1.ecx", cpuid(1, 0).ecx & ~CPUID_HYPERVISOR);
    subset("cpuid 1.edx", cpuid(1, 0).edx);
    subset("cpuid 6.eax", cpuid(6, 0).eax);
    subset("cpuid 7.0.ebx", cpuid(7, 0).ebx);
    subset("cpuid 7.0.ecx", cpuid(7, 0).ecx);
    subset("cpuid 7.0.edx", cpuid(7, 0).edx);
    subset("cpuid d.1.eax", cpuid(0xD, 1).eax);
    subset("cpuid 80000001.ecx", cpuid(0x80000001, 0).ecx);
    subset("cpuid 80000001.edx", cpuid(0x80000001, 0).edx);
    if (!is_hypervised())
        return;
    check("cpuid hides vmx and smx", cpuid(1, 0).ecx & (CPUID_VMX | CPUID_SMX), 0);
    check("cpuid shows a hypervisor", cpuid(1, 0).ecx & CPUID_HYPERVISOR, CPUID_HYPERVISOR);
    check_true("cpuid 40000000 returns the highest hypervisor leaf",
               cpuid(0x40000000, 0).eax >= 0x40000001 && cpuid(0x40000000, 0).eax < 0x40000100);
    check("cpuid 40000001 is the version of the hypercalls", cpuid(0x40000001, 0).eax, hypervisor_info(0));
}

CASE(cpuid_osxsave)
{
    u64 cr4 = read_cr4();

    write_cr4(cr4 | CR4_OSXSAVE);
    check("cpuid: OSXSAVE set with CR4", cpuid(1, 0).ecx & CPUID_OSXSAVE, CPUID_OSXSAVE);
    write_cr4(cr4 & ~(u64)CR4_OSXSAVE);
    check("cpuid: OSXSAVE clear with CR4", cpuid(1, 0).ecx & CPUID_OSXSAVE, 0);
    write_cr4(cr4);
}

/* A loop of five instructions, CPUID among them. The caller reads the TSC before and after it, in ring 0. */
static void loop(void *argument)
{
    u32 rounds = *(u32 *)argument;

    __asm__ volatile("1: mov $1, %%eax; xor %%ecx, %%ecx; cpuid; dec %0; jnz 1b"
                     : "+r"(rounds)
                     :
                     : "eax", "ebx", "ecx", "edx", "cc");
}

CASE(cpuid_cost)
{
    u32 rounds = 10;
    u64 start;

    loop(&rounds);
    rounds = LOOPS;
    start = rdtsc();
    loop(&rounds);
    figure("cpuid ring 0", (rdtsc() - start) / LOOPS);
    start = rdtsc();
    int vector = attempt_user(loop, &rounds);
    figure("cpuid ring 3", (rdtsc() - start) / LOOPS);
    check("cpuid in ring 3", outcome(vector), outcome(-1));
}

extern u64 cpuid_around[32];            /* 15 registers and flags before, then after */
void cpuid_keeps(void);

CASE(cpuid_keeps_state)
{
    static const char *const names[] = {"rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "flags"};
    u64 differing = 0;

    cpuid_keeps();
    for (u32 i = 0; i < 12; i++)
        if (cpuid_around[i] != cpuid_around[16 + i]) {
            print("differs: %s %x %x\n", names[i], cpuid_around[i], cpuid_around[16 + i]);
            differing++;
        }
    check("cpuid: other registers changed", differing, 0);
    check("cpuid clears bits 63:32 of its results", cpuid_around[28] | cpuid_around[29] | cpuid_around[30] | cpuid_around[31],
          0);
}

CASE(cpuid_keeps_system_state)
{
    u64 cr4 = read_cr4();

    write_cr2(0x123456789000);
    write_cr8(5);
    write_dr0(0x1234);
    write_dr7(0x400 | 0x300);
    cpuid(0, 0);
    RECORD("system state after cpuid", read_cr2(), read_cr8(), read_dr0(), read_dr7(), read_dr6(), read_cr0(), read_cr3(),
           cr4 == read_cr4());
    write_dr7(0x400);
    write_cr8(0);
}

CASE(cpuid_keeps_vectors)
{
    u64 before[4] = {0x1122334455667788, 0x99AABBCCDDEEFF00, 0x0123456789ABCDEF, 0xFEDCBA9876543210}, after[4];

    write_cr0((read_cr0() & ~4ull) | 2);
    write_cr4(read_cr4() | 0x600);
    __asm__ volatile(
        "movups (%0), %%xmm0; movups 16(%0), %%xmm15; xor %%eax, %%eax; cpuid; movups %%xmm0, (%1); movups %%xmm15, 16(%1)"
        :
        : "S"(before), "D"(after)
        : "eax", "ebx", "ecx", "edx", "memory");
    check("cpuid keeps xmm0 and xmm15",
          (before[0] ^ after[0]) | (before[1] ^ after[1]) | (before[2] ^ after[2]) | (before[3] ^ after[3]), 0);
}
