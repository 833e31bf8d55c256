/* Separate from mtrr.c, which also compiles for a test on the host. */
#include "generated/x86/x86.h"
#include "core/host.h"
#include "core/mtrr.h"

static void fixed_read(struct mtrrs *m)
{
    m->fixed[0] = host_rdmsr(IA32_MTRR_FIX64K_00000);
    m->fixed[1] = host_rdmsr(IA32_MTRR_FIX16K_80000);
    m->fixed[2] = host_rdmsr(IA32_MTRR_FIX16K_A0000);
    for (u32 i = 0; i < 8; i++)
        m->fixed[3 + i] = host_rdmsr(IA32_MTRR_FIX4K_C0000 + i);
}

void mtrr_read(struct mtrrs *m)
{
    u64 capability = host_rdmsr(IA32_MTRRCAP);
    m->address_end = 1ull << (host_cpuid(CPUID_LEAF_SIZES, 0).eax & 0xFF);
    m->default_type = host_rdmsr(IA32_MTRR_DEF_TYPE);
    m->variable_count = min(capability & MTRR_CAP_VARIABLE_COUNT_MASK, MTRR_VARIABLE_MAX);
    for (u32 i = 0; i < m->variable_count; i++) {
        m->base[i] = host_rdmsr(IA32_MTRR_PHYS + 2 * i);
        m->mask[i] = host_rdmsr(IA32_MTRR_PHYS + 2 * i + 1);
    }
    if (capability & MTRR_CAP_FIXED)
        fixed_read(m);
}
