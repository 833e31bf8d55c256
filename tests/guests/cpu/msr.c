/* MSRs: passed, filtered and unknown ones, from all modes. */
#include "kit.h"

struct access {
    u32 msr;
    u64 value;
};

static void do_read(void *argument)
{
    ((struct access *)argument)->value = rdmsr(((struct access *)argument)->msr);
}
static void do_write(void *argument)
{
    wrmsr(((struct access *)argument)->msr, ((struct access *)argument)->value);
}

static u64 try_read(u32 msr)
{
    struct access access = {msr, 0};
    return outcome(attempt(do_read, &access));
}

static u64 try_write(u32 msr, u64 value)
{
    struct access access = {msr, value};
    return outcome(attempt(do_write, &access));
}

#define GP0 ((u64)VECTOR_GP << 32)

static const u32 unknown[] = {0x1FFF, 0x12345678, 0xC0001FFF, 0xC0002000, 0x4D5F0000, 0xFFFFFFFF, 0x40000000, 0x2000};
extern u8 real_rdmsr[], real_wrmsr[], flat32_rdmsr[], flat32_wrmsr[];

CASE(msr_unknown_long)
{
    for (u32 i = 0; i < sizeof unknown / 4; i++) {
        check("unknown msr read in long mode", try_read(unknown[i]), GP0);
        check("unknown msr write in long mode", try_write(unknown[i], 0), GP0);
    }
    check("unknown msr read: rip", last.rip != 0, 1);
    check("unknown msr read in ring 3", outcome(attempt_user(do_read, &(struct access){0x10, 0})), GP0);
    check("unknown msr write in ring 3", outcome(attempt_user(do_write, &(struct access){0x12345678, 0})), GP0);
}

static void probe_msr(const char *name, const u8 *code, void (*probe)(const void *))
{
    for (u32 i = 0; i < sizeof unknown / 4; i++) {
        *PROBE = (struct probe){.ecx = unknown[i], .eax = 1, .edx = 2};
        probe(code);
        RECORD(name, PROBE->vector, PROBE->pushed, PROBE->error, PROBE->ip, PROBE->flags, PROBE->eax, PROBE->ecx, PROBE->edx);
        check(name, PROBE->vector, VECTOR_GP);
    }
}

CASE(msr_unknown_real)
{
    probe_msr("unknown msr read in real mode", real_rdmsr, probe_real);
    check("unknown msr in real mode pushes no error code", PROBE->pushed, 6);
    probe_msr("unknown msr write in real mode", real_wrmsr, probe_real);
}

CASE(msr_unknown_protected)
{
    probe_msr("unknown msr read in protected mode", flat32_rdmsr, probe_flat32);
    check("unknown msr in protected mode pushes an error code", PROBE->pushed, 16);
    probe_msr("unknown msr write in protected mode", flat32_wrmsr, probe_flat32);
}

CASE(msr_passed)
{
    RECORD("msr values", rdmsr(IA32_APIC_BASE), rdmsr(IA32_EFER), rdmsr(IA32_PAT), rdmsr(IA32_MTRRCAP),
           rdmsr(IA32_MTRR_DEF_TYPE));
    RECORD("msr reads", try_read(0x8B), try_read(0x17), try_read(0xCE), try_read(0x1A0), try_read(0xE7), try_read(0xE8),
           try_read(0x174), try_read(0x186), try_read(0xC1), try_read(0x38F), try_read(0x400), try_read(0x802), try_read(0x6E0),
           try_read(0xDA0), try_read(0xC0000103), try_read(0x9E), try_read(0x48));
}

/* A bad value gives #GP and changes nothing. */
CASE(msr_bad_values)
{
    u64 pat = rdmsr(IA32_PAT), efer = rdmsr(IA32_EFER), base = rdmsr(IA32_APIC_BASE);
    u64 odd = 0x8000000000000000;

    RECORD("bad msr values", try_write(IA32_PAT, 2), try_write(IA32_PAT, 0x0807040600070406),
           try_write(IA32_EFER, efer | 0x10000), try_write(IA32_EFER, efer & ~0x100ull), try_write(0x175, odd),
           try_write(0xC0000100, odd), try_write(0xC0000082, odd), try_write(IA32_DEBUGCTL, odd), try_write(0x17D, 0),
           try_write(0x200, 0xFF02), try_write(0x201, 1), try_write(0x250, 2), try_write(IA32_MTRR_DEF_TYPE, 2),
           try_write(IA32_MTRRCAP, 0), try_write(0xE0, 0));
    RECORD("msr values after bad writes", rdmsr(IA32_PAT) == pat, rdmsr(IA32_EFER) == efer, rdmsr(IA32_APIC_BASE) == base);
}

CASE(msr_written)
{
    u64 pat = rdmsr(IA32_PAT), efer = rdmsr(IA32_EFER);

    wrmsr(IA32_PAT, 0x0007010600070406);
    check("PAT reads back", rdmsr(IA32_PAT), 0x0007010600070406);
    cpuid(0, 0);
    check("PAT after a VM exit", rdmsr(IA32_PAT), 0x0007010600070406);
    wrmsr(IA32_PAT, pat);
    wrmsr(IA32_EFER, efer | 0x801);
    cpuid(0, 0);
    check("EFER.NXE and SCE after a VM exit", rdmsr(IA32_EFER), efer | 0x801);
    wrmsr(IA32_EFER, efer);
    static const u32 kept[] = {0x174,      0x175,      0x176,      0xC0000081, 0xC0000082, 0xC0000083,
                               0xC0000084, 0xC0000100, 0xC0000101, 0xC0000102, 0xC0000103};
    for (u32 i = 0; i < sizeof kept / 4; i++) {
        u64 before = rdmsr(kept[i]);
        wrmsr(kept[i], 0x1000 + i);
        cpuid(0, 0);
        check("MSR after a VM exit", rdmsr(kept[i]), 0x1000 + i);
        wrmsr(kept[i], before);
    }
}

CASE(msr_time)
{
    u64 before = rdmsr(IA32_TIME_STAMP_COUNTER), later = before + 1000000000;

    wrmsr(IA32_TIME_STAMP_COUNTER, later);
    u64 now = rdtsc();
    check_true("TSC was written", now >= later && now < later + 1000000);
    wrmsr(IA32_TIME_STAMP_COUNTER, before + (rdtsc() - later));
    check_true("TSC was written back", rdtsc() < later);
}

CASE(msr_virtualization)
{
    if (!is_hypervised())
        return;
    check("IA32_FEATURE_CONTROL is locked with VMX off", rdmsr(IA32_FEATURE_CONTROL), 1);
    check("IA32_FEATURE_CONTROL write", try_write(IA32_FEATURE_CONTROL, 5), GP0);
    for (u32 msr = 0x480; msr < 0x492; msr++) {
        check("VMX capability msr read", try_read(msr), GP0);
        check("VMX capability msr write", try_write(msr, 0), GP0);
    }
    check("microcode update", try_write(0x79, 0x100000), GP0);
}

/* Writes that a handler filters: allowed values, values that the processor refuses, values that the handler refuses. */
CASE(msr_filtered)
{
    RECORD("IA32_MISC_ENABLE writes", try_write(IA32_MISC_ENABLE, 1), try_write(IA32_MISC_ENABLE, 1ull << 63));
    RECORD("IA32_XSS writes", try_write(IA32_XSS, 0), try_write(IA32_XSS, 1));
    if (is_hypervised())
        check("IA32_XSS with processor trace", try_write(IA32_XSS, XSS_PT), GP0);
}

#define GLOBAL 0x800
CASE(msr_apic_base)
{
    u64 base = rdmsr(IA32_APIC_BASE);

    wrmsr(IA32_APIC_BASE, base);
    check("IA32_APIC_BASE reads back", rdmsr(IA32_APIC_BASE), base);
    check_true("the APIC is enabled at its default address", (base & ~0xFFFull) == 0xFEE00000 && base & GLOBAL);
    check("moving the APIC base", is_hypervised() ? try_write(IA32_APIC_BASE, base + 0x1000) : GP0, GP0);
    wrmsr(IA32_APIC_BASE, base);
}
