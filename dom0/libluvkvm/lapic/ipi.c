#include "lapic/ipi.h"

#include "api/kick.h"
#include "api/vcpu.h"

#define BROADCAST 0xFFu

/* --- Who is meant. SDM: 11.6.2 --- */

static bool match_logical(struct apic *apic, uint32_t destination)
{
    uint32_t own = *apic_register(apic, APIC_LDR);

    if (apic_is_x2(apic))
        return own >> 16 == destination >> 16 && (own & destination & 0xFFFF);
    own >>= 24;
    if (*apic_register(apic, APIC_DFR) >> 28 == 15) /* flat */
        return own & destination;
    return own >> 4 == (destination >> 4 & 15) && (own & destination & 15);
}

/* A guest may write an xAPIC's id. */
static uint32_t get_id(struct apic *apic)
{
    return apic_is_x2(apic) ? apic->id : *apic_register(apic, APIC_ID) >> 24;
}

/* An xAPIC's 8 bits reach an x2APIC too: 255 is everyone, logical ones are clusters of its low ids. */
static bool is_addressed(struct vcpu *vcpu, const struct message *message)
{
    uint32_t destination = message->destination;

    if (destination == (message->x2 ? ~0u : BROADCAST))
        return true;
    if (message->logical)
        return match_logical(&vcpu->apic, destination);
    return destination == get_id(&vcpu->apic);
}

/* How an interrupt command or a message is delivered: both have the field in the same place. */
static uint8_t get_delivery(uint32_t command)
{
    return (command & APIC_ICR_DELIVERY_MASK) >> APIC_ICR_DELIVERY_SHIFT;
}

/* --- What it does --- */

static bool deliver_message(struct vcpu *vcpu, const struct message *message)
{
    switch (message->mode) {
    case APIC_ICR_DELIVERY_FIXED:
    case APIC_ICR_DELIVERY_LOWEST_PRIORITY: apic_accept(vcpu, message->vector, message->level); return true;
    case APIC_ICR_DELIVERY_NMI: atomic_fetch_add(&vcpu->nmis, 1); break;
    case APIC_ICR_DELIVERY_INIT:
        if (message->level && !message->assert_line)
            return true;
        atomic_store(&vcpu->apic.sipi, -1);
        atomic_store(&vcpu->apic.init, true);
        break;
    case APIC_ICR_DELIVERY_STARTUP: atomic_store(&vcpu->apic.sipi, message->vector); break;
    default: return false;
    }
    kick_vcpu(vcpu);
    return true;
}

static uint32_t get_priority(struct vcpu *vcpu)
{
    return *apic_register(&vcpu->apic, APIC_PPR);
}

static bool is_better(struct vcpu *candidate, struct vcpu *best)
{
    if (!(*apic_register(&candidate->apic, APIC_SVR) & APIC_SVR_ENABLE))
        return false;
    return !best || get_priority(candidate) < get_priority(best);
}

/* Lowest priority: one of the addressed, the one with the least to do. */
static int send_to_one(struct vm *vm, const struct message *message)
{
    struct vcpu *best = NULL;

    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        if (is_addressed(vm->vcpus[i], message) && is_better(vm->vcpus[i], best))
            best = vm->vcpus[i];
    return best ? deliver_message(best, message) : 0;
}

int send_message(struct vm *vm, const struct message *message)
{
    int taken = 0;

    if (message->one)
        return send_to_one(vm, message);
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        if (is_addressed(vm->vcpus[i], message))
            taken += deliver_message(vm->vcpus[i], message);
    return taken;
}

/* --- Where they come from --- */

static void send_shorthand(struct vcpu *sender, uint32_t shorthand, const struct message *message)
{
    for (uint32_t i = 0; i < sender->vm->vcpu_count; i++) {
        struct vcpu *vcpu = sender->vm->vcpus[i];

        if (shorthand == APIC_ICR_SHORTHAND_ALL || (vcpu == sender) == (shorthand == APIC_ICR_SHORTHAND_SELF))
            deliver_message(vcpu, message);
    }
}

void send_ipi(struct vcpu *sender, uint32_t command, uint32_t destination)
{
    uint32_t shorthand = (command & APIC_ICR_SHORTHAND_MASK) >> APIC_ICR_SHORTHAND_SHIFT;
    struct message message = {
        .vector = (uint8_t)command,
        .mode = get_delivery(command),
        .logical = command & APIC_ICR_LOGICAL,
        .assert_line = command & APIC_ICR_ASSERT,
        .level = command & APIC_ICR_LEVEL,
        .one = get_delivery(command) == APIC_ICR_DELIVERY_LOWEST_PRIORITY,
        .x2 = apic_is_x2(&sender->apic),
        .destination = destination,
    };

    if (shorthand != APIC_ICR_SHORTHAND_NONE)
        send_shorthand(sender, shorthand, &message);
    else
        send_message(sender->vm, &message);
}

int send_msi(struct vm *vm, uint64_t address, uint32_t data)
{
    struct message message = {
        .vector = (uint8_t)data,
        .mode = get_delivery(data),
        .logical = address >> 2 & 1,
        .assert_line = true,
        .level = data & APIC_ICR_LEVEL,
        .one = get_delivery(data) == APIC_ICR_DELIVERY_LOWEST_PRIORITY || (address >> 3 & 1),
        .destination = (uint32_t)(address >> 12 & 0xFF),
    };

    return send_message(vm, &message);
}
