/* The event that is injected at the next VM entry. SDM: 25.8.3 */
#include "luvalley/events.h"

#include <string.h>

#include "luvalley/state_area.h"
#include "generated/x86/x86.h"

#define SREGS_BYTES sizeof(struct kvm_sregs)

void inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_code, uint32_t code)
{
    struct luv_run *run = get_own(vcpu)->run;
    uint32_t type = vector == VECTOR_BP ? LUV_EVENT_TYPE_SOFTWARE_EXCEPTION : LUV_EVENT_TYPE_HARDWARE;

    run->event = make_event(type, vector) | (has_code ? LUV_EVENT_ERROR_CODE : 0);
    run->event_error = code;
    run->event_length = vector == VECTOR_BP;
    if (vector != VECTOR_BP && vector != VECTOR_DB)
        run->rflags |= RFLAGS_RF; /* a fault: SDM 18.3.1.1 */
}

/* CR2 is not in the run page. */
void inject_page_fault(struct vcpu *vcpu, uint64_t linear, uint32_t code)
{
    struct kvm_sregs sregs;

    if (!transfer_state(vcpu, false, LUV_STATE_SREGS, SREGS_BYTES)) {
        memcpy(&sregs, get_own(vcpu)->area, sizeof sregs);
        sregs.cr2 = linear;
        memcpy(get_own(vcpu)->area, &sregs, sizeof sregs);
        transfer_state(vcpu, true, LUV_STATE_SREGS, SREGS_BYTES);
    }
    inject_exception(vcpu, VECTOR_PF, true, code);
}

/* --- As KVM shows them --- */

static void get_event(const struct luv_run *run, struct kvm_vcpu_events *events)
{
    uint32_t type = get_event_type(run->event);
    uint8_t vector = (uint8_t)run->event;

    if (type == LUV_EVENT_TYPE_EXTERNAL || type == LUV_EVENT_TYPE_SOFTWARE_INTERRUPT) {
        events->interrupt.injected = 1;
        events->interrupt.nr = vector;
        events->interrupt.soft = type == LUV_EVENT_TYPE_SOFTWARE_INTERRUPT;
    } else if (type == LUV_EVENT_TYPE_NMI) {
        events->nmi.injected = 1;
    } else {
        events->exception.injected = 1;
        events->exception.nr = vector;
        events->exception.has_error_code = !!(run->event & LUV_EVENT_ERROR_CODE);
        events->exception.error_code = run->event_error;
    }
}

void get_events_of(struct vcpu *vcpu, struct kvm_vcpu_events *events)
{
    const struct luv_run *run = get_own(vcpu)->run;

    memset(events, 0, sizeof *events);
    if (run->event & LUV_EVENT_VALID)
        get_event(run, events);
    events->interrupt.shadow = (run->blocking & INTERRUPTIBILITY_STI ? KVM_X86_SHADOW_INT_STI : 0) |
        (run->blocking & INTERRUPTIBILITY_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
    events->nmi.masked = !!(run->blocking & INTERRUPTIBILITY_NMI);
    events->nmi.pending = get_own(vcpu)->nmis != 0;
    events->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
}

static uint32_t choose_event(const struct kvm_vcpu_events *events)
{
    if (events->exception.injected) {
        bool soft = events->exception.nr == VECTOR_BP || events->exception.nr == 4;
        uint32_t type = soft ? LUV_EVENT_TYPE_SOFTWARE_EXCEPTION : LUV_EVENT_TYPE_HARDWARE;

        return make_event(type, events->exception.nr & 31) | (events->exception.has_error_code ? LUV_EVENT_ERROR_CODE : 0);
    }
    if (events->nmi.injected)
        return make_event(LUV_EVENT_TYPE_NMI, VECTOR_NMI);
    if (events->interrupt.injected)
        return make_event(events->interrupt.soft ? LUV_EVENT_TYPE_SOFTWARE_INTERRUPT : LUV_EVENT_TYPE_EXTERNAL,
                          events->interrupt.nr);
    return 0;
}

void set_events_of(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
    struct luv_run *run = get_own(vcpu)->run;

    run->event = choose_event(events);
    run->event_error = events->exception.error_code;
    run->event_length = get_event_type(run->event) == LUV_EVENT_TYPE_SOFTWARE_INTERRUPT ? 2 : 1;
    if (events->flags & KVM_VCPUEVENT_VALID_SHADOW)
        run->blocking = (run->blocking & INTERRUPTIBILITY_NMI) |
            (events->interrupt.shadow & KVM_X86_SHADOW_INT_STI ? INTERRUPTIBILITY_STI : 0) |
            (events->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS ? INTERRUPTIBILITY_MOV_SS : 0);
    run->blocking = (run->blocking & ~INTERRUPTIBILITY_NMI) | (events->nmi.masked ? INTERRUPTIBILITY_NMI : 0);
    if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
        get_own(vcpu)->nmis = events->nmi.pending;
}
