/* Memory types by the MTRRs. EPT ignores MTRRs, so its tables must have the same types. SDM: 12.11, 29.3.7 */
#pragma once

#include "core/types.h"
#include "generated/x86/x86.h"

#define MTRR_VARIABLE_MAX 32
#define MTRR_FIXED 11

/* SDM: table 12-2 */
enum memory_type {
    TYPE_UC = MTRR_DEF_TYPE_TYPE_UC,
    TYPE_WC = MTRR_DEF_TYPE_TYPE_WC,
    TYPE_WT = MTRR_DEF_TYPE_TYPE_WT,
    TYPE_WP = MTRR_DEF_TYPE_TYPE_WP,
    TYPE_WB = MTRR_DEF_TYPE_TYPE_WB
};

/* One CPU's registers when they were last read. */
struct mtrrs {
    u64 default_type;       /* IA32_MTRR_DEF_TYPE */
    u64 fixed[MTRR_FIXED];  /* 64K, two of 16K, eight of 4K */
    u32 variable_count;
    u64 base[MTRR_VARIABLE_MAX], mask[MTRR_VARIABLE_MAX];
    u64 address_end;        /* 1 << MAXPHYADDR */
};

/* A range of one type. */
struct typed_range {
    u64 lo, hi;
    u8 type;
};

/* The widest such range around an address. */
struct typed_range mtrr_range(const struct mtrrs *mtrrs, u64 address);

/* Reads this CPU's registers. */
void mtrr_read(struct mtrrs *mtrrs);
