/* vcpu_get and vcpu_set: each part of a vCPU's state, its size, and the functions for it. The VMCS of the vCPU is current. */
#include "domu/state.h"

#include "core/string.h"
#include "domu/switch.h"
#include "generated/x86/externs.h"

#define DR_HIGH 0xFFFFFFFF00000000ull
#define DR6_AFTER_RESET 0xFFFF0FF0u     /* SDM: table 10-1 */

/* An XSAVE area, and what is in it after RESET. SDM: 14.4.1, 14.4.2, 11.6.4 */
#define MXCSR_OFFSET 24
#define XSAVE_HEADER 512
#define XSAVE_HEADER_SIZE 64
#define XSAVE_LEGACY 3ull               /* x87 and SSE, in XSTATE_BV */
#define MXCSR_AFTER_RESET 0x1F80u
#define FCW_AFTER_RESET 0x40u
#define XCR0_AVX512 (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)

/* struct kvm_debugregs */
struct debugregs {
    u64 db[4], dr6, dr7, flags, reserved[9];
};
_Static_assert(sizeof(struct debugregs) == LUV_STATE_DEBUGREGS_SIZE, "as linux/kvm.h has it");

/* ---- After RESET */

static void registers_reset(struct cpu *cpu)
{
    cpu->guest = (struct registers){0};
    cpu->guest.rdx = host_cpuid(1, 0).eax;      /* the processor's signature. SDM: table 10-1 */
    vcpu_set_cr0(CR0_CD | CR0_NW | CR0_ET);
    vcpu_set_cr4(0);
}

static void switched_state_reset(struct vcpu *vcpu)
{
    u8 *area = vcpu->xsave_area = hv_virt(vcpu->xsave);
    vcpu->tpr = vcpu_tpr(vcpu);
    vcpu->state.dr6 = DR6_AFTER_RESET;
    vcpu->state.xcr0 = XCR0_X87;
    *(u32 *)(area + MXCSR_OFFSET) = MXCSR_AFTER_RESET;
    *(u16 *)area = FCW_AFTER_RESET;
    *(u64 *)(area + XSAVE_HEADER) = XSAVE_LEGACY;
}

void state_reset(struct cpu *cpu, struct vcpu *vcpu)
{
    struct registers dom0 = cpu->guest;
    vcpu_state_init(cpu, vcpu);
    cr4_permit(vcpu, cr4_possible());
    registers_reset(cpu);
    switched_state_reset(vcpu);
    memset(vcpu->run, 0, sizeof(*vcpu->run));
    store_registers(cpu, vcpu->run);
    store_run(vcpu);
    vcpu_put(cpu);
    vcpu->last_cpu = NO_CPU;
    vcpu->requests = REQUESTS_NONE;
    cpu->guest = dom0;
}

/* ---- Parts of the state */

static u32 debugregs_get(struct vcpu *vcpu, u8 *area)
{
    struct debugregs d = {.dr6 = vcpu->state.dr6, .dr7 = guest_dr7()};
    memcpy(d.db, vcpu->state.dr, sizeof(d.db));
    memcpy(area, &d, sizeof(d));
    return 0;
}

static u32 debugregs_set(struct vcpu *vcpu, const u8 *area)
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

static u32 xsave_get(struct vcpu *vcpu, u8 *area)
{
    memcpy(area, vcpu->xsave_area, domu_xsave_size());
    return 0;
}

/* XRSTOR would fault. SDM: 14.8.1 */
static bool xsave_is_valid(const u64 *header, u32 mxcsr)
{
    for (u32 i = 1; i < XSAVE_HEADER_SIZE / sizeof(u64); i++)
        if (header[i])
            return false;
    return !(header[0] & ~(u64)domu_features) && !(mxcsr & ~domu_mxcsr_mask());
}

static u32 xsave_set(struct vcpu *vcpu, const u8 *area)
{
    u64 header[XSAVE_HEADER_SIZE / sizeof(u64)];
    u32 mxcsr = *(const volatile u32 *)(area + MXCSR_OFFSET);
    u8 *saved = vcpu->xsave_area;
    memcpy(header, area + XSAVE_HEADER, sizeof(header));
    if (!xsave_is_valid(header, mxcsr))
        return EINVAL;
    memcpy(saved, area, domu_xsave_size());
    memcpy(saved + XSAVE_HEADER, header, sizeof(header));     /* as it was checked */
    *(u32 *)(saved + MXCSR_OFFSET) = mxcsr;
    return 0;
}

static u32 xcr0_get(struct vcpu *vcpu, u8 *area)
{
    memcpy(area, &vcpu->state.xcr0, sizeof(u64));
    return 0;
}

/* SDM: 14.3 */
static bool xcr0_is_valid(u64 value)
{
    u64 wide = value & XCR0_AVX512;
    if (!(value & XCR0_X87) || value & ~(u64)domu_features)
        return false;
    if (value & XCR0_AVX && !(value & XCR0_SSE))
        return false;
    return !wide || (wide == XCR0_AVX512 && value & XCR0_AVX);
}

static u32 xcr0_set(struct vcpu *vcpu, const u8 *area)
{
    u64 value = *(const volatile u64 *)area;
    if (!xcr0_is_valid(value))
        return EINVAL;
    vcpu->state.xcr0 = value;
    return 0;
}

static u32 controls_get(struct vcpu *vcpu, u8 *area)
{
    struct luv_controls c = {.exceptions = vcpu->exceptions, .hidden = vcpu->hidden_features, .cr4 = vcpu->cr4_permitted};
    memcpy(area, &c, sizeof(c));
    return 0;
}

static u32 controls_set(struct vcpu *vcpu, const u8 *area)
{
    struct luv_controls c;
    memcpy(&c, area, sizeof(c));
    if (c.hidden & ~(u32)LUV_HIDE_ALL || (c.tsc_khz && c.tsc_khz != domu_tsc_khz()))
        return EINVAL;
    u64 seen = guest_cr4_seen();
    vcpu->exceptions = c.exceptions;
    set_exception_intercepts(DOMU_EXCEPTION_BITMAP | c.exceptions);
    vcpu->hidden_features = c.hidden;
    vcpu_hide_features(c.hidden);
    cr4_permit(vcpu, c.cr4);
    vcpu_set_cr4(seen & vcpu->cr4_permitted);
    return 0;
}

/* ---- The hypercalls */

static const struct {
    u32 size;
    u32 (*get)(struct vcpu *vcpu, u8 *area);
    u32 (*set)(struct vcpu *vcpu, const u8 *area);
} kinds[] = {
    [LUV_STATE_SREGS] = {LUV_STATE_SREGS_SIZE, sregs_get, sregs_set},
    [LUV_STATE_DEBUGREGS] = {LUV_STATE_DEBUGREGS_SIZE, debugregs_get, debugregs_set},
    [LUV_STATE_XSAVE] = {0, xsave_get, xsave_set},
    [LUV_STATE_XCR0] = {LUV_STATE_XCR0_SIZE, xcr0_get, xcr0_set},
    [LUV_STATE_CONTROLS] = {LUV_STATE_CONTROLS_SIZE, controls_get, controls_set},
};

static struct answer failed(u32 error)
{
    return (struct answer){.error = error};
}

static u32 size_of(u32 what)
{
    return what == LUV_STATE_XSAVE ? domu_xsave_size() : kinds[index_nospec(what, COUNT_OF(kinds))].size;
}

/* struct kvm_msr_entry has the form of an MSR area. Back: how many were done; the first bad one ends it, as in KVM_GET_MSRS. */
static u64 msrs_get(struct vcpu *vcpu, u32 count)
{
    struct msr_entry *entries = (struct msr_entry *)vcpu->state_area;
    u32 done = 0;
    for (u64 value; done < count && msr_get(vcpu, entries[done].msr, &value); done++)
        entries[done].value = value;
    return done;
}

static u64 msrs_set(struct vcpu *vcpu, u32 count)
{
    const volatile struct msr_entry *entries = (const volatile struct msr_entry *)vcpu->state_area;
    u32 done = 0;
    while (done < count && msr_set(vcpu, entries[done].msr, entries[done].value))
        done++;
    return done;
}

_Static_assert(LUV_MSRS_MAX * sizeof(struct msr_entry) <= sizeof(((struct luv_shared_area *)0)->state),
               "the state area has room for the limit of spec/abi.luv");

static struct answer msrs_do(struct cpu *cpu, struct vcpu *vcpu, u32 size, bool set)
{
    u32 count = size / sizeof(struct msr_entry);
    if (size % sizeof(struct msr_entry) || count > LUV_MSRS_MAX)
        return failed(EINVAL);
    vcpu_load(cpu, vcpu);
    u64 done = set ? msrs_set(vcpu, count) : msrs_get(vcpu, count);
    vcpu_put(cpu);
    return (struct answer){.value = done};
}

struct answer vcpu_get(struct cpu *cpu, struct vcpu *vcpu, u32 what, u32 size)
{
    if (what == LUV_STATE_MSRS)
        return msrs_do(cpu, vcpu, size, false);
    if (what >= COUNT_OF(kinds) || size != size_of(what))
        return failed(EINVAL);
    vcpu_load(cpu, vcpu);
    u32 error = kinds[index_nospec(what, COUNT_OF(kinds))].get(vcpu, vcpu->state_area);
    vcpu_put(cpu);
    return (struct answer){.value = size, .error = error};
}

/* Translations that a CPU has cached may be of the old state: last_cpu makes the next run flush them. */
struct answer vcpu_set(struct cpu *cpu, struct vcpu *vcpu, u32 what, u32 size)
{
    if (what == LUV_STATE_MSRS)
        return msrs_do(cpu, vcpu, size, true);
    if (what >= COUNT_OF(kinds) || size != size_of(what))
        return failed(EINVAL);
    vcpu_load(cpu, vcpu);
    u32 error = kinds[index_nospec(what, COUNT_OF(kinds))].set(vcpu, vcpu->state_area);
    vcpu_put(cpu);
    vcpu->last_cpu = NO_CPU;
    return (struct answer){.value = size, .error = error};
}
