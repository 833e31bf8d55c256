#include "cpu/kvm_hypercalls.h"

#include <errno.h>
#include <linux/kvm_para.h>

#include "lapic/ipi.h"
#include "api/vcpu.h"

#define NOT_IN_A_SET 0xC0800u /* of an interrupt command: a shorthand or logical destination */

/* One interrupt to all whose APIC ids are in a set, that begins with id `first`. Returns how many took it. */
static int send_to_set(struct vm *vm, uint64_t set, uint64_t first, uint32_t command)
{
    struct message message = {
        .vector = (uint8_t)command,
        .mode = command >> 8 & 7,
        .assert_line = command >> 14 & 1,
        .level = command >> 15 & 1,
        .x2 = true,
    };
    int taken = 0;

    for (; set; set &= set - 1) {
        message.destination = (uint32_t)(first + (uint64_t)__builtin_ctzll(set));
        taken += send_message(vm, &message);
    }
    return taken;
}

/* Two words of a set, as wide as the guest's registers. */
static int64_t send_to_sets(struct vcpu *vcpu, const uint64_t arguments[4], bool wide)
{
    uint32_t first = (uint32_t)arguments[2], command = (uint32_t)arguments[3];

    if (command & NOT_IN_A_SET)
        return -EINVAL;
    if (first >= MAX_VCPUS)
        return 0;
    return send_to_set(vcpu->vm, arguments[0], first, command) +
        send_to_set(vcpu->vm, arguments[1], first + (wide ? 64 : 32), command);
}

static int64_t answer(struct vcpu *vcpu, uint64_t number, const uint64_t arguments[4], bool wide)
{
    switch (number) {
    case KVM_HC_VAPIC_POLL_IRQ: return 0;
    case KVM_HC_SEND_IPI: return vcpu->vm->split ? send_to_sets(vcpu, arguments, wide) : -KVM_ENOSYS;
    default: return -KVM_ENOSYS;
    }
}

int64_t answer_kvm_hypercall(struct vcpu *vcpu, uint64_t number, const uint64_t arguments[4], bool wide)
{
    uint64_t narrow[4];

    if (wide)
        return answer(vcpu, number, arguments, true);
    for (unsigned i = 0; i < 4; i++)
        narrow[i] = (uint32_t)arguments[i];
    return (uint32_t)answer(vcpu, (uint32_t)number, narrow, false);
}
