/* What the tables of a CPUID policy hold, and how they are read. The tables are generated from the spec. */
#pragma once

#include "generated/x86/structs.h"
#include "core/types.h"

#define CPUID_EXTENDED 0x80000000u
#define CPUID_ALL 0xFFFFFFFFu

/* Bits that are shown of a basic leaf, or of `first ... last`. */
#define CPUID_SHOWN(leaf, a, b, c, d) .eax[leaf] = a, .ebx[leaf] = b, .ecx[leaf] = c, .edx[leaf] = d

/* Bits that are shown of some leaves and subleaves; both ends of a range belong to it. */
struct cpuid_rule {
    u32 first, last, first_subleaf, last_subleaf;
    struct regs4 shown;
};

/* `leaf` below `*last`, and `*last` for all others: without a branch, so that there is nothing to speculate past. */
static inline u64 cpuid_index(u32 leaf, const u32 *last)
{
    u64 index;
    asm("cmp %2, %k0\n\tcmova %2, %k0" : "=r"(index) : "0"(leaf), "m"(*last) : "cc");
    return index;
}

static inline struct regs4 cpuid_mask(struct regs4 out, struct regs4 shown)
{
    return (struct regs4){out.eax & shown.eax, out.ebx & shown.ebx, out.ecx & shown.ecx, out.edx & shown.edx};
}

/* The first rule for a leaf, or null. */
static inline const struct cpuid_rule *cpuid_find(const struct cpuid_rule *rule, u32 count, u32 leaf, u32 subleaf)
{
    for (const struct cpuid_rule *end = rule + count; rule < end; rule++)
        if (leaf >= rule->first && leaf <= rule->last && subleaf >= rule->first_subleaf && subleaf <= rule->last_subleaf)
            return rule;
    return 0;
}
