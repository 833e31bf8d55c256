/* Separate from entry_checks.c, which also compiles for a test on the host. */
#include "vmx/entry_checks.h"
#include "core/host.h"
#include "vmx/vmx.h"
#include "generated/x86/x86.h"

u64 field_read(u16 field)
{
    u64 value;
    return vmread_try(field, &value) ? value : 0;
}

u64 msr_read(u32 msr)
{
    struct msr_value answer = host_rdmsr_try(msr);
    return answer.ok ? answer.value : 0;
}

bool feature_read(u32 leaf, u32 subleaf, u32 reg, u32 bit)
{
    if (host_cpuid(leaf & 0x80000000u, 0).eax < leaf)
        return false;
    struct regs4 r = host_cpuid(leaf, subleaf);
    u32 values[] = {r.eax, r.ebx, r.ecx, r.edx};
    return values[reg] >> bit & 1;
}

struct widths address_widths(void)
{
    u32 sizes = host_cpuid(CPUID_LEAF_SIZES, 0).eax;
    return (struct widths){.physical = (u8)sizes, .linear = (u8)(sizes >> 8)};
}
