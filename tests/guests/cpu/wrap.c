/* Wrap of IP and EIP after a VM exit: CPUID as the last bytes of a segment. */
#include "kit.h"

extern u8 real_wrap[], real_step_cpuid[], wrap32_code[], user_wrap32[];

CASE(wrap_16)
{
    *PROBE = (struct probe){0};
    probe_real(real_wrap);
    RECORD("CPUID at the end of 64 KiB", PROBE->vector, PROBE->pushed, PROBE->ebx);
}

/* A 32-bit segment whose base puts EIP FFFFFFFEh into this guest's memory; the next instruction is at EIP 0. */
CASE(wrap_32)
{
    static u8 code[16] = {0x0F, 0xA2, 0x90, 0xCB};        /* CPUID; NOP; far return */
    u64 base = (u64)code + 2;
    extern void call_wrap32(void *);

    gdt[WRAP32 / 8] = 0x00CF9B000000FFFF | (base & 0xFFFFFF) << 16 | (base >> 24) << 56;
    int vector = attempt(call_wrap32, 0);
    RECORD("CPUID at the end of 4 GiB", outcome(vector), vector < 0 ? 0 : last.rip, vector < 0 ? 0 : last.cs);
    check("CPUID at the end of 4 GiB: the next instruction is at 0", outcome(vector), outcome(-1));
}

CASE(step_real)
{
    *PROBE = (struct probe){0};
    probe_real(real_step_cpuid);
    RECORD("TF over CPUID in real mode", PROBE->vector, PROBE->pushed, PROBE->ip, PROBE->flags);
}
