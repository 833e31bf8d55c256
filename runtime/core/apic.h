/* This CPU's local APIC, in xAPIC or x2APIC mode. SDM: 11.4.1, 11.12 */
#pragma once

#include "generated/x86/x86.h"
#include "core/types.h"

struct cpu;

/* Commands of the interrupt command register. SDM: 11.6.1 */
#define APIC_SEND(what) (APIC_ICR_DELIVERY_##what << APIC_ICR_DELIVERY_SHIFT | APIC_ICR_ASSERT)

bool apic_is_x2(void);
/* The page's physical address. */
u64 apic_page(void);
u32 apic_read(u32 offset);
void apic_write(u32 offset, u32 value);
u32 apic_own_id(void);

/* Sends `command` to one CPU; the guest's value of the ICR's upper half stays. */
void apic_send(u32 apic_id, u32 command);

/* As INIT does it, which does not reach a CPU in root mode. SDM: 11.4.7.3 */
void apic_reset(struct cpu *cpu);
