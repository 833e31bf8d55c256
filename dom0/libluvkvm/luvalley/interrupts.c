/* Interrupts and NMIs for the guest, and windows for those that it cannot accept yet. SDM: 25.8.3 */
#include "luvalley/interrupts.h"

#include "luvalley/access.h"

/* Blocking by STI and MOV SS ends with an instruction that is to be stepped over. */
static uint32_t get_blocking(const struct luv_run *run)
{
    return run->finish == LUV_FINISH_RESUME ? run->blocking : run->blocking & INTERRUPTIBILITY_NMI;
}

/* With TF a trap is pending after an instruction that is to be stepped over; an event beside it would drop the trap. SDM: 27.7.3 */
static bool has_pending_trap(const struct luv_run *run)
{
    return run->finish != LUV_FINISH_RESUME && run->rflags & RFLAGS_TF;
}

static bool is_busy(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    return own->run->event & LUV_EVENT_VALID || has_pending_trap(own->run) || own->access_state == ACCESS_ANSWERED ||
        own->has_deferred;
}

/* An answered access is completed first: it may end in a fault, which comes before an interrupt. */
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
    return !is_busy(vcpu) && run->rflags & RFLAGS_IF && !(get_blocking(run) & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
}

void vmcall_interrupt(struct vcpu *vcpu, uint8_t vector)
{
    get_own(vcpu)->run->event = make_event(LUV_EVENT_TYPE_EXTERNAL, vector);
}

/* The guest lowers its TPR without an exit: one is requested where that would unmask a vector. Without an APIC here the VMM sees
 * every change. SDM: 30.1.3 */
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

    run->windows = wanted ? LUV_REQUESTS_INTERRUPT_WINDOW : 0;
    run->tpr_threshold = find_threshold(vcpu);
}

static bool is_in_nmi(const struct luv_run *run)
{
    return run->blocking & INTERRUPTIBILITY_NMI ||
        (run->event & LUV_EVENT_VALID && get_event_type(run->event) == LUV_EVENT_TYPE_NMI);
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
    if (is_busy(vcpu) || get_blocking(run) & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_NMI)) {
        run->windows |= LUV_REQUESTS_NMI_WINDOW;
        return;
    }
    own->nmis--;
    run->windows &= (uint8_t)~LUV_REQUESTS_NMI_WINDOW;
    run->event = make_event(LUV_EVENT_TYPE_NMI, VECTOR_NMI);
}
