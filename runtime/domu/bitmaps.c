#include "domu/bitmaps.h"

#include "generated/domu.h"
#include "generated/vmcs.h"
#include "generated/x86.h"
#include "core/host.h"
#include "domu/pages.h"
#include "core/string.h"
#include "vmx/vmx.h"

#define WRITES BITMAP_WRITES_LOW        /* both MSRs are among the low ones. SDM: 25.6.9 */

static u8 *without_speculation;

static void close(u32 msr)
{
    u8 bit = (u8)(1u << msr % 8);
    without_speculation[msr / 8] |= bit;
    without_speculation[WRITES + msr / 8] |= bit;
}

/* What is closed goes to the VMM, which refuses it: these MSRs do not exist for the guest. */
bool msr_bitmaps_init(void)
{
    u64 page = page_alloc(1);
    if (!page)
        return false;
    without_speculation = hv_virt(page);
    memcpy(without_speculation, domu_msr_bitmap, PAGE_SIZE);
    close(IA32_SPEC_CTRL);
    close(IA32_PRED_CMD);
    return true;
}

void msr_bitmap_select(bool has_controls)
{
    vmwrite(VMCS_MSR_BITMAP_ADDRESS, hv_phys(has_controls ? domu_msr_bitmap : without_speculation));
}
