/* Debug registers, XSAVE, XCR0, and what a VMM chooses: all but the segments. */
#include "domu/bitmaps.h"
#include "generated/controls.h"
#include "generated/x86.h"
#include "domu/registers.h"
#include "core/string.h"
#include "vmx/vmx.h"
#include "domu/switch.h"

#define MXCSR_OFFSET 24
#define XSAVE_HEADER_SIZE 64
#define XCR0_AVX512 (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define DR_HIGH 0xFFFFFFFF00000000ull

/* struct kvm_debugregs */
struct debugregs {
    u64 db[4], dr6, dr7, flags, reserved[9];
};

/* What 5 of vcpu_set carries. */
struct controls {
    u32 exceptions, flags;
    u64 tsc_khz, cr4;
};

u32 debugregs_get(struct vcpu *vcpu, u8 *area)
{
    struct debugregs d = {.dr6 = vcpu->state.dr6, .dr7 = guest_dr7()};
    memcpy(d.db, vcpu->state.dr, sizeof(d.db));
    memcpy(area, &d, sizeof(d));
    return 0;
}

u32 debugregs_set(struct vcpu *vcpu, const u8 *area)
{
    struct debugregs d;
    memcpy(&d, area, sizeof(d));
    if (d.flags || (d.dr6 | d.dr7) & DR_HIGH)
        return EINVAL;
    memcpy(vcpu->state.dr, d.db, sizeof(d.db));
    vcpu->state.dr6 = d.dr6;
    set_guest_dr7(d.dr7 | DR7_FIXED_ONE);
    debug_update(vcpu);
    return 0;
}

u32 xsave_get(struct vcpu *vcpu, u8 *area)
{
    memcpy(area, vcpu->xsave_area, domu_xsave_size());
    return 0;
}

/* XRSTOR would fault. SDM: 14.8.1 */
static bool is_valid(const u64 *header, u32 mxcsr)
{
    for (u32 i = 1; i < XSAVE_HEADER_SIZE / sizeof(u64); i++)
        if (header[i])
            return false;
    return !(header[0] & ~domu_xcr0()) && !(mxcsr & ~domu_mxcsr_mask());
}

u32 xsave_set(struct vcpu *vcpu, const u8 *area)
{
    u64 header[XSAVE_HEADER_SIZE / sizeof(u64)];
    u32 mxcsr = *(const volatile u32 *)(area + MXCSR_OFFSET);
    u8 *own = vcpu->xsave_area;
    memcpy(header, area + XSAVE_HEADER, sizeof(header));
    if (!is_valid(header, mxcsr))
        return EINVAL;
    memcpy(own, area, domu_xsave_size());
    memcpy(own + XSAVE_HEADER, header, sizeof(header));     /* as they were when they were looked at */
    *(u32 *)(own + MXCSR_OFFSET) = mxcsr;
    return 0;
}

u32 xcr0_get(struct vcpu *vcpu, u8 *area)
{
    memcpy(area, &vcpu->state.xcr0, sizeof(u64));
    return 0;
}

/* SDM: 14.3 */
static bool xcr0_is_valid(u64 value)
{
    u64 wide = value & XCR0_AVX512;
    if (!(value & XCR0_X87) || value & ~domu_xcr0())
        return false;
    if (value & XCR0_AVX && !(value & XCR0_SSE))
        return false;
    return !wide || (wide == XCR0_AVX512 && value & XCR0_AVX);
}

u32 xcr0_set(struct vcpu *vcpu, const u8 *area)
{
    u64 value = *(const volatile u64 *)area;
    if (!xcr0_is_valid(value))
        return EINVAL;
    vcpu->state.xcr0 = value;
    return 0;
}

u32 controls_get(struct vcpu *vcpu, u8 *area)
{
    struct controls c = {.exceptions = vcpu->exceptions, .flags = vcpu->hidden, .cr4 = vcpu->cr4_permitted};
    memcpy(area, &c, sizeof(c));
    return 0;
}

/* Each instruction is #UD where its control is off. SDM: 26.3 */
static void features_hide(struct vcpu *vcpu, u32 which)
{
    u64 off = (which & LUV_HIDE_INVPCID ? SECONDARY_ENABLE_INVPCID : 0) |
        (which & LUV_HIDE_RDTSCP ? SECONDARY_ENABLE_RDTSCP : 0) | (which & LUV_HIDE_XSAVES ? SECONDARY_ENABLE_XSAVES : 0);
    vcpu->hidden = which;
    vmwrite(VMCS_SECONDARY_CONTROLS, domu_control_word[DOMU_WORD_SECONDARY] & ~off);
    msr_bitmap_select(!(which & LUV_HIDE_SPECULATION));
}

u32 controls_set(struct vcpu *vcpu, const u8 *area)
{
    struct controls c;
    memcpy(&c, area, sizeof(c));
    if (c.flags & ~(u32)LUV_HIDE_ALL || (c.tsc_khz && c.tsc_khz != domu_tsc_khz()))
        return EINVAL;
    u64 seen = cr4_get();
    vcpu->exceptions = c.exceptions;
    vmwrite(VMCS_EXCEPTION_BITMAP, DOMU_EXCEPTION_BITMAP | c.exceptions);
    features_hide(vcpu, c.flags);
    cr4_permit(vcpu, c.cr4);
    cr4_set(seen & vcpu->cr4_permitted);
    return 0;
}
