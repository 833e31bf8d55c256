#include "api/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cpu/clock.h"
#include "api/descriptors.h"
#include "api/events.h"
#include "lapic/ipi.h"
#include "api/log.h"
#include "memory/slots.h"
#include "api/system.h"
#include "api/vcpu.h"
#include "memory/written.h"

#define IOAPIC_PINS 24

long create_vm(const struct backend *backend)
{
    struct vm *vm = calloc(1, sizeof *vm);
    int error;

    if (!vm)
        return -ENOMEM;
    vm->backend = backend;
    vm->irqfd_epoll = -1;
    set_clock(vm, &(struct kvm_clock_data){0});
    pthread_rwlock_init(&vm->lock, NULL);
    error = backend->create_vm(vm);
    if (!error)
        error = vm->fd = open_object(OBJECT_VM, vm, "luvkvm-vm", 0);
    if (error < 0)
        free(vm);
    return error;
}

/* Its descriptor is closed. Processors may outlive it here as little as they do there: the process ends. */
void destroy_vm(struct vm *vm)
{
    vm->backend->destroy_vm(vm);
}

/* The local APIC is here, PIC and IOAPIC with the VMM: no other arrangement is offered. */
static long enable_capability(struct vm *vm, const struct kvm_enable_cap *capability)
{
    if (capability->cap == KVM_CAP_SPLIT_IRQCHIP && capability->args[0] == IOAPIC_PINS && !capability->flags) {
        if (vm->vcpu_count)
            return -EEXIST;
        vm->split = true;
        return 0;
    }
    if (capability->cap == KVM_CAP_MAX_VCPU_ID)
        return capability->args[0] > MAX_VCPUS ? -EINVAL : 0;
    log_once(0x300000000 | capability->cap, "the VMM's KVM_ENABLE_CAP %u is not offered: EINVAL", capability->cap);
    return -EINVAL;
}

static long refuse_irqchip(void)
{
    log_line("an interrupt controller inside KVM is not offered: use -machine kernel-irqchip=split, as `luv run` does");
    return -ENOTTY;
}

static long set_irq_line(struct vm *vm, struct kvm_irq_level *line, bool status)
{
    long taken;

    if (!vm->split)
        return -ENXIO;
    taken = raise_gsi(vm, line->irq, line->level);
    if (status)
        line->status = (uint32_t)taken;
    return 0;
}

long answer_vm(struct vm *vm, unsigned long request, void *argument)
{
    const struct kvm_msi *msi = argument;

    switch (request) {
    case KVM_CHECK_EXTENSION: return check_extension((unsigned long)argument);
    case KVM_CREATE_VCPU: return create_vcpu(vm, (uint32_t)(unsigned long)argument);
    case KVM_SET_USER_MEMORY_REGION: return set_slot(vm, argument);
    case KVM_GET_DIRTY_LOG: return get_dirty_log(vm, argument);
    case KVM_SET_TSS_ADDR:
    case KVM_SET_IDENTITY_MAP_ADDR:
    case KVM_SET_BOOT_CPU_ID: return 0;
    case KVM_ENABLE_CAP: return enable_capability(vm, argument);
    case KVM_CREATE_IRQCHIP: return refuse_irqchip();
    case KVM_SET_GSI_ROUTING: return set_routes(vm, argument);
    case KVM_IRQ_LINE: return set_irq_line(vm, argument, false);
    case KVM_IRQ_LINE_STATUS: return set_irq_line(vm, argument, true);
    case KVM_SIGNAL_MSI: return send_msi(vm, (uint64_t)msi->address_hi << 32 | msi->address_lo, msi->data);
    case KVM_IRQFD: return set_irqfd(vm, argument);
    case KVM_IOEVENTFD: return set_ioeventfd(vm, argument);
    case KVM_REGISTER_COALESCED_MMIO: return set_zone(vm, argument, true);
    case KVM_UNREGISTER_COALESCED_MMIO: return set_zone(vm, argument, false);
    case KVM_GET_CLOCK: return get_clock(vm, argument);
    case KVM_SET_CLOCK: return set_clock(vm, argument);
    default: log_once(request, "the VMM's call 0x%lx of a VM is not offered: ENOTTY", request); return -ENOTTY;
    }
}
