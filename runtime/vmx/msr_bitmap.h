/* The MSR bitmap: a set bit is an exit. Reads and writes of low and of high MSRs have a kilobyte each. SDM: 25.6.9 */
#pragma once

#include "core/host.h"
#include "vmx/vmx.h"

#define MSR_BITMAP_READS_HIGH 1024
#define MSR_BITMAP_WRITES_LOW 2048
#define MSR_BITMAP_WRITES_HIGH 3072

static inline u8 *msr_bitmap_byte(u8 *bitmap, u32 msr, bool write)
{
    u32 low = write ? MSR_BITMAP_WRITES_LOW : 0, high = write ? MSR_BITMAP_WRITES_HIGH : MSR_BITMAP_READS_HIGH;
    return bitmap + (msr >> 31 ? high : low) + (msr & 0x1FFF) / 8;
}

static inline bool msr_write_exits(const u8 *bitmap, u32 msr)
{
    return *msr_bitmap_byte((u8 *)bitmap, msr, true) >> msr % 8 & 1;
}

/* Of the guest whose state is current. What a CPU uses must not change: another policy is another bitmap. SDM: 25.11.4 */
static inline void set_msr_bitmap(const u8 *bitmap)
{
    vmwrite(VMCS_MSR_BITMAP_ADDRESS, hv_phys(bitmap));
}

static inline void msr_write_pass(u8 *bitmap, u32 msr)
{
    *msr_bitmap_byte(bitmap, msr, true) &= (u8) ~(1u << msr % 8);
}

static inline void msr_intercept(u8 *bitmap, u32 msr)
{
    *msr_bitmap_byte(bitmap, msr, false) |= (u8)(1u << msr % 8);
    *msr_bitmap_byte(bitmap, msr, true) |= (u8)(1u << msr % 8);
}
