#include "domu/bitmaps.h"

#include "generated/domu.h"
#include "generated/vmcs.h"
#include "generated/x86.h"
#include "core/host.h"
#include "domu/pages.h"
#include "core/string.h"
#include "vmx/vmx.h"

#define WRITES BITMAP_WRITES_LOW        /* both MSRs are among the low ones. SDM: 25.6.9 */

static u8 *narrow;

static void close(u32 msr)
{
    u8 bit = (u8)(1u << msr % 8);
    narrow[msr / 8] |= bit;
    narrow[WRITES + msr / 8] |= bit;
}

/* What is closed goes to the VMM, which refuses it: these MSRs do not exist for the guest. */
bool bitmaps_init(void)
{
    u64 page = page_take(1);
    if (!page)
        return false;
    narrow = hv_virt(page);
    memcpy(narrow, domu_msr_bitmap, PAGE_SIZE);
    close(IA32_SPEC_CTRL);
    close(IA32_PRED_CMD);
    return true;
}

void bitmap_choose(bool has_controls)
{
    vmwrite(VMCS_MSR_BITMAP_ADDRESS, hv_phys(has_controls ? domu_msr_bitmap : narrow));
}
