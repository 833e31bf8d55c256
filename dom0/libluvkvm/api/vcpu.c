#include "api/vcpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "api/descriptors.h"
#include "api/kick.h"
#include "api/log.h"
#include "memory/pages.h"

#define TSC_TOLERANCE 250 /* millionths */

/* --- Its life --- */

static long map_run(struct vcpu *vcpu)
{
    uint8_t *pages;

    vcpu->fd = open_object(OBJECT_VCPU, vcpu, "luvkvm-vcpu", RUN_PAGES * PAGE);
    if (vcpu->fd < 0)
        return vcpu->fd;
    pages = map_pages(NULL, RUN_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (pages == MAP_FAILED)
        return -errno;
    vcpu->run = (struct kvm_run *)pages;
    vcpu->port_data = pages + PAGE;
    vcpu->ring = (struct kvm_coalesced_mmio_ring *)(pages + 2 * PAGE);
    return 0;
}

static bool has_vcpu(struct vm *vm, uint32_t id)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpus[i]->id == id)
            return true;
    return false;
}

static void prepare(struct vcpu *vcpu)
{
    vcpu->external = vcpu->eoi = -1;
    vcpu->state = vcpu->id && vcpu->vm->split ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE;
    apic_create(vcpu);
}

/* It is published last: devices and other processors send to it from then on. */
static long publish(struct vm *vm, struct vcpu *vcpu)
{
    long error = 0;

    pthread_rwlock_wrlock(&vm->lock);
    if (has_vcpu(vm, vcpu->id))
        error = -EEXIST;
    else
        vm->vcpus[vm->vcpu_count] = vcpu;
    if (!error)
        vm->vcpu_count++;
    pthread_rwlock_unlock(&vm->lock);
    return error;
}

long create_vcpu(struct vm *vm, uint32_t id)
{
    struct vcpu *vcpu;
    long error;

    if (id >= MAX_VCPUS || vm->vcpu_count == MAX_VCPUS)
        return -EINVAL;
    if (has_vcpu(vm, id))
        return -EEXIST;
    vcpu = calloc(1, sizeof *vcpu);
    if (!vcpu)
        return -ENOMEM;
    vcpu->vm = vm;
    vcpu->id = id;
    prepare(vcpu);
    error = map_run(vcpu);
    if (!error)
        error = vm->backend->create_vcpu(vcpu);
    if (!error)
        error = publish(vm, vcpu);
    return error ? error : vcpu->fd;
}

/* Its id stays taken, as long as the VM lives: KVM does the same. */
void destroy_vcpu(struct vcpu *vcpu)
{
    backend(vcpu)->destroy_vcpu(vcpu);
}

/* --- State --- */

static long get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
    long error = backend(vcpu)->get_state(vcpu, STATE_SREGS, sregs);

    sregs->apic_base = vcpu->apic.base;
    sregs->cr8 = apic_get_cr8(vcpu);
    return error;
}

static long set_sregs(struct vcpu *vcpu, const struct kvm_sregs *given)
{
    struct kvm_sregs sregs = *given;
    long error;

    if (sregs.apic_base != vcpu->apic.base)
        vcpu->apic.base = sregs.apic_base;
    apic_set_cr8(vcpu, (uint8_t)sregs.cr8);
    sregs.apic_base &= ~(uint64_t)APIC_BASE_X2APIC;
    error = backend(vcpu)->set_state(vcpu, STATE_SREGS, &sregs);
    atomic_store(&vcpu->work, true);
    return error;
}

static long get_events(struct vcpu *vcpu, struct kvm_vcpu_events *events)
{
    long error;

    memset(events, 0, sizeof *events);
    error = backend(vcpu)->get_state(vcpu, STATE_EVENTS, events);
    events->nmi.pending |= atomic_load(&vcpu->nmis) != 0;
    events->sipi_vector = (uint32_t)atomic_load(&vcpu->apic.sipi) & 0xFF;
    events->flags &= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    return error;
}

static long set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *given)
{
    struct kvm_vcpu_events events = *given;

    events.flags &= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    if (events.flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
        atomic_store(&vcpu->nmis, 0);
    return backend(vcpu)->set_state(vcpu, STATE_EVENTS, &events);
}

/* A processor without an APIC here has the two states that its VMM does not keep itself. */
static long get_mp_state(struct vcpu *vcpu, struct kvm_mp_state *state)
{
    state->mp_state = vcpu->state;
    return 0;
}

static long set_mp_state(struct vcpu *vcpu, const struct kvm_mp_state *state)
{
    if (state->mp_state > KVM_MP_STATE_SIPI_RECEIVED)
        return -EINVAL;
    vcpu->state = state->mp_state;
    atomic_store(&vcpu->work, true);
    return 0;
}

static long set_external(struct vcpu *vcpu, const struct kvm_interrupt *interrupt)
{
    if (interrupt->irq > 255)
        return -EINVAL;
    if (vcpu->external >= 0)
        return -EEXIST;
    vcpu->external = (int)interrupt->irq;
    atomic_store(&vcpu->work, true);
    return 0;
}

static long set_nmi(struct vcpu *vcpu)
{
    atomic_fetch_add(&vcpu->nmis, 1);
    kick_vcpu(vcpu);
    return 0;
}

static long set_mce(struct vcpu *vcpu, const uint64_t *capabilities)
{
    vcpu->mcg_cap = *capabilities;
    return 0;
}

static long get_lapic(struct vcpu *vcpu, struct kvm_lapic_state *state)
{
    apic_get(vcpu, state);
    return 0;
}

static long set_lapic(struct vcpu *vcpu, const struct kvm_lapic_state *state)
{
    apic_set(vcpu, state);
    return 0;
}

static long get_tsc_khz(struct vcpu *vcpu)
{
    return backend(vcpu)->get_tsc_khz(vcpu);
}

/* Each process measures for itself, and guests move: what differs by no more than KVM tolerates is the same. */
static long set_tsc_khz(struct vcpu *vcpu, unsigned long khz)
{
    long own = get_tsc_khz(vcpu);

    return labs((long)khz - own) <= own * TSC_TOLERANCE / 1000000 ? 0 : -EINVAL;
}

static long refuse(unsigned long request)
{
    log_once(request, "the VMM's call 0x%lx of a processor is not offered: EINVAL", request);
    return -EINVAL;
}

/* State that the backend has as a whole. */
static long pass_state(struct vcpu *vcpu, unsigned long request, void *argument)
{
    const struct backend *calls = backend(vcpu);

    switch (request) {
    case KVM_GET_REGS: return calls->get_state(vcpu, STATE_REGS, argument);
    case KVM_SET_REGS: return calls->set_state(vcpu, STATE_REGS, argument);
    case KVM_GET_DEBUGREGS: return calls->get_state(vcpu, STATE_DEBUGREGS, argument);
    case KVM_SET_DEBUGREGS: return calls->set_state(vcpu, STATE_DEBUGREGS, argument);
    case KVM_GET_XSAVE: return calls->get_state(vcpu, STATE_XSAVE, argument);
    case KVM_SET_XSAVE: return calls->set_state(vcpu, STATE_XSAVE, argument);
    case KVM_GET_FPU: return calls->get_state(vcpu, STATE_FPU, argument);
    case KVM_SET_FPU: return calls->set_state(vcpu, STATE_FPU, argument);
    case KVM_GET_XCRS: return calls->get_state(vcpu, STATE_XCRS, argument);
    case KVM_SET_XCRS: return calls->set_state(vcpu, STATE_XCRS, argument);
    default: return refuse(request);
    }
}

long answer_vcpu(struct vcpu *vcpu, unsigned long request, void *argument)
{
    atomic_store(&vcpu->work, true); /* whatever this changes, the loop looks at everything again */
    switch (request) {
    case KVM_INTERRUPT: return set_external(vcpu, argument);
    case KVM_NMI: return set_nmi(vcpu);
    case KVM_GET_SREGS: return get_sregs(vcpu, argument);
    case KVM_SET_SREGS: return set_sregs(vcpu, argument);
    case KVM_GET_MSRS: return get_msrs(vcpu, argument);
    case KVM_SET_MSRS: return set_msrs(vcpu, argument);
    case KVM_SET_CPUID2: return set_cpuid(vcpu, argument);
    case KVM_GET_CPUID2: return get_cpuid(vcpu, argument);
    case KVM_GET_VCPU_EVENTS: return get_events(vcpu, argument);
    case KVM_SET_VCPU_EVENTS: return set_events(vcpu, argument);
    case KVM_GET_MP_STATE: return get_mp_state(vcpu, argument);
    case KVM_SET_MP_STATE: return set_mp_state(vcpu, argument);
    case KVM_GET_LAPIC: return get_lapic(vcpu, argument);
    case KVM_SET_LAPIC: return set_lapic(vcpu, argument);
    case KVM_X86_SETUP_MCE: return set_mce(vcpu, argument);
    case KVM_GET_TSC_KHZ: return get_tsc_khz(vcpu);
    case KVM_SET_TSC_KHZ: return set_tsc_khz(vcpu, (unsigned long)argument);
    case KVM_SET_VAPIC_ADDR:           /* a shortcut for TPR writes of old systems: none is taken */
    case KVM_TPR_ACCESS_REPORTING: return 0;
    case KVM_SET_GUEST_DEBUG: return backend(vcpu)->set_debug(vcpu, argument);
    default: return pass_state(vcpu, request, argument);
    }
}
