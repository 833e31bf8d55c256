/* What the guest is given before its next instruction: interrupts, NMIs, exceptions; and windows to give them later. SDM: 25.8.3 */
#include <string.h>

#include "luvalley/luvalley.h"

#define RFLAGS_RF 0x10000u
#define SREGS_BYTES sizeof(struct kvm_sregs)

/* Blocking by STI and MOV SS ends with an instruction that is to be stepped over. */
static uint32_t get_blocking(const struct luv_run *run)
{
    return run->finish == LUV_FINISH_RESUME ? run->blocking : run->blocking & BLOCKING_NMI;
}

/* Behind an instruction that is to be stepped over a trap waits, which an event beside it would drop. SDM: 27.7.3 */
static bool has_pending_trap(const struct luv_run *run)
{
    return run->finish != LUV_FINISH_RESUME && run->rflags & RFLAGS_TF;
}

static bool is_busy(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    return own->run->event & EVENT_VALID || has_pending_trap(own->run) || own->access_state == ACCESS_ANSWERED ||
        own->has_deferred;
}

/* What was answered is done first: it may end in a fault, which comes before an interrupt. */
static void do_answered(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    if (own->access_state == ACCESS_ANSWERED && !own->has_deferred)
        own->has_deferred = continue_emulation(vcpu, &own->deferred);
}

bool vmcall_can_interrupt(struct vcpu *vcpu)
{
    const struct luv_run *run = get_own(vcpu)->run;

    do_answered(vcpu);
    return !is_busy(vcpu) && run->rflags & RFLAGS_IF && !(get_blocking(run) & (BLOCKING_STI | BLOCKING_MOV_SS));
}

void vmcall_interrupt(struct vcpu *vcpu, uint8_t vector)
{
    get_own(vcpu)->run->event = EVENT_VALID | TYPE_EXTERNAL << 8 | vector;
}

/* The guest lowers its TPR without an exit: one is asked for where that would let a vector through. Without an APIC here the VMM wants
 * to hear of each. SDM: 30.1.3 */
static uint8_t find_threshold(struct vcpu *vcpu)
{
    uint8_t now = apic_get_cr8(vcpu), highest;

    if (!vcpu->vm->split)
        return now;
    highest = apic_find_class(vcpu);
    return highest <= now ? highest : 0;
}

void vmcall_request_window(struct vcpu *vcpu, bool wanted)
{
    struct luv_run *run = get_own(vcpu)->run;

    run->want = wanted ? LUV_WANT_WINDOW : 0;
    run->tpr_threshold = find_threshold(vcpu);
}

static bool is_in_nmi(const struct luv_run *run)
{
    return run->blocking & BLOCKING_NMI || (run->event & EVENT_VALID && EVENT_TYPE(run->event) == TYPE_NMI);
}

void vmcall_nmi(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    do_answered(vcpu);
    if (own->nmis < (is_in_nmi(own->run) ? 1 : 2))
        own->nmis++;
    inject_nmi(vcpu);
}

void inject_nmi(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    struct luv_run *run = own->run;

    if (!own->nmis)
        return;
    if (is_busy(vcpu) || get_blocking(run) & (BLOCKING_STI | BLOCKING_MOV_SS | BLOCKING_NMI)) {
        run->want |= LUV_WANT_NMI_WINDOW;
        return;
    }
    own->nmis--;
    run->want &= (uint8_t)~LUV_WANT_NMI_WINDOW;
    run->event = EVENT_VALID | TYPE_NMI << 8 | VECTOR_NMI;
}

void inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_code, uint32_t code)
{
    struct luv_run *run = get_own(vcpu)->run;
    uint32_t type = vector == VECTOR_BP ? TYPE_SOFT_EXCEPTION : TYPE_HARDWARE;

    run->event = EVENT_VALID | type << 8 | (has_code ? EVENT_CODE : 0) | vector;
    run->event_error = code;
    run->event_length = vector == VECTOR_BP;
    if (vector != VECTOR_BP && vector != VECTOR_DB)
        run->rflags |= RFLAGS_RF; /* a fault: SDM 18.3.1.1 */
}

/* CR2 is not in the run page. */
void inject_page_fault(struct vcpu *vcpu, uint64_t linear, uint32_t code)
{
    struct kvm_sregs sregs;

    if (!carry_state(vcpu, false, WHAT_SREGS, SREGS_BYTES)) {
        memcpy(&sregs, get_own(vcpu)->area, sizeof sregs);
        sregs.cr2 = linear;
        memcpy(get_own(vcpu)->area, &sregs, sizeof sregs);
        carry_state(vcpu, true, WHAT_SREGS, SREGS_BYTES);
    }
    inject_exception(vcpu, VECTOR_PF, true, code);
}

/* --- As KVM shows them --- */

static void get_event(const struct luv_run *run, struct kvm_vcpu_events *events)
{
    uint32_t type = EVENT_TYPE(run->event);
    uint8_t vector = (uint8_t)run->event;

    if (type == TYPE_EXTERNAL || type == TYPE_SOFT_INTERRUPT) {
        events->interrupt.injected = 1;
        events->interrupt.nr = vector;
        events->interrupt.soft = type == TYPE_SOFT_INTERRUPT;
    } else if (type == TYPE_NMI) {
        events->nmi.injected = 1;
    } else {
        events->exception.injected = 1;
        events->exception.nr = vector;
        events->exception.has_error_code = !!(run->event & EVENT_CODE);
        events->exception.error_code = run->event_error;
    }
}

void get_events_of(struct vcpu *vcpu, struct kvm_vcpu_events *events)
{
    const struct luv_run *run = get_own(vcpu)->run;

    memset(events, 0, sizeof *events);
    if (run->event & EVENT_VALID)
        get_event(run, events);
    events->interrupt.shadow = (run->blocking & BLOCKING_STI ? KVM_X86_SHADOW_INT_STI : 0) |
        (run->blocking & BLOCKING_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
    events->nmi.masked = !!(run->blocking & BLOCKING_NMI);
    events->nmi.pending = get_own(vcpu)->nmis != 0;
    events->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
}

static uint32_t make_event(const struct kvm_vcpu_events *events)
{
    if (events->exception.injected) {
        bool soft = events->exception.nr == VECTOR_BP || events->exception.nr == 4;
        uint32_t type = soft ? TYPE_SOFT_EXCEPTION : TYPE_HARDWARE;

        return EVENT_VALID | type << 8 | (events->exception.has_error_code ? EVENT_CODE : 0) | (events->exception.nr & 31);
    }
    if (events->nmi.injected)
        return EVENT_VALID | TYPE_NMI << 8 | VECTOR_NMI;
    if (events->interrupt.injected)
        return EVENT_VALID | (events->interrupt.soft ? TYPE_SOFT_INTERRUPT : TYPE_EXTERNAL) << 8 | events->interrupt.nr;
    return 0;
}

void set_events_of(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
    struct luv_run *run = get_own(vcpu)->run;

    run->event = make_event(events);
    run->event_error = events->exception.error_code;
    run->event_length = EVENT_TYPE(run->event) == TYPE_SOFT_INTERRUPT ? 2 : 1;
    if (events->flags & KVM_VCPUEVENT_VALID_SHADOW)
        run->blocking = (run->blocking & BLOCKING_NMI) |
            (events->interrupt.shadow & KVM_X86_SHADOW_INT_STI ? BLOCKING_STI : 0) |
            (events->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS ? BLOCKING_MOV_SS : 0);
    run->blocking = (run->blocking & ~BLOCKING_NMI) | (events->nmi.masked ? BLOCKING_NMI : 0);
    if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
        get_own(vcpu)->nmis = events->nmi.pending;
}
