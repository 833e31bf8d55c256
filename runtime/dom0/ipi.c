/* Emulated interprocessor interrupts of dom0. */
#include "dom0/apic_watch.h"

#include "core/apic.h"
#include "core/cpu.h"
#include "core/panic.h"
#include "dom0/cpus.h"

#define XAPIC_ALL 0xFFu
#define X2APIC_ALL ~0u
#define FORMAT_FLAT 0xF                 /* SDM: 11.6.2.2 */

/* SDM: 11.12.10.2 */
static bool logical_x2(const struct cpu *target, u32 destination)
{
    return destination >> 16 == target->apic_id >> 4 && destination & 1u << target->apic_id % 16;
}

/* By what the guest has written to the target's LDR and DFR. SDM: 11.6.2.2 */
static bool logical_x(const struct cpu *target, u32 destination)
{
    u32 own = target->logical_id >> 24;
    if (target->logical_format >> 28 == FORMAT_FLAT)
        return destination & own;
    return destination >> 4 == own >> 4 && destination & own & 0xF;
}

static bool is_destination(const struct cpu *target, u32 destination, u32 command)
{
    bool x2 = apic_is_x2();
    if (destination == (x2 ? X2APIC_ALL : XAPIC_ALL))
        return true;
    if (!(command & APIC_ICR_LOGICAL))
        return destination == target->apic_id;
    return x2 ? logical_x2(target, destination) : logical_x(target, destination);
}

/* INIT and start-up IPIs to the sender are not defined; "all" means "the others". SDM: table 11-3 */
static bool is_addressed(const struct cpu *from, const struct cpu *target, u32 destination, u32 command)
{
    switch ((command & APIC_ICR_SHORTHAND_MASK) >> APIC_ICR_SHORTHAND_SHIFT) {
    case APIC_ICR_SHORTHAND_NONE: return is_destination(target, destination, command);
    case APIC_ICR_SHORTHAND_SELF: return false;
    default: return target != from;
    }
}

static bool deliver(struct cpu *target, u32 delivery, u8 vector)
{
    if (delivery == APIC_ICR_DELIVERY_INIT)
        return cpu_init_send(target);
    cpu_sipi_send(target, vector);
    return true;
}

bool ipi_emulate(struct cpu *cpu, u32 destination, u32 command)
{
    u32 delivery = (command & APIC_ICR_DELIVERY_MASK) >> APIC_ICR_DELIVERY_SHIFT;
    if (delivery != APIC_ICR_DELIVERY_INIT && delivery != APIC_ICR_DELIVERY_STARTUP)
        return false;
    if (delivery == APIC_ICR_DELIVERY_INIT && (command & (APIC_ICR_LEVEL | APIC_ICR_ASSERT)) == APIC_ICR_LEVEL)
        return true;                    /* de-assert: processors with VMX ignore it. SDM: 11.6.1 */
    for (u32 i = 0; i < cpu_count; i++)
        if (is_addressed(cpu, cpus[i], destination, command) && !deliver(cpus[i], delivery, (u8)command))
            return false;
    return true;
}
