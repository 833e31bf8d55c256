/* Why a VM entry failed: the rules of the manual, asked one by one. */
#include "checks.h"

#include "generated/checks.h"
#include "generated/controls.h"
#include "generated/x86.h"
#include "host.h"
#include "log.h"
#include "vmx.h"

#define LEAF_ADDRESS_SIZES 0x80000008u  /* EAX 7:0: physical-address bits, 15:8: linear. SDM: 3.3, CPUID */
#define MEMORY_TYPES 0xF3u              /* a bit for each type that IA32_PAT may hold. SDM: 12.12 */

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
    u32 values[] = { r.eax, r.ebx, r.ecx, r.edx };
    return values[reg] >> bit & 1;
}

static u32 address_bits(u32 shift)
{
    return host_cpuid(LEAF_ADDRESS_SIZES, 0).eax >> shift & 0xFF;
}

static bool is_alike(u64 address, u32 lowest)
{
    u64 above = address >> lowest;
    return above == 0 || above == ~0ull >> lowest;
}

bool is_canonical(u64 address)
{
    return is_alike(address, address_bits(8) - 1);
}

bool is_linear(u64 address)
{
    return is_alike(address, address_bits(8));
}

bool is_physical(u64 address)
{
    return address >> address_bits(0) == 0;
}

bool is_structure(u64 address)
{
    return is_physical(address) && !(msr_read(IA32_VMX_BASIC) & BASIC_PHYSICAL_32_BIT && address >> 32);
}

bool is_allowed(u64 word, u64 capability)
{
    return !((u32)capability & ~word) && !(word & ~(capability >> 32));
}

bool is_allowed_ones(u64 word, u64 capability)
{
    return !(word & ~capability);
}

bool is_memory_types(u64 value)
{
    for (u32 i = 0; i < 64; i += 8)
        if ((value >> i & 0xFF) > 7 || !(MEMORY_TYPES >> (value >> i & 0xFF) & 1))
            return false;
    return true;
}

void checks_show(void)
{
    for (u32 i = 0; i < CHECK_RULES; i++) {
        if (check_rules[i].holds())
            continue;
        loud_text("VM entry breaks the rule ", 0, 0);
        loud_text(check_rules[i].name, 0, 0);
        loud_text(", SDM ", 0, 0);
        loud_text(check_rules[i].section, 0, 0);
        loud_text("\n", 0, 0);
    }
}
