/* The processor's state as a whole, in the form of linux/kvm.h. General registers are in the run page at all times. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "api/log.h"
#include "luvalley/cpuid.h"
#include "luvalley/events.h"
#include "luvalley/run.h"
#include "luvalley/state.h"
#include "luvalley/state_area.h"

#define FPU_BYTES 416u /* x87 and SSE in the legacy area. SDM: 10.5.1 */
#define XSTATE_BV 512u
#define X87_AND_SSE 3u

_Static_assert(offsetof(struct kvm_regs, rflags) == offsetof(struct luv_run, rflags), "the run page begins as struct kvm_regs");

/* --- MSRs of the machine --- */

int vmcall_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
    struct kvm_msr_entry entry = {.index = index};
    int error;

    memcpy(get_own(vcpu)->area, &entry, sizeof entry);
    error = transfer_state(vcpu, false, LUV_STATE_MSRS, sizeof entry);
    memcpy(&entry, get_own(vcpu)->area, sizeof entry);
    *value = entry.data;
    return error ? -EINVAL : 0;
}

int vmcall_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    struct kvm_msr_entry entry = {.index = index, .data = value};

    return set_area(vcpu, LUV_STATE_MSRS, &entry, sizeof entry) ? -EINVAL : 0;
}

/* --- x87 and vectors --- */

static int get_xsave(struct vcpu *vcpu, uint8_t *data)
{
    memset(data, 0, sizeof(struct kvm_xsave));
    return get_area(vcpu, LUV_STATE_XSAVE, data, get_xsave_size());
}

static int set_xsave(struct vcpu *vcpu, const uint8_t *data)
{
    return set_area(vcpu, LUV_STATE_XSAVE, data, get_xsave_size());
}

/* FXSAVE's image: each x87 register in 16 bytes, the tag word one bit per register. SDM: 10.5.1 */
struct image {
    uint16_t fcw, fsw;
    uint8_t ftwx, spare;
    uint16_t opcode;
    uint64_t ip, dp;
    uint32_t mxcsr, mask;
    uint8_t fpr[8][16], xmm[16][16];
};
_Static_assert(sizeof(struct image) == FPU_BYTES, "");

static int get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu)
{
    uint8_t area[sizeof(struct kvm_xsave)];
    int error = get_xsave(vcpu, area);
    struct image image;

    memcpy(&image, area, sizeof image);
    *fpu = (struct kvm_fpu){
        .fcw = image.fcw,
        .fsw = image.fsw,
        .ftwx = image.ftwx,
        .last_opcode = image.opcode,
        .last_ip = image.ip,
        .last_dp = image.dp,
        .mxcsr = image.mxcsr,
    };
    memcpy(fpu->fpr, image.fpr, sizeof fpu->fpr);
    memcpy(fpu->xmm, image.xmm, sizeof fpu->xmm);
    return error;
}

static int set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu)
{
    uint8_t area[sizeof(struct kvm_xsave)];
    int error = get_xsave(vcpu, area);
    struct image image;

    if (error)
        return error;
    memcpy(&image, area, sizeof image);
    image.fcw = fpu->fcw, image.fsw = fpu->fsw, image.ftwx = fpu->ftwx, image.opcode = fpu->last_opcode;
    image.ip = fpu->last_ip, image.dp = fpu->last_dp, image.mxcsr = fpu->mxcsr;
    memcpy(image.fpr, fpu->fpr, sizeof fpu->fpr);
    memcpy(image.xmm, fpu->xmm, sizeof fpu->xmm);
    memcpy(area, &image, sizeof image);
    area[XSTATE_BV] |= X87_AND_SSE;
    return set_xsave(vcpu, area);
}

static int get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs)
{
    *xcrs = (struct kvm_xcrs){.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = get_own(vcpu)->xcr0}}};
    return 0;
}

static int set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
    for (uint32_t i = 0; i < xcrs->nr_xcrs && i < KVM_MAX_XCRS; i++)
        if (!set_xcr0(vcpu, xcrs->xcrs[i].xcr, xcrs->xcrs[i].value))
            return -EINVAL;
    return 0;
}

/* --- All of it --- */

static int get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
    uint32_t event = get_own(vcpu)->run->event;
    int error = get_area(vcpu, LUV_STATE_SREGS, sregs, sizeof *sregs);

    memset(sregs->interrupt_bitmap, 0, sizeof sregs->interrupt_bitmap);
    if (event & LUV_EVENT_VALID && get_event_type(event) == LUV_EVENT_TYPE_EXTERNAL)
        sregs->interrupt_bitmap[(event & 0xFF) / 64] = 1ull << (event % 64);
    return error;
}

int vmcall_get_state(struct vcpu *vcpu, enum state what, void *data)
{
    vmcall_settle(vcpu);
    switch (what) {
    case STATE_REGS: memcpy(data, get_own(vcpu)->run, sizeof(struct kvm_regs)); return 0;
    case STATE_SREGS: return get_sregs(vcpu, data);
    case STATE_DEBUGREGS: return get_area(vcpu, LUV_STATE_DEBUGREGS, data, sizeof(struct kvm_debugregs));
    case STATE_XSAVE: return get_xsave(vcpu, data);
    case STATE_FPU: return get_fpu(vcpu, data);
    case STATE_XCRS: return get_xcrs(vcpu, data);
    case STATE_EVENTS: get_events_of(vcpu, data); return 0;
    default: return -EINVAL;
    }
}

/* What was to be stepped over is the old RIP's. */
static int set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    memcpy(own->run, regs, sizeof *regs);
    own->run->rflags |= 2;
    own->run->finish = LUV_FINISH_RESUME;
    vcpu->run->if_flag = !!(regs->rflags & RFLAGS_IF);
    if (own->access_state == ACCESS_REPEATED)
        own->access_state = ACCESS_NONE;
    return 0;
}

int vmcall_set_state(struct vcpu *vcpu, enum state what, void *data)
{
    switch (what) {
    case STATE_REGS: return set_regs(vcpu, data);
    case STATE_SREGS: return set_area(vcpu, LUV_STATE_SREGS, data, sizeof(struct kvm_sregs));
    case STATE_DEBUGREGS: return set_area(vcpu, LUV_STATE_DEBUGREGS, data, sizeof(struct kvm_debugregs));
    case STATE_XSAVE: return set_xsave(vcpu, data);
    case STATE_FPU: return set_fpu(vcpu, data);
    case STATE_XCRS: return set_xcrs(vcpu, data);
    case STATE_EVENTS: set_events_of(vcpu, data); return 0;
    default: return -EINVAL;
    }
}

/* Software breakpoints and single steps; the guest's own debug registers stay its own. */
int vmcall_set_debug(struct vcpu *vcpu, struct kvm_guest_debug *debug)
{
    if (debug->control & KVM_GUESTDBG_USE_HW_BP) {
        log_line("the VMM asks for breakpoints by debug registers, which are the guest's: EINVAL");
        return -EINVAL;
    }
    get_own(vcpu)->debug = *debug;
    if (debug->control & KVM_GUESTDBG_INJECT_DB)
        inject_exception(vcpu, VECTOR_DB, false, 0);
    if (debug->control & KVM_GUESTDBG_INJECT_BP)
        inject_exception(vcpu, VECTOR_BP, false, 0);
    return set_controls(vcpu);
}
