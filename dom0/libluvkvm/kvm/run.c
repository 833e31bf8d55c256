/* KVM_RUN of the real /dev/kvm: entry, exit, and what was answered. */
#include <errno.h>
#include <string.h>

#include "api/kick.h"
#include "kvm/kvm.h"
#include "kvm/verify.h"

#define SIGNALS 8 /* bytes of the kernel's own signal set */

/* Signals are held, and let through by KVM only while the guest runs: one that comes earlier ends the run at once. */
static void set_mask(struct vcpu *vcpu, const sigset_t *open)
{
    struct {
        struct kvm_signal_mask header;
        uint8_t set[SIGNALS];
    } mask = {{.len = SIGNALS}, {0}};

    if (own(vcpu)->masked && !memcmp(&own(vcpu)->mask, open, SIGNALS))
        return;
    memcpy(mask.set, open, SIGNALS);
    kvm_ioctl(own(vcpu)->fd, KVM_SET_SIGNAL_MASK, &mask);
    own(vcpu)->mask = *open;
    own(vcpu)->masked = true;
}

/* KVM has no APIC here, but its CPUID follows APIC_BASE. */
static void set_base(struct vcpu *vcpu)
{
    uint64_t base = vcpu->apic.base & ~(uint64_t)APIC_BASE_X2APIC;

    if (base != own(vcpu)->base)
        kvm_set_msr(vcpu, IA32_APIC_BASE, base);
    own(vcpu)->base = base;
}

static long enter(struct vcpu *vcpu)
{
    sigset_t open;
    long result;

    set_base(vcpu);
    hold_signals(&open);
    set_mask(vcpu, &open);
    atomic_store(&vcpu->reachable, true);
    own(vcpu)->run->immediate_exit = atomic_load(&vcpu->work) || is_exit_requested(vcpu);
    result = kvm_ioctl(own(vcpu)->fd, KVM_RUN, NULL);
    atomic_store(&vcpu->reachable, false);
    release_signals(&open);
    return result;
}

/* What every exit says besides its reason. */
static void load_exit_flags(struct vcpu *vcpu)
{
    struct kvm_run *run = own(vcpu)->run;

    own(vcpu)->ready = run->ready_for_interrupt_injection;
    vcpu->run->if_flag = run->if_flag;
    apic_set_cr8(vcpu, (uint8_t)run->cr8);
}

static enum exit_kind handle_io(struct vcpu *vcpu)
{
    struct kvm_run *run = own(vcpu)->run;
    bool write = run->io.direction == KVM_EXIT_IO_OUT;

    vcpu->access = (struct access){
        .write = write,
        .address = run->io.port,
        .size = run->io.size,
        .count = run->io.count,
        .data = vcpu->port_data,
    };
    if (write)
        memcpy(vcpu->port_data, (uint8_t *)run + run->io.data_offset, run->io.size * run->io.count);
    return EXIT_ACCESS;
}

static enum exit_kind handle_mmio(struct vcpu *vcpu)
{
    struct kvm_run *run = own(vcpu)->run;

    vcpu->access = (struct access){
        .memory = true,
        .write = run->mmio.is_write,
        .address = run->mmio.phys_addr,
        .size = run->mmio.len,
        .count = 1,
        .data = vcpu->run->mmio.data,
    };
    memcpy(vcpu->run->mmio.data, run->mmio.data, sizeof run->mmio.data);
    if (!run->mmio.is_write)
        verify_read(vcpu, run->mmio.phys_addr, run->mmio.len);
    return EXIT_ACCESS;
}

static enum exit_kind handle_msr(struct vcpu *vcpu, enum exit_kind kind)
{
    vcpu->msr.index = own(vcpu)->run->msr.index;
    vcpu->msr.data = own(vcpu)->run->msr.data;
    return kind;
}

/* After the flags, kvm_run's union is what the VMM would have seen from KVM itself. */
static enum exit_kind pass_on(struct vcpu *vcpu)
{
    vcpu->run->exit_reason = own(vcpu)->run->exit_reason;
    memcpy(vcpu->run->padding, own(vcpu)->run->padding, sizeof vcpu->run->padding);
    return EXIT_TO_USER;
}

static enum exit_kind handle_exit(struct vcpu *vcpu)
{
    switch (own(vcpu)->run->exit_reason) {
    case KVM_EXIT_IO: return handle_io(vcpu);
    case KVM_EXIT_MMIO: return handle_mmio(vcpu);
    case KVM_EXIT_X86_RDMSR: return handle_msr(vcpu, EXIT_MSR_READ);
    case KVM_EXIT_X86_WRMSR: return handle_msr(vcpu, EXIT_MSR_WRITE);
    case KVM_EXIT_HLT: return EXIT_HALT;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR: return EXIT_WINDOW;
    case KVM_EXIT_SHUTDOWN: return EXIT_SHUTDOWN;
    case KVM_EXIT_INTR: return EXIT_INTERRUPTED;
    default: return pass_on(vcpu);
    }
}

static enum exit_kind handle_result(struct vcpu *vcpu, long result)
{
    if (result == -EINTR || result == -EAGAIN)
        return EXIT_INTERRUPTED;
    if (result < 0) {
        vcpu->error = result;
        return EXIT_ERROR;
    }
    return handle_exit(vcpu);
}

enum exit_kind kvm_run(struct vcpu *vcpu)
{
    long result = 0;

    if (!own(vcpu)->deferred) {
        own(vcpu)->run->cr8 = apic_get_cr8(vcpu);
        result = enter(vcpu);
        load_exit_flags(vcpu);
    }
    own(vcpu)->completion_pending = own(vcpu)->deferred = false;
    return handle_result(vcpu, result);
}

/* KVM finishes an access at the next entry: make one that ends before the guest runs. */
void kvm_settle(struct vcpu *vcpu)
{
    if (!own(vcpu)->completion_pending)
        return;
    own(vcpu)->completion_pending = false;
    own(vcpu)->run->cr8 = apic_get_cr8(vcpu);
    own(vcpu)->run->immediate_exit = 1;
    own(vcpu)->deferred = kvm_ioctl(own(vcpu)->fd, KVM_RUN, NULL) != -EINTR;
    load_exit_flags(vcpu);
}

void kvm_answer_access(struct vcpu *vcpu)
{
    const struct access *access = &vcpu->access;
    struct kvm_run *run = own(vcpu)->run;

    own(vcpu)->completion_pending = true;
    if (access->write)
        return;
    if (access->memory)
        memcpy(run->mmio.data, access->data, access->size);
    else
        memcpy((uint8_t *)run + run->io.data_offset, access->data, access->size * access->count);
}

void kvm_answer_msr(struct vcpu *vcpu, uint64_t value, bool fault)
{
    own(vcpu)->completion_pending = true;
    own(vcpu)->run->msr.data = value;
    own(vcpu)->run->msr.error = fault;
}

void kvm_answer_cpuid(struct vcpu *vcpu, const uint32_t registers[4])
{
    (void)vcpu;
    (void)registers;
}

/* The pending completion may end in a fault, and KVM loses an interrupt that is queued beside one. */
bool kvm_can_interrupt(struct vcpu *vcpu)
{
    kvm_settle(vcpu);
    return own(vcpu)->ready && !own(vcpu)->deferred;
}

void kvm_interrupt(struct vcpu *vcpu, uint8_t vector)
{
    struct kvm_interrupt interrupt = {.irq = vector};

    kvm_ioctl(own(vcpu)->fd, KVM_INTERRUPT, &interrupt);
    own(vcpu)->ready = false;
}

void kvm_request_window(struct vcpu *vcpu, bool wanted)
{
    own(vcpu)->run->request_interrupt_window = wanted;
}

void kvm_nmi(struct vcpu *vcpu)
{
    kvm_ioctl(own(vcpu)->fd, KVM_NMI, NULL);
}
