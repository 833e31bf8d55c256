/* KVM_RUN: pending work, VM entry, and the handling of the exit, in a loop. */
#include <errno.h>
#include <string.h>

#include "api/access.h"
#include "api/kick.h"
#include "cpu/startup.h"
#include "api/vcpu.h"

#define MAX_NMIS 2 /* one in service, one pending: further ones are lost. SDM: 6.7.1 */

enum next { AGAIN, TO_USER };

/* --- Interrupts --- */

static bool has_flag(struct vcpu *vcpu)
{
    return vcpu->run->if_flag;
}

/* Does the VMM's PIC reach this processor at all? */
static bool is_pic_open(struct vcpu *vcpu)
{
    return vcpu->external < 0 && (!vcpu->vm->split || apic_accepts_pic(vcpu));
}

static noinline bool may_interrupt(struct vcpu *vcpu)
{
    return is_pic_open(vcpu) && backend(vcpu)->can_interrupt(vcpu);
}

/* Can its vector be injected now? */
static bool can_accept_pic(struct vcpu *vcpu)
{
    return has_flag(vcpu) && may_interrupt(vcpu);
}

static int find_vector(struct vcpu *vcpu)
{
    if (vcpu->external >= 0)
        return vcpu->external;
    return vcpu->vm->split ? apic_find(vcpu) : -1;
}

static void inject_vector(struct vcpu *vcpu, int vector)
{
    if (vcpu->external >= 0)
        vcpu->external = -1;
    else
        apic_acknowledge(vcpu, (uint8_t)vector);
    backend(vcpu)->interrupt(vcpu, (uint8_t)vector);
}

/* Inject the highest interrupt if the guest can accept it; request a window if one has to wait. */
static void inject_interrupts(struct vcpu *vcpu)
{
    int vector = find_vector(vcpu);

    if (vector >= 0 && backend(vcpu)->can_interrupt(vcpu)) {
        inject_vector(vcpu, vector);
        vector = find_vector(vcpu);
    }
    backend(vcpu)->request_window(vcpu, vector >= 0 || (vcpu->run->request_interrupt_window && is_pic_open(vcpu)));
}

/* Requests of other threads for this vCPU. */
static noinline void do_work(struct vcpu *vcpu)
{
    atomic_store(&vcpu->work, false);
    if (vcpu->vm->split) {
        apic_timer_check(vcpu);
        start_up(vcpu);
    }
    if (vcpu->state != KVM_MP_STATE_RUNNABLE && vcpu->state != KVM_MP_STATE_HALTED)
        return;
    for (uint32_t left = atomic_exchange(&vcpu->nmis, 0), i = 0; i < left && i < MAX_NMIS; i++) {
        vcpu->state = KVM_MP_STATE_RUNNABLE;
        backend(vcpu)->nmi(vcpu);
    }
    if (vcpu->state == KVM_MP_STATE_HALTED && has_flag(vcpu) && find_vector(vcpu) >= 0)
        vcpu->state = KVM_MP_STATE_RUNNABLE;
    inject_interrupts(vcpu);
}

/* --- Exits --- */

static noinline enum next answer_msr_read(struct vcpu *vcpu)
{
    uint64_t value = 0;
    bool fault = !read_msr(vcpu, vcpu->msr.index, &value);

    backend(vcpu)->answer_msr(vcpu, value, fault);
    return AGAIN;
}

static noinline enum next answer_msr_write(struct vcpu *vcpu)
{
    bool fault = !write_msr(vcpu, vcpu->msr.index, vcpu->msr.data);

    backend(vcpu)->answer_msr(vcpu, 0, fault);
    return AGAIN;
}

static noinline enum next answer_cpuid(struct vcpu *vcpu)
{
    uint32_t registers[4];

    answer_leaf(vcpu, vcpu->leaf, vcpu->subleaf, registers);
    backend(vcpu)->answer_cpuid(vcpu, registers);
    return AGAIN;
}

/* With an APIC here the wait is here too; without, it is the VMM's. */
static enum next halt(struct vcpu *vcpu)
{
    atomic_store(&vcpu->work, true);
    if (vcpu->vm->split) {
        vcpu->state = KVM_MP_STATE_HALTED;
        return AGAIN;
    }
    vcpu->run->exit_reason = KVM_EXIT_HLT;
    return TO_USER;
}

static noinline enum next open_window(struct vcpu *vcpu)
{
    atomic_store(&vcpu->work, true);
    if (!vcpu->run->request_interrupt_window || !can_accept_pic(vcpu))
        return AGAIN;
    vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
    return TO_USER;
}

static enum next shut_down(struct vcpu *vcpu)
{
    vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
    return TO_USER;
}

/* The most frequent one first: a jump table costs more than the rest of that path. */
static enum next answer_exit(struct vcpu *vcpu, enum exit_kind kind)
{
    if (kind == EXIT_ACCESS)
        return do_access(vcpu) ? AGAIN : TO_USER;
    switch (kind) {
    case EXIT_INTERRUPTED: return AGAIN;
    case EXIT_CPUID: return answer_cpuid(vcpu);
    case EXIT_MSR_READ: return answer_msr_read(vcpu);
    case EXIT_MSR_WRITE: return answer_msr_write(vcpu);
    case EXIT_HALT: return halt(vcpu);
    case EXIT_WINDOW: return open_window(vcpu);
    case EXIT_SHUTDOWN: return shut_down(vcpu);
    default: return TO_USER;
    }
}

/* --- The loop --- */

/* What the VMM reads in kvm_run after every KVM_RUN. */
static long return_to_vmm(struct vcpu *vcpu, long result)
{
    vcpu->run->ready_for_interrupt_injection = can_accept_pic(vcpu);
    vcpu->run->cr8 = apic_get_cr8(vcpu);
    vcpu->run->apic_base = vcpu->apic.base;
    vcpu->run->flags = 0;
    return result;
}

/* The VMM's IOAPIC waits for the end of a level-triggered interrupt. */
static bool report_pending_eoi(struct vcpu *vcpu)
{
    if (vcpu->eoi < 0)
        return false;
    vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
    vcpu->run->eoi.vector = (uint8_t)vcpu->eoi;
    vcpu->eoi = -1;
    return true;
}

static void begin(struct vcpu *vcpu)
{
    adopt_thread(vcpu);
    finish_access(vcpu);
    if (!vcpu->vm->split)
        apic_set_cr8(vcpu, (uint8_t)vcpu->run->cr8);
    if (vcpu->window != vcpu->run->request_interrupt_window)
        atomic_store(&vcpu->work, true);
    vcpu->window = vcpu->run->request_interrupt_window;
}

/* The backend honors a requested exit: it first completes what was answered. */
noinline long run_vcpu(struct vcpu *vcpu)
{
    begin(vcpu);
    for (;;) {
        enum exit_kind kind = EXIT_INTERRUPTED;

        if (report_pending_eoi(vcpu))
            return return_to_vmm(vcpu, 0);
        if (atomic_load(&vcpu->work))
            do_work(vcpu);
        if (vcpu->state == KVM_MP_STATE_RUNNABLE || is_exit_requested(vcpu))
            kind = backend(vcpu)->run(vcpu);
        else
            wait_for_kick(vcpu);
        if (kind == EXIT_ERROR)
            return return_to_vmm(vcpu, vcpu->error);
        if (answer_exit(vcpu, kind) == TO_USER)
            return return_to_vmm(vcpu, 0);
        if (kind == EXIT_INTERRUPTED && is_exit_requested(vcpu)) {
            vcpu->run->exit_reason = KVM_EXIT_INTR;
            return return_to_vmm(vcpu, -EINTR);
        }
    }
}
