/* What the rules of generated/vmx/checks.c read, and the functions that evaluate them. */
#pragma once

#include "core/types.h"

/* A VMCS field, an MSR: 0 where the processor has none. */
u64 field_read(u16 field);
u64 msr_read(u32 msr);
/* A bit of CPUID; registers are counted EAX, EBX, ECX, EDX. */
bool feature_read(u32 leaf, u32 subleaf, u32 reg, u32 bit);

/* Bits of a physical and of a linear address. */
struct widths {
    u8 physical, linear;
};
struct widths address_widths(void);

/* Bits 63 down to the highest linear-address bit are equal; the bits above it are. */
bool is_canonical(u64 address);
bool is_linear(u64 address);
/* No bit is set beyond the physical-address width; structures of VMX may have to be below 4 GiB. SDM: A.1 */
bool is_physical(u64 address);
bool is_structure(u64 address);
/* A control word against its capability MSR. SDM: A.2 */
bool is_allowed(u64 word, u64 capability);
bool is_allowed_ones(u64 word, u64 capability);
/* Eight bytes of IA32_PAT. SDM: 12.12 */
bool is_memory_types(u64 value);

/* Prints every rule that the current VMCS violates. */
void checks_show(void);
/* The first rule that it violates; CHECK_RULES and no name if it violates none. */
struct violated_rule {
    const char *name;
    u32 number;
};
struct violated_rule checks_first(void);
