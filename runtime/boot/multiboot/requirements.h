/* What the spec needs of the processor: the rows of generated/vmx/requirements.32.c, and the check that goes through them. */
#pragma once

#include "core/types.h"

#define REQUIREMENTS_MAX 256
#define NO_REQUIREMENT 0xFFFF

enum requirement_kind {
    REQUIRE_CPUID,
    REQUIRE_MSR,
    REQUIRE_LOCK,                       /* as REQUIRE_MSR, but an unlocked register (bit 0 clear) will do */
};

enum requirement_word { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX, MSR_LOW = 0, MSR_HIGH };

struct requirement {
    u8 kind, word, bit, expected;
    u32 number;                         /* CPUID leaf or MSR */
    u32 alternative;                    /* subleaf; the TRUE MSR to read instead where IA32_VMX_BASIC has bit 55, or 0 */
    u16 depends;                        /* index of an earlier row, or NO_REQUIREMENT: without that one this is not there */
    const char *name;
};

extern const struct requirement requirements[];
extern const u32 requirement_count;

/* Prints the names of all that are missing; returns their number. */
u32 requirements_check(void);
