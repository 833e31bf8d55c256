#include "api/access.h"

#include "api/events.h"
#include "api/vcpu.h"

/* By the local APIC, an event descriptor or the ring of coalesced writes. */
static bool do_here(struct vcpu *vcpu)
{
    struct access *access = &vcpu->access;

    if (access->memory && vcpu->vm->split && apic_has_page(vcpu, access->address)) {
        apic_access_page(vcpu, access->address, access->size, access->write, access->data);
        return true;
    }
    return signal_ioeventfd(vcpu->vm, access) || coalesce_write(vcpu, access);
}

static void ask_port(struct vcpu *vcpu)
{
    const struct access *access = &vcpu->access;

    vcpu->run->exit_reason = KVM_EXIT_IO;
    vcpu->run->io.direction = access->write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
    vcpu->run->io.size = (uint8_t)access->size;
    vcpu->run->io.port = (uint16_t)access->address;
    vcpu->run->io.count = access->count;
    vcpu->run->io.data_offset = PAGE;
}

static void ask_memory(struct vcpu *vcpu)
{
    const struct access *access = &vcpu->access;

    vcpu->run->exit_reason = KVM_EXIT_MMIO;
    vcpu->run->mmio.phys_addr = access->address;
    vcpu->run->mmio.len = access->size;
    vcpu->run->mmio.is_write = access->write;
}

bool do_access(struct vcpu *vcpu)
{
    if (do_here(vcpu)) {
        backend(vcpu)->answer_access(vcpu);
        return true;
    }
    vcpu->access.asked = true;
    if (vcpu->access.memory)
        ask_memory(vcpu);
    else
        ask_port(vcpu);
    return false;
}

void finish_access(struct vcpu *vcpu)
{
    if (!vcpu->access.asked)
        return;
    vcpu->access.asked = false;
    backend(vcpu)->answer_access(vcpu);
}
