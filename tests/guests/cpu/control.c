/* Writes of CR0, CR3, CR4 and CR8 in each mode: CR0.NE and CR4.VMXE are shadowed, reserved bits give #GP. */
#include "kit.h"

static void set_cr0(void *value)
{
    write_cr0((u64)value);
}
static void set_cr3(void *value)
{
    write_cr3((u64)value);
}
static void set_cr4(void *value)
{
    write_cr4((u64)value);
}
static void set_cr8(void *value)
{
    write_cr8((u64)value);
}
static u64 try_cr0(u64 value)
{
    return outcome(attempt(set_cr0, (void *)value));
}
static u64 try_cr4(u64 value)
{
    return outcome(attempt(set_cr4, (void *)value));
}

CASE(cr0_ne_long)
{
    u64 cr0 = read_cr0();

    write_cr0(cr0 & ~CR0_NE);
    check("CR0.NE cleared", read_cr0(), cr0 & ~CR0_NE);
    write_cr0(cr0 | CR0_NE | CR0_TS);
    check("CR0.NE and TS set in one MOV", read_cr0(), cr0 | CR0_NE | CR0_TS);
    __asm__ volatile("clts");
    check("CR0 after CLTS", read_cr0(), (cr0 | CR0_NE) & ~CR0_TS);
    write_cr0((cr0 & ~CR0_NE) | CR0_TS);
    __asm__ volatile("lmsw %w0" : : "r"((u16)((cr0 & 0xF) & ~CR0_TS)));
    check("LMSW clears TS, leaves NE", read_cr0(), cr0 & ~CR0_NE & ~CR0_TS);
    u64 word = 0;
    __asm__ volatile("smsw %0" : "=r"(word));
    check("SMSW reads the guest's NE", word & CR0_NE, 0);
    cpuid(0, 0);
    check("CR0 after a VM exit", read_cr0(), cr0 & ~CR0_NE & ~CR0_TS);
    write_cr0(cr0);
}

extern u8 real_toggle_ne[], real_toggle_ne_pe[], flat32_toggle_ne_pg[], flat32_toggle_ne_long[];

CASE(cr0_ne_other_modes)
{
    static u32 directory[1024] __attribute__((aligned(4096)));

    for (u32 i = 0; i < 1024; i++)
        directory[i] = i << 22 | 0x83;
    *PROBE = (struct probe){0};
    probe_real(real_toggle_ne);
    RECORD("CR0.NE in real mode", PROBE->vector, PROBE->eax, PROBE->ebx, PROBE->ecx, PROBE->edx);
    probe_real(real_toggle_ne_pe);
    RECORD("CR0.NE and PE in one MOV", PROBE->vector, PROBE->eax, PROBE->ebx, PROBE->ecx, PROBE->edx);
    *PROBE = (struct probe){.esi = (u32)(u64)directory};
    probe_flat32(flat32_toggle_ne_pg);
    RECORD("CR0.NE and PG in one MOV", PROBE->vector, PROBE->eax, PROBE->ecx, PROBE->edi);
    check("CR0.NE and PG in one MOV: no exception", PROBE->vector, NO_TRAP);
    u64 cr0 = read_cr0();
    probe_flat32(flat32_toggle_ne_long);
    RECORD("CR0.NE and PG in one MOV, for long mode without PAE", PROBE->vector, PROBE->error, PROBE->pushed, PROBE->ip);
    check("CR0.NE and PG in one MOV, for long mode without PAE", PROBE->vector, VECTOR_GP);
    check("CR0.NE after the #GP", (read_cr0() ^ cr0) & CR0_NE, 0);
}

CASE(cr_bad_values)
{
    u64 cr0 = read_cr0(), cr4 = read_cr4();

    RECORD("bad CR0", try_cr0(cr0 & ~1ull), try_cr0((cr0 | 0x20000000) & ~0x40000000ull), try_cr0(cr0 | 1ull << 40),
           try_cr0(cr0 & ~0x80000000ull), try_cr0((cr0 & ~1ull) ^ CR0_NE), try_cr0((cr0 & ~0x80000000ull) ^ CR0_NE),
           try_cr0((cr0 | 1ull << 40) ^ CR0_NE));
    RECORD("bad CR4", try_cr4(cr4 & ~0x20ull), try_cr4(cr4 | 1ull << 31), try_cr4(cr4 | 1ull << 40));
    RECORD("bad CR3 and CR8", outcome(attempt(set_cr3, (void *)(1ull << 60))), outcome(attempt(set_cr8, (void *)16)));
    RECORD("CR0 and CR4 after bad values", read_cr0() == cr0, read_cr4() == cr4);
    RECORD("CR0 in ring 3", outcome(attempt_user(set_cr0, (void *)(cr0 ^ CR0_NE))),
           outcome(attempt_user(set_cr4, (void *)(cr4 | CR4_VMXE))));
}

CASE(cr4_vmxe)
{
    u64 cr4 = read_cr4();

    if (!is_hypervised())
        return;
    check("CR4.VMXE reads as clear", cr4 & CR4_VMXE, 0);
    check("CR4.VMXE set", try_cr4(cr4 | CR4_VMXE), (u64)VECTOR_GP << 32);
    check("CR4.VMXE set with another bit", try_cr4((cr4 | CR4_VMXE) ^ 8), (u64)VECTOR_GP << 32);
    check("CR4 after the #GP", read_cr4(), cr4);
    check("CR4.SMXE set: a reserved bit where CPUID has no SMX", try_cr4(cr4 | CR4_SMXE), (u64)VECTOR_GP << 32);
    write_cr4(cr4);
    write_cr4(cr4 ^ 8);
    check("another bit of CR4 changes", read_cr4(), cr4 ^ 8);
    write_cr4(cr4);
}

/* Repeated switches between long mode and real or protected mode, with CPUID in each mode. */
extern u8 real_cpuid[], flat32_cpuid[];
CASE(mode_changes)
{
    struct regs4 here = cpuid(0, 0);

    for (u32 i = 0; i < 20; i++) {
        *PROBE = (struct probe){0};
        if (i % 2)
            probe_real(real_cpuid);
        else
            probe_flat32(flat32_cpuid);
        if (PROBE->ebx != here.ebx || PROBE->eax != here.eax || PROBE->vector != NO_TRAP)
            break;
        check("cpuid after a change of mode", cpuid(0, 0).ebx, here.ebx);
    }
    check("cpuid in real and protected mode", PROBE->ebx, here.ebx);
    check("EFER after changes of mode", rdmsr(IA32_EFER) & 0x500, 0x500);
}
